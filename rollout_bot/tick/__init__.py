"""The one pass, from snapshot to report."""
