"""A whole rollout on one machine, in simulated time: a simulated service and people, and the real bot."""
