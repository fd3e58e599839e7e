"""A policy over history."""
