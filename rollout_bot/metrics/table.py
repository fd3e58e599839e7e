"""Counts per interval as a table: a line each, with the time at which its interval ended, and other values beside."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from rollout_bot.core.durations import format_duration
from rollout_bot.core.samples import Counts, Gap, Measurement, Reading, Readings, Sample, Window
from rollout_bot.metrics.cohorts import missing
from rollout_bot.metrics.intervals import merged

HEADER = ("time", "total", "failed")
BASELINE = ("baseline_total", "baseline_failed")
HOLE = "no row for this time"

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""Names a column of other values."""


_COLUMNS = 500

_NO_VALUES: Mapping[str, str] = MappingProxyType({})


class Malformed(Exception):
    """A file or document is not what was promised; the message says where, what was found and what is allowed."""


@dataclass(frozen=True, slots=True)
class Row:
    """Counts of the interval that ended at `time`; `place` names it in messages.

    `baseline` is None where the row has no counts of that cohort; `values` are the other columns, as they stand there.
    """

    place: str
    time: datetime
    enforced: Counts
    baseline: Counts | None = None
    values: Mapping[str, str] = field(default_factory=lambda: _NO_VALUES)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows in order of time, and the names of the columns beyond `time,total,failed`."""

    rows: tuple[Row, ...]
    columns: tuple[str, ...] = ()

    @property
    def with_baseline(self) -> bool:
        return set(BASELINE) <= set(self.columns)

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the columns that hold no counts."""
        return tuple(column for column in self.columns if column not in BASELINE)


def read(content: str, name: str, interval: timedelta) -> Table:
    """A CSV text with the header `time,total,failed[,baseline_total,baseline_failed][,…]`. Raises Malformed."""
    # Line by line, since a list of them all would take as much memory as the rows themselves.
    reader = csv.reader(io.StringIO(content, newline=None), strict=True)
    try:
        columns = _columns(tuple(next(reader, ())), name)
        rows = tuple(_row(fields, f"{name}:{reader.line_num}", columns) for fields in reader if fields)
    except csv.Error as error:
        raise Malformed(f"{name}:{reader.line_num}: {error}") from None
    check_order(rows, interval)
    return Table(rows, columns)


def _columns(header: tuple[str, ...], name: str) -> tuple[str, ...]:
    if len(header) > _COLUMNS:
        raise Malformed(f"{name}:1: found {len(header):,} columns; allowed: {_COLUMNS}")
    more = header[len(HEADER) :]
    others = more[len(BASELINE) :] if more[: len(BASELINE)] == BASELINE else more
    sound = all(COLUMN.fullmatch(each) and each not in HEADER + BASELINE for each in others)
    if header[: len(HEADER)] != HEADER or not sound or len(set(others)) < len(others):
        allowed = (
            f"{','.join(HEADER)}[,{','.join(BASELINE)}], then columns of other values, each with a name of its own"
        )
        raise Malformed(f"{name}:1: found {_shown(','.join(header))}; allowed: {allowed}")
    return more


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


def measurement(table: Table, window: Window, latest: datetime | None = None) -> Measurement:
    """The rows whose whole interval lies between the window's start and `latest` (default: its end).

    They need not be aligned with the window. Where rows are missing between others, there is a gap; rows that are yet
    to come are none, for a table may be written late: how late is too late is for the analysis to say.
    """
    rows = list(_inside(table.rows, window, latest or window.end))
    notes = tuple(missing(_unknown(rows, window.interval))) if table.with_baseline else ()
    return Measurement(merged(_intervals(rows, window)), notes, table.with_baseline)


def readings(table: Table, column: str, window: Window) -> Readings:
    """The values of one column, without its empty fields. Raises Malformed."""
    if column not in table.others:
        raise Malformed(f"the file has no column {_shown(column)}; there are: {', '.join(table.others) or 'none'}")
    points = []
    for row in _inside(table.rows, window, window.end):
        text = row.values[column]
        if text:
            points.append(Reading(row.time, parse_value(text, f"{row.place}: {column}")))
    return Readings(tuple(points))


def _inside(rows: Iterable[Row], window: Window, latest: datetime) -> Iterator[Row]:
    return (row for row in rows if row.time - window.interval >= window.start and row.time <= latest)


def _intervals(rows: Iterable[Row], window: Window) -> Iterator[Sample | Gap]:
    reached = window.start
    for row in rows:
        start = row.time - window.interval
        # Less than an interval is what a row that began before the window left over.
        if start - reached >= window.interval:
            yield Gap(reached, start, HOLE)
        baseline = row.baseline if row.baseline and not row.baseline.fault() else None
        if fault := row.enforced.fault():
            yield Gap(start, row.time, f"{row.place}: {fault}", baseline)
        else:
            yield Sample(start, row.time, row.enforced, baseline)
        reached = row.time


def _unknown(rows: Iterable[Row], interval: timedelta) -> Iterator[Gap]:
    """The intervals in which the baseline alone is not known."""
    for row in rows:
        fault = row.baseline.fault() if row.baseline else "it has no counts there"
        if fault:
            yield Gap(row.time - interval, row.time, fault)


def _row(fields: list[str], place: str, columns: tuple[str, ...]) -> Row:
    if len(fields) != len(HEADER) + len(columns):
        raise Malformed(f"{place}: found {len(fields)} fields; allowed: {len(HEADER) + len(columns)}")
    time, total, failed, *_ = fields
    values = dict(zip(columns, fields[len(HEADER) :], strict=True))
    other = [values.pop(name) for name in BASELINE if name in values]
    baseline = Counts(*(parse_count(each, place) for each in other)) if any(other) else None
    return Row(place, parse_time(time, place), Counts(parse_count(total, place), parse_count(failed, place)), baseline,
               values or _NO_VALUES)  # fmt: skip


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


def parse_value(text: str, place: str) -> float:
    """As a count, but it may be negative. Raises Malformed."""
    if _NUMBER.fullmatch(text.removeprefix("-")) and math.isfinite(number := float(text)):
        return number
    raise Malformed(f"{place}: found {_shown(text)}; allowed: a finite number, or nothing")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
