"""Counts per interval as a table: a line each, with the time at which its interval ended."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rollout_bot.core.durations import format_duration
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Window
from rollout_bot.metrics.intervals import merged

HEADER = ("time", "total", "failed")
BASELINE = ("baseline_total", "baseline_failed")

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Malformed(Exception):
    """A file or document is not what was promised; the message says where, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of the interval that ended at `time`; `place` names it in messages."""

    place: str
    time: datetime
    enforced: Counts
    baseline: Counts | None = None


def read(content: str, name: str, interval: timedelta) -> list[Row]:
    """The rows of a CSV text with the header `time,total,failed[,baseline_total,baseline_failed]`. Raises Malformed."""
    reader = csv.reader(content.splitlines(), strict=True)
    try:
        header = tuple(next(reader, ()))
        if header not in (HEADER, HEADER + BASELINE):
            raise Malformed(
                f"{name}:1: found {_shown(','.join(header))}; allowed: {','.join(HEADER)}[,{','.join(BASELINE)}]"
            )
        rows = [_row(fields, f"{name}:{reader.line_num}", len(header)) for fields in reader if fields]
    except csv.Error as error:
        raise Malformed(f"{name}:{reader.line_num}: {error}") from None
    check_order(rows, interval)
    return rows


def check_order(rows: Iterable[Row], interval: timedelta) -> None:
    """Raises Malformed unless every row ends at least an interval after the one before it."""
    previous: Row | None = None
    for row in rows:
        if previous is not None and row.time - previous.time < interval:
            raise Malformed(
                f"{row.place}: {row.time.isoformat()} after {previous.time.isoformat()}; "
                f"allowed: rising times, at least the policy's interval ({format_duration(interval)}) apart"
            )
        previous = row


def measurement(rows: Iterable[Row], window: Window, latest: datetime | None = None) -> Measurement:
    """The rows whose whole interval lies between the window's start and `latest` (default: its end).

    They need not be aligned with the window. Where rows are missing between others, there is a gap; rows that are yet
    to come are none, for a table may be written late: how late is too late is for the analysis to say.
    """
    latest = latest or window.end
    return Measurement(merged(_intervals(rows, window, latest)))


def _intervals(rows: Iterable[Row], window: Window, latest: datetime) -> Iterator[Sample | Gap]:
    reached = window.start
    for row in rows:
        start = row.time - window.interval
        if start < window.start or row.time > latest:
            continue
        # Less than an interval is what a row that began before the window left over.
        if start - reached >= window.interval:
            yield Gap(reached, start, "no row for this time")
        faults = [each.fault() for each in (row.enforced, row.baseline) if each is not None]
        fault = next((each for each in faults if each), None)
        yield (
            Gap(start, row.time, f"{row.place}: {fault}")
            if fault
            else Sample(start, row.time, row.enforced, row.baseline)
        )
        reached = row.time


def _row(fields: list[str], place: str, width: int) -> Row:
    if len(fields) != width:
        raise Malformed(f"{place}: found {len(fields)} fields; allowed: {width}")
    numbers = [parse_count(field, place) for field in fields[1:]]
    baseline = Counts(numbers[2], numbers[3]) if width > len(HEADER) else None
    return Row(place, parse_time(fields[0], place), Counts(numbers[0], numbers[1]), baseline)


def parse_time(text: str, place: str) -> datetime:
    """An RFC 3339 time with its zone. Raises Malformed."""
    try:
        # Years at which adding or taking an interval cannot overflow.
        if _TIME.fullmatch(text) and "1970" <= text[:4] <= "9000":
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except ValueError:
        pass
    raise Malformed(f"{place}: found {_shown(text)}; allowed: a time with its zone, such as 2026-11-23T09:15:00Z")


def parse_count(text: str, place: str) -> float:
    """A finite decimal number, not negative: no underscores, no digits of other scripts. Raises Malformed."""
    if _NUMBER.fullmatch(text) and math.isfinite(number := float(text)):
        return number
    raise Malformed(f"{place}: found {_shown(text)}; allowed: a count, a finite number that is not negative")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
