"""Whole life cycles with faults put into every call that leaves the bot."""
