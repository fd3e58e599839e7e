"""A state machine of people, metrics and ticks on any forge, and what must always hold meanwhile."""
