"""What is known of a rollout, and the conditions for its next stage."""
