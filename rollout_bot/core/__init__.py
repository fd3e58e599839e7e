"""The pure heart: what a rollout is and what should happen to it. No I/O, no clock, no environment."""
