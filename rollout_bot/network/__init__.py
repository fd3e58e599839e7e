"""Where a request may go, how long it may take, and what is sent until it arrives."""
