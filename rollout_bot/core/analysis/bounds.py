"""Likely bounds of error rates (95 %), for display: they decide nothing."""

from __future__ import annotations

import math

from rollout_bot.core.verdict import Rate

_Z95 = 1.959964
"""The normal distribution has 95 % within this many standard deviations."""


def wilson(rate: Rate, noise: float) -> tuple[float, float] | None:
    """Bounds of an error rate (95 %), as fractions; None without requests.

    Wilson's score interval (1927) with requests/noise, the effective sample size, in place of requests (Korn &
    Graubard, 1998).
    """
    share = rate.value
    if share is None:
        return None
    size = rate.requests / noise
    z2 = _Z95 * _Z95
    # Multiplied through by size, so that next to no requests give [0, 1] and not an overflow.
    middle = size * share + z2 / 2
    spread = _Z95 * math.sqrt(size * share * (1 - share) + z2 / 4)
    return max(0.0, (middle - spread) / (size + z2)), min(1.0, (middle + spread) / (size + z2))


def newcombe(rate: Rate, beside: Rate, noise: float) -> tuple[float, float] | None:
    """Bounds of `rate` − `beside` (95 %), as fractions; None if one of them has no requests.

    Newcombe's hybrid score interval (1998, method 10), built from the Wilson bounds of both.
    """
    one, other = wilson(rate, noise), wilson(beside, noise)
    if one is None or other is None or rate.value is None or beside.value is None:
        return None
    difference = rate.value - beside.value
    below = math.hypot(rate.value - one[0], other[1] - beside.value)
    above = math.hypot(one[1] - rate.value, beside.value - other[0])
    return max(-1.0, difference - below), min(1.0, difference + above)
