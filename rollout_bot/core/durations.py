"""Durations as people write them in policies: 90s, 15m, 24h, 2d."""

from __future__ import annotations

import re
from datetime import timedelta

PATTERN = "^[0-9]{1,9}[smhd]$"
"""What JSON Schemas ask of a duration; the bound is left to `parse_duration`."""

LONGEST = timedelta(days=3650)

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """A whole number and one unit: "90s" → 90 seconds. Raises ValueError, which says what is allowed."""
    # fullmatch, because "$" would let a trailing newline pass.
    if not re.fullmatch(PATTERN.strip("^$"), text):
        raise ValueError(f"{text!r} is no duration; allowed: a whole number with s, m, h or d, such as 90s 15m 24h 2d")
    duration = timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])
    if duration > LONGEST:
        raise ValueError(f"{text!r} is too long; allowed: at most {format_duration(LONGEST)}")
    return duration


def format_duration(duration: timedelta) -> str:
    """The inverse, in the largest unit that needs no fraction: 15 minutes → "15m", a day → "24h", zero → "0s".

    A single day reads in hours, as policies write it. Raises ValueError for what has no such form.
    """
    if duration % timedelta(seconds=1) or duration < timedelta(0):
        raise ValueError(f"{duration} has no short form; allowed: whole seconds, not negative")
    seconds = duration // timedelta(seconds=1)
    if not seconds:
        return "0s"
    unit = next(unit for unit, size in _SECONDS.items() if seconds % size == 0 and (unit, seconds) != ("d", size))
    return f"{seconds // _SECONDS[unit]}{unit}"
