"""Where the metrics about the rollouts go."""
