"""What is asked of a server that speaks the HTTP API of Prometheus, and how its answers become counts and values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta

from rollout_bot.core.samples import Measurement, Reading, Readings, Unmeasured
from rollout_bot.core.wording import amount
from rollout_bot.metrics.answers import matrix
from rollout_bot.metrics.counters import Series, Tally, arrivals_after_gaps, first_seen, measured, tally
from rollout_bot.metrics.failures import ExchangeFailed, TooLarge
from rollout_bot.metrics.http import Client
from rollout_bot.metrics.intervals import Grid
from rollout_bot.metrics.replicas import replica_label, without_duplicates

INTERVAL = "$interval"
"""Stands in an expression for the policy's interval, as a duration such as 900s."""

_SLICE = timedelta(hours=24)
"""Of raw samples asked for at once, to begin with: each request costs more than what it brings from a small service."""

_SHORTEST = timedelta(hours=1)
"""A slice whose answer is too large is halved, down to about this."""
_MARGIN = timedelta(minutes=30)
"""Looked at before the window: long enough for two scrapes of the slowest kind, to tell a birth from an old series."""

_STEPS = 10_000
"""Of one range query; servers refuse more than 11,000."""

_Labels = frozenset[tuple[str, str]]


class Questions:
    """The questions of one measurement: they share a client, and with it the deadline. All raise ExchangeFailed.

    `label` tells replicas apart, where the policy names one.
    """

    def __init__(self, client: Client, grid: Grid, label: str | None = None, *, deduplicates: bool = False) -> None:
        self._client = client
        self._grid = grid
        self._label = label
        self._deduplicates = deduplicates
        self._counted: set[_Labels] = set()
        self._slice = _SLICE

    def cohort(self, queries: Mapping[str, str], *, absent_is_zero: bool) -> Measurement | Unmeasured:
        """Counts of one cohort; a series that an earlier cohort has counted belongs to that one and to no other."""
        others = frozenset(self._counted)
        observed: float | None = None
        notes: list[str] = []
        if "total" in queries:
            series, notes = self._unique(self._raw(queries["total"], others))
            observed = first_seen(series)
            total = tally(series, self._grid, observed)
            total.notes += arrivals_after_gaps(total, self._grid)
        else:
            total = self._evaluated("total_query", queries["total_query"])
        if total.empty and not total.faults:
            return measured(total, total, self._grid, absent_is_zero=absent_is_zero)
        if "failed" in queries:
            series, more = self._unique(self._raw(queries["failed"], others))
            notes += [note for note in more if note not in notes]
            # Where an expression counts the requests, the margin alone tells a birth from an old series.
            since = observed if observed is not None else (self._grid.start - _MARGIN).timestamp()
            failed = tally(series, self._grid, since)
        else:
            failed = self._evaluated("failed_query", queries["failed_query"])
        total.notes += notes
        return measured(total, failed, self._grid, absent_is_zero=absent_is_zero)

    def values(self, query: str) -> Readings:
        """The query's value at the end of each interval, where it has one."""
        found = list(self._steps("the query", query))
        finite = [(index, value) for index, value in found if math.isfinite(value)]
        lost = len(found) - len(finite)
        notes = (f"{amount(lost, 'value')} of NaN or infinity left out",) if lost else ()
        return Readings(tuple(Reading(self._grid.span(index)[1], value) for index, value in finite), notes)

    def _raw(self, selector: str, others: frozenset[_Labels]) -> list[Series]:
        """Raw samples from the margin to the end of the grid, in slices that overlap by a second."""
        found: dict[_Labels, tuple[Mapping[str, str], list[tuple[float, float]]]] = {}
        reached = self._grid.start - max(_MARGIN, 2 * self._grid.interval)
        while reached < self._grid.end:
            until = min(reached + self._slice, self._grid.end)
            span = -(-(until - reached) // timedelta(seconds=1)) + 1
            asked = {"query": f"{selector}[{span}s]", "time": _timestamp(until.timestamp())}
            try:
                answer = self._client.ask("POST", "/api/v1/query", asked)
            except TooLarge:
                if self._slice < 2 * _SHORTEST:
                    raise
                # For all that is asked after this too: the service will not have become smaller.
                self._slice /= 2
                continue
            for each in matrix(answer):
                _, samples = found.setdefault(frozenset(each.labels.items()), (each.labels, []))
                latest = samples[-1][0] if samples else float("-inf")
                samples += [sample for sample in each.samples if sample[0] > latest]
            reached = until
        if shared := others & found.keys():
            raise ExchangeFailed(
                f"{selector} finds {amount(len(shared), 'series', 'series')} that the enforced cohort counts already; "
                "a baseline leaves that cohort out"
            )
        self._counted |= found.keys()
        return [Series(labels, samples) for labels, samples in found.values()]

    def _unique(self, series: list[Series]) -> tuple[list[Series], list[str]]:
        label = replica_label(series, self._label)
        if label is None:
            return series, []
        if not self._deduplicates:
            raise ExchangeFailed(
                f"several replicas deliver the same series (label {label!r}), which would double every count; "
                "set duplicates: deduplicate, or select one replica"
            )
        # Found in `total`, the label holds for `failed` too, where few values may not give it away.
        self._label = label
        return without_duplicates(series, label), [f"duplicates by the label {label!r} left out"]

    def _evaluated(self, name: str, expression: str) -> Tally:
        result = Tally([None] * self._grid.count)
        for index, value in self._steps(name, expression):
            if 0 <= value < float("inf"):
                result.add(index, value)
            else:
                result.faults[index] = f"the expression gives {value:g}"
        return result

    def _steps(self, name: str, expression: str) -> Iterator[tuple[int, float]]:
        """An expression of one series, at the end of each interval where it has a value."""
        grid = self._grid
        query = expression.replace(INTERVAL, _promql_duration(grid.interval))
        for first in range(0, grid.count, _STEPS):
            last = min(first + _STEPS, grid.count) - 1
            asked = {
                "query": query,
                "start": _timestamp(grid.span(first)[1].timestamp()),
                "end": _timestamp(grid.span(last)[1].timestamp()),
                "step": f"{grid.interval.total_seconds():.3f}",
                # VictoriaMetrics moves the steps otherwise, to suit its cache.
                "nocache": "1",
            }
            series = matrix(self._client.ask("POST", "/api/v1/query_range", asked))
            if len(series) > 1:
                raise ExchangeFailed(f"{name} gives {len(series)} series; allowed: one, such as sum(…) gives")
            for time, value in series[0].samples if series else ():
                yield _place(grid, name, time), value


def _place(grid: Grid, name: str, time: float) -> int:
    index = grid.index(time)
    if not 0 <= index < grid.count or abs(grid.span(index)[1].timestamp() - time) > 0.01:
        raise ExchangeFailed(f"{name}: the server moved the steps of the query away from the intervals' ends")
    return index


def _timestamp(seconds: float) -> str:
    return f"{seconds:.3f}"


def _promql_duration(interval: timedelta) -> str:
    seconds = interval / timedelta(seconds=1)
    return f"{int(seconds)}s" if seconds.is_integer() else f"{round(seconds * 1000)}ms"
