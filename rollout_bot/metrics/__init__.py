"""Where counts of requests and failures come from."""
