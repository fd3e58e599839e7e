"""Counts and other values from a file: for demonstrations, tests and looking back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, cast

from rollout_bot.core.model.policy import Fault
from rollout_bot.core.samples import Measurement, Readings, Unmeasured, Window
from rollout_bot.metrics.cohorts import BASELINE, cohort_faults, named, together
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.table import COLUMN, Malformed, Table, measurement, read, readings

LARGEST = 16 * 1024 * 1024
"""Bytes of a recording: a row a minute for more than a year. In memory it becomes ten to fifteen times as large."""

_SELECTORS: Mapping[str, object] = {
    "total": {"type": "string", "minLength": 1, "description": "Selector of the counters of all requests."},
    "failed": {"type": "string", "minLength": 1, "description": "Selector of the counters of failures."},
}


class Recording(Source):
    """A CSV file of counts per interval or, where `total` and `failed` name counters, an OpenMetrics file."""

    # `path` is not expanded from the environment, because messages show it.
    schema: ClassVar[Mapping[str, object]] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "description": "Relative to the repository's root."},
            **_SELECTORS,
            BASELINE: {
                "type": "object",
                "description": "The cohort without the change; a CSV file has columns for it.",
                "properties": _SELECTORS,
                "required": ["total", "failed"],
                "additionalProperties": False,
            },
        },
        "required": ["path"],
        "dependentRequired": {"total": ["failed"], "failed": ["total"], BASELINE: ["total"]},
        "additionalProperties": False,
    }

    chunk: ClassVar[timedelta | None] = None

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        self._name = str(settings["path"])
        self._path = surroundings.root / self._name
        self._enforced = _selectors(settings)
        self._baseline = _selectors(settings.get(BASELINE, {}))

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:
        from rollout_bot.metrics.selectors import selector_faults

        yield from selector_faults(settings)
        for fault in selector_faults(cast("Mapping[str, object]", settings.get(BASELINE, {}))):
            yield replace(fault, path=(BASELINE, *fault.path))
        yield from cohort_faults(settings)

    @classmethod
    def reading_faults(cls, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:
        if "total" in settings:
            from rollout_bot.metrics.selectors import selector_fault

            if fault := selector_fault(query, ()):
                yield fault
        elif not COLUMN.fullmatch(query):
            yield Fault((), repr(query), "the name of a column of the recording, such as latency_p99")

    def queries(self) -> Mapping[str, str]:
        return {"path": self._name, **self._enforced, **named(self._baseline)}

    def samples(self, window: Window) -> Measurement | Unmeasured:
        """Rows or counters of the file; `Unmeasured` where it is missing, too large or malformed."""
        try:
            content = self._content()
            if self._enforced:
                return self._counters(content, window)
            return measurement(read(content, self._name, window.interval), window)
        except Malformed as error:
            return Unmeasured(str(error))

    def readings(self, queries: Mapping[str, str], window: Window) -> Mapping[str, Readings | Unmeasured]:
        """Columns of a CSV file by name; in an OpenMetrics file a query is a selector of one series."""
        try:
            content = self._content()
            if self._enforced:
                from rollout_bot.metrics.exposition import gauges

                return gauges(content, self._name, queries, window)
            table = read(content, self._name, window.interval)
        except Malformed as error:
            return dict.fromkeys(queries, Unmeasured(str(error)))
        return {name: _values(table, column, window) for name, column in queries.items()}

    def extent(self, interval: timedelta) -> tuple[datetime, datetime] | None:
        """From the first row, or the first sample of the counters, to the last; None where there is none."""
        try:
            times = list(self._times(interval))
        except Malformed:
            return None
        return (min(times), max(times)) if times else None

    def _times(self, interval: timedelta) -> Iterator[datetime]:
        content = self._content()
        if not self._enforced:
            for row in read(content, self._name, interval).rows:
                yield from (row.time - interval, row.time)
            return
        from rollout_bot.metrics.exposition import read_series

        for series in read_series(content, self._name, self._enforced, until=math.inf)["total"]:
            yield from (datetime.fromtimestamp(time, UTC) for time, _ in series.samples)

    def _content(self) -> str:
        try:
            with self._path.open("rb") as file:
                # As much as it takes to see that it is too long: a device has no size.
                content = file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise Malformed(f"{self._name} is larger than {LARGEST // 1024**2} MB")
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Malformed(f"{self._name} is not UTF-8 text") from None
        except (OSError, ValueError) as error:
            reason = cast("str | None", getattr(error, "strerror", None)) or type(error).__name__
            raise Malformed(f"{self._name} cannot be read ({reason})") from None

    def _counters(self, content: str, window: Window) -> Measurement | Unmeasured:
        from rollout_bot.metrics.exposition import cohort, read_series
        from rollout_bot.metrics.intervals import Grid

        grid = Grid.complete(window)
        wanted = {**self._enforced, **named(self._baseline)}
        found = read_series(content, self._name, wanted, until=window.end.timestamp())
        enforced = cohort(found, grid)
        if isinstance(enforced, Unmeasured) or not self._baseline:
            return enforced
        return together(enforced, cohort(found, grid, f"{BASELINE}."), window.interval)


def _selectors(settings: Any) -> dict[str, str]:
    return {name: str(settings[name]) for name in ("total", "failed") if name in settings}


def _values(table: Table, column: str, window: Window) -> Readings | Unmeasured:
    try:
        return readings(table, column, window)
    except Malformed as error:
        return Unmeasured(str(error))
