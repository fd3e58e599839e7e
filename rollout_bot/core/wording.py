"""Figures as people read them. The same words in every report, so that two of them can be compared by eye."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

UNSEEN = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    r"\U000e0000-\U000e007f"
)
"""What moves a cursor, turns the direction of writing, hides, or is no character: to stand between [ ] in a pattern."""

_UNSEEN = re.compile(f"[{UNSEEN}]+")
_COMMAND = "##["
"""Where it stands in a line, a runner of GitHub Actions looks for a command: its older way to write one."""

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def percent(fraction: float) -> str:
    """A fraction of one as per cent, to three significant digits: 0.005 → "0.5 %", 0.00125 → "0.125 %"."""
    value = fraction * 100
    if 0 < value < 0.0001:
        return "under 0.0001 %"
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{_trimmed(value, decimals)} %"


def points(fraction: float) -> str:
    """A difference of rates in points of a per cent: 0.007 → "0.7 points", −0.0001 → "−0.01 points"."""
    figure = percent(abs(fraction)).removesuffix(" %")
    return f"{'−' if fraction < 0 else ''}{figure} {'point' if figure == '1' else 'points'}"


def count(number: float) -> str:
    """Requests or failures: 12400.0 → "12,400"; fractions, which some servers deliver, to a tenth below a hundred."""
    if 0 < number < 0.05:
        return "under 0.1"
    return _trimmed(number, 1 if number < 100 else 0)


def figure(value: float) -> str:
    """Any measured value, to six significant digits: 0.1830000001 → "0.183"."""
    return f"{value:.6g}"


def amount(number: float, singular: str, plural: str | None = None) -> str:
    """A count with its noun: (1, "failure") → "1 failure", (77, "failure") → "77 failures"."""
    return f"{count(number)} {singular if number == 1 else plural or singular + 's'}"


def duration(span: timedelta) -> str:
    """The two largest units of a span, rounded down: "1 d 2 h", "45 min", "1 min 30 s"; "0 s" for less than one."""
    seconds = int(abs(span).total_seconds())
    parts: list[str] = []
    for size, unit in _UNITS:
        whole, seconds = divmod(seconds, size)
        if whole:
            parts.append(f"{whole} {unit}")
        # Neighbouring units only: nobody needs the seconds of a day.
        if parts and (len(parts) == 2 or not whole or unit == "s"):
            break
    sign = "−" if parts and span < timedelta(0) else ""
    return sign + (" ".join(parts) or "0 s")


def moment(time: datetime) -> str:
    """An aware time to the minute, in UTC: "2026-11-23 09:15 UTC"."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def one_line(text: str) -> str:
    """Text from outside without control characters, line breaks and marks that turn the direction of writing.

    No runner takes a part of it for a command.
    """
    line = _UNSEEN.sub(" ", text).strip()
    return line.replace(_COMMAND, "##\u200b[") if _COMMAND in line else line


def readable(text: object, longest: int = 200) -> str:
    """Somebody else's text on one line, without anything that cannot be printed, cut to length."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in str(text)).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _trimmed(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
