"""What the schemas' own formats mean: a text or number of a document → a value of the core.

Each reader is both the check behind `"format"` in a schema and the conversion afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from rollout_bot.core.durations import LONGEST, parse_duration
from rollout_bot.files.calendar import dates, hours, zone
from rollout_bot.files.problems import Unreadable, show

_PERCENT = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?) ?%")
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")

_RATE = "a rate above 0 and up to 100%, such as 0.5% or 0.005"
_CONFIDENCE = "a confidence from 50% to below 100%, such as 99% or 0.99"
_DURATION = "a whole number with its unit: 90s, 15m, 24h, 2d"
_MOMENT = "a time of RFC 3339, such as 2026-01-31T09:15:00Z"
_INTERVAL = "a duration from 1m to 1d, such as 15m"


def rate(value: object) -> float:
    """A share of requests as a fraction: "0.5%" or 0.005 → 0.005. Raises Unreadable."""
    fraction = _fraction(value, _RATE)
    if fraction == 0:
        hint = (
            "No amount of traffic can prove a rate of 0, and one failure would exceed it: allow a little, such as 0.01%"
        )
        raise Unreadable(show(value), _RATE, hint)
    if not 0 < fraction <= 1:
        raise Unreadable(show(value), _RATE)
    return fraction


def confidence(value: object) -> float:
    """A probability: "99%" or 0.99 → 0.99. Raises Unreadable."""
    fraction = _fraction(value, _CONFIDENCE)
    if fraction >= 1:
        raise Unreadable(show(value), _CONFIDENCE, "Certainty would take evidence without end")
    if fraction < 0.5:
        raise Unreadable(show(value), _CONFIDENCE)
    return fraction


def duration(value: object) -> timedelta:
    """A span of time: "24h". Raises Unreadable."""
    if not isinstance(value, str):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        raise Unreadable(show(value), _DURATION, "Which unit is meant?" if number else "")
    try:
        return parse_duration(value)
    except ValueError:
        raise Unreadable(show(value), f"{_DURATION}; at most {LONGEST.days}d") from None


def interval(value: object) -> timedelta:
    """A duration that a measurement may be cut into. Raises Unreadable."""
    span = duration(value)
    if not timedelta(minutes=1) <= span <= timedelta(days=1):
        raise Unreadable(show(value), _INTERVAL)
    return span


def date_time(value: object) -> datetime:
    """A moment of RFC 3339, in UTC afterwards. Raises Unreadable."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise Unreadable(show(value), _MOMENT)
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(show(value), _MOMENT) from None


def write_time(moment: datetime) -> str:
    """The inverse of `date_time`: RFC 3339 with Z, with microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def _fraction(value: object, allowed: str) -> float:
    if isinstance(value, str):
        percent = _PERCENT.fullmatch(value)
        if not percent:
            hint = f"Write {value} without quotes, or with %" if _NUMBER.fullmatch(value) else ""
            raise Unreadable(show(value), allowed, hint)
        # Shifting the exponent rounds once; a division by 100 would turn 0.7% into 0.006999….
        return float(f"{percent.group(1)}e-2")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(show(value), allowed)
    if 1 <= value <= 100:
        other = ", or 100%? Write 1% or 100%" if value == 1 else f"? Write {value:g}% or {value / 100:g}"
        raise Unreadable(show(value), allowed, f"Was {value:g}% meant{other}")
    if value < 0 or value > 1:
        raise Unreadable(show(value), allowed)
    return float(value)


FORMATS: Mapping[str, Callable[[object], object]] = MappingProxyType(
    {
        "rate": rate,
        "confidence": confidence,
        "short-duration": duration,
        "interval": interval,
        "date-time": date_time,
        "time-zone": zone,
        "hours": hours,
        "dates": dates,
    }
)
