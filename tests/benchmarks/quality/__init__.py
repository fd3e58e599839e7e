"""Simulated rollouts: how often a rule errs, how fast it is, and what no rule could do better."""
