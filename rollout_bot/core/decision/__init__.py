"""What should happen to a rollout, what may be merged, and the actions that make it happen."""
