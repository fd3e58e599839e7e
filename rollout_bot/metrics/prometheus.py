"""Counts from any server that speaks the HTTP API of Prometheus.

Selectors are read as raw samples and counted exactly; expressions are evaluated by the server, with the weaknesses that
`increase()` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import ClassVar

from rollout_bot.core.durations import parse_duration
from rollout_bot.core.policy import Fault
from rollout_bot.core.samples import Measurement, Unmeasured, Window
from rollout_bot.core.wording import readable
from rollout_bot.metrics import connection
from rollout_bot.metrics.answers import matrix
from rollout_bot.metrics.counters import Series, Tally, arrivals_after_gaps, first_seen, measured, tally
from rollout_bot.metrics.failures import ExchangeFailed
from rollout_bot.metrics.http import Client
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.intervals import Grid
from rollout_bot.metrics.replicas import replica_label, without_duplicates
from rollout_bot.metrics.selectors import (
    LONGEST,
    Malformed,
    hides_absence,
    parse_query,
    selector_faults,
)

INTERVAL = "$interval"
"""Stands in an expression for the policy's interval, as a duration such as 900s."""

_COUNTS = ("total", "failed")
_SLICE = timedelta(hours=6)
_MARGIN = timedelta(minutes=30)
"""Looked at before the window: long enough for two scrapes of the slowest kind, to tell a birth from an old series."""

_STEPS = 10_000
"""Of one range query; servers refuse more than 11,000."""

_QUERY: Mapping[str, object] = {"type": "string", "minLength": 1, "maxLength": LONGEST}


class Prometheus(Source):
    """Source `prometheus`; see `docs/metrics.md` for its settings."""

    schema: ClassVar[Mapping[str, object]] = {
        "type": "object",
        "properties": {
            "address": {**connection.SECRET, "description": "Of the server, such as ${PROMETHEUS_URL}."},
            "total": {**_QUERY, "description": "Selector of the counters of all requests."},
            "failed": {**_QUERY, "description": "Selector of the counters of failed requests."},
            "total_query": {**_QUERY, "description": f"Expression for the requests of one {INTERVAL}."},
            "failed_query": {**_QUERY, "description": f"Expression for the failures of one {INTERVAL}."},
            "failed_absent": {"enum": ["zero", "unavailable"], "default": "zero"},
            "scrape_delay": {**connection.DURATION, "default": "1m"},
            "duplicates": {"enum": ["refuse", "deduplicate"], "default": "refuse"},
            "replica_label": {"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
            **connection.PROPERTIES,
        },
        "required": ["address"],
        "allOf": [{"oneOf": [{"required": [name]}, {"required": [f"{name}_query"]}]} for name in _COUNTS],
        "additionalProperties": False,
    }

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        self._access = connection.access(settings, surroundings, "address")
        self._queries = {
            key: str(settings[key]) for name in _COUNTS for key in (name, f"{name}_query") if key in settings
        }
        self._delay = parse_duration(str(settings.get("scrape_delay", "1m")))
        self._absent_is_zero = settings.get("failed_absent", "zero") == "zero"
        self._deduplicates = settings.get("duplicates", "refuse") == "deduplicate"
        label = settings.get("replica_label")
        self._replica_label = None if label is None else str(label)

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:
        yield from connection.connection_faults(settings, "address")
        yield from connection.duration_faults(settings, "scrape_delay", least=0)
        yield from selector_faults(settings)
        for key in (f"{name}_query" for name in _COUNTS):
            text = settings.get(key)
            if isinstance(text, str):
                yield from _expression_faults(key, text)

    def queries(self) -> Mapping[str, str]:
        return dict(self._queries)

    def samples(self, window: Window) -> Measurement | Unmeasured:
        grid = Grid.complete(window, self._delay)
        if not grid.count:
            return Measurement(())
        try:
            return _Reading(Client(self._access), grid, self._replica_label, deduplicates=self._deduplicates).measure(
                self._queries, absent_is_zero=self._absent_is_zero
            )
        except ExchangeFailed as error:
            return Unmeasured(str(error))


class _Reading:
    """One measurement: the questions share a client, and with it the deadline."""

    def __init__(self, client: Client, grid: Grid, label: str | None, *, deduplicates: bool) -> None:
        self._client = client
        self._grid = grid
        self._label = label
        self._deduplicates = deduplicates

    def measure(self, queries: Mapping[str, str], *, absent_is_zero: bool) -> Measurement | Unmeasured:
        observed: float | None = None
        notes: list[str] = []
        if "total" in queries:
            series, notes = self._unique(self._raw(queries["total"]))
            observed = first_seen(series)
            total = tally(series, self._grid, observed)
            total.notes += arrivals_after_gaps(total, self._grid)
        else:
            total = self._evaluated("total_query", queries["total_query"])
        if total.empty and not total.faults:
            return measured(total, total, self._grid, absent_is_zero=absent_is_zero)
        if "failed" in queries:
            series, more = self._unique(self._raw(queries["failed"]))
            notes += [note for note in more if note not in notes]
            # Where an expression counts the requests, the margin alone tells a birth from an old series.
            since = observed if observed is not None else (self._grid.start - _MARGIN).timestamp()
            failed = tally(series, self._grid, since)
        else:
            failed = self._evaluated("failed_query", queries["failed_query"])
        total.notes += notes
        return measured(total, failed, self._grid, absent_is_zero=absent_is_zero)

    def _raw(self, selector: str) -> list[Series]:
        """Raw samples from the margin to the end of the grid, in slices that overlap by a second."""
        found: dict[frozenset[tuple[str, str]], tuple[Mapping[str, str], list[tuple[float, float]]]] = {}
        reached = self._grid.start - _margin(self._grid)
        while reached < self._grid.end:
            until = min(reached + _SLICE, self._grid.end)
            span = -(-(until - reached) // timedelta(seconds=1)) + 1
            asked = {"query": f"{selector}[{span}s]", "time": _timestamp(until.timestamp())}
            for each in matrix(self._client.ask("POST", "/api/v1/query", asked)):
                _, samples = found.setdefault(frozenset(each.labels.items()), (each.labels, []))
                latest = samples[-1][0] if samples else float("-inf")
                samples += [sample for sample in each.samples if sample[0] > latest]
            reached = until
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
        grid = self._grid
        step = grid.interval.total_seconds()
        result = Tally([None] * grid.count)
        query = expression.replace(INTERVAL, _promql_duration(grid.interval))
        for first in range(0, grid.count, _STEPS):
            last = min(first + _STEPS, grid.count) - 1
            asked = {
                "query": query,
                "start": _timestamp(grid.span(first)[1].timestamp()),
                "end": _timestamp(grid.span(last)[1].timestamp()),
                "step": f"{step:.3f}",
                # VictoriaMetrics moves the steps otherwise, to suit its cache.
                "nocache": "1",
            }
            series = matrix(self._client.ask("POST", "/api/v1/query_range", asked))
            if len(series) > 1:
                raise ExchangeFailed(f"{name} gives {len(series)} series; allowed: one, such as sum(…) gives")
            for time, value in series[0].samples if series else ():
                _place(result, grid, name, time, value)
        return result


def _place(result: Tally, grid: Grid, name: str, time: float, value: float) -> None:
    index = grid.index(time)
    if not 0 <= index < grid.count or abs(grid.span(index)[1].timestamp() - time) > 0.01:
        raise ExchangeFailed(f"{name}: the server moved the steps of the query away from the intervals' ends")
    if 0 <= value < float("inf"):
        result.add(index, value)
    else:
        result.faults[index] = f"the expression gives {value:g}"


def _expression_faults(key: str, text: str) -> Iterator[Fault]:
    try:
        parse_query(text.replace(INTERVAL, "900s"))
    except Malformed as error:
        yield Fault(
            (key,), f"{readable(repr(text))}: {error}", f"a PromQL expression; {INTERVAL} stands for the interval"
        )
        return
    if hides_absence(text):
        yield Fault(
            (key,),
            f"{readable(repr(text))}: `or vector(…)` turns missing data into a number",
            "the expression without it; failed_absent says what an absent `failed` means",
        )


def _margin(grid: Grid) -> timedelta:
    return max(_MARGIN, 2 * grid.interval)


def _timestamp(seconds: float) -> str:
    return f"{seconds:.3f}"


def _promql_duration(interval: timedelta) -> str:
    seconds = interval / timedelta(seconds=1)
    return f"{int(seconds)}s" if seconds.is_integer() else f"{round(seconds * 1000)}ms"
