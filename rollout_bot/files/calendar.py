"""The formats of a promotion window: a time zone, hours of a day, dates."""

from __future__ import annotations

import pkgutil
import re
from datetime import date, time, tzinfo
from functools import cache

from rollout_bot.core.model.windows import Dates, Hours
from rollout_bot.files.problems import Unreadable, show

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")
_LOOSE_HOURS = re.compile(r"([0-9]{1,2})(?:[:.h]?([0-9]{2}))? ?[-–] ?([0-9]{1,2})(?:[:.h]?([0-9]{2}))?(?: ?h)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

_ZONE = "the name of an IANA time zone, such as Europe/Berlin or UTC"
_SPAN = "hours of the day such as 09:00-12:00, or 22:00-02:00 past midnight"
_DATES = "a date such as 2026-12-24, or the first and the last with a slash: 2026-12-24/2027-01-02"


def zone(value: object) -> tzinfo:
    """A time zone by its IANA name: "Europe/Berlin". Raises Unreadable."""
    from zoneinfo import ZoneInfo  # policies without a window are read without it

    if not isinstance(value, str) or value not in _zones():
        raise Unreadable(show(value), _ZONE, _nearest(value) if isinstance(value, str) else "")
    return ZoneInfo(value)


@cache
def _zones() -> frozenset[str]:
    """Names from the package and not from the machine: where it has others, a policy would be valid here only."""
    return frozenset((pkgutil.get_data("tzdata", "zones") or b"").decode().split())


def _nearest(text: str) -> str:
    city = text.strip().replace(" ", "_").rsplit("/", 1)[-1].lower()
    import difflib

    same = sorted(name for name in _zones() if name.rsplit("/", 1)[-1].lower() == city)
    near = same or difflib.get_close_matches(text, _zones(), 1)
    return f"Did you mean {' or '.join(near[:3])}?" if near else ""


def hours(value: object) -> Hours:
    """A part of a day: "09:00-12:00", also past midnight. Raises Unreadable."""
    text = value.replace("-24:00", "-00:00") if isinstance(value, str) else ""
    found = _HOURS.fullmatch(text)
    if not found:
        raise Unreadable(show(value), _SPAN, _hours_meant(text))
    first, second, third, fourth = map(int, found.groups())
    start, end = time(first, second), time(third, fourth)
    # Both would mean a whole day, but only one of them can be meant to.
    if start == end and value != "00:00-24:00":
        raise Unreadable(show(value), _SPAN, "For a whole day write 00:00-24:00")
    return Hours(start, end)


def _hours_meant(text: str) -> str:
    found = _LOOSE_HOURS.fullmatch(text)
    if not found:
        return ""
    first, second, third, fourth = (int(part or 0) for part in found.groups())
    if first > 23 or third > 24 or max(second, fourth) > 59:
        return ""
    return f"Did you mean {first:02}:{second:02}-{third:02}:{fourth:02}?"


def dates(value: object) -> Dates:
    """A day, or all days from one to another: "2026-12-24/2027-01-02". Raises Unreadable."""
    parts = value.split("/") if isinstance(value, str) else []
    if not 1 <= len(parts) <= 2 or not all(map(_DATE.fullmatch, parts)):
        raise Unreadable(show(value), _DATES)
    try:
        days = [date.fromisoformat(part) for part in parts]
    except ValueError:
        raise Unreadable(show(value), _DATES, "There is no such day") from None
    if days[-1] < days[0]:
        raise Unreadable(show(value), _DATES, f"The earlier one comes first: {days[1]}/{days[0]}")
    return Dates(days[0], days[-1])
