"""What a repository holds: policies, states and their history, as values."""
