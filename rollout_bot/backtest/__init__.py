"""A policy tried on history, and beforehand on the traffic that there is."""
