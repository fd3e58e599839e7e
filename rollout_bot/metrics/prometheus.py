"""Counts and other values from any server that speaks the HTTP API of Prometheus.

Selectors are read as raw samples and counted exactly; expressions are evaluated by the server, with the weaknesses that
`increase()` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from rollout_bot.core.durations import parse_duration
from rollout_bot.core.finding import Finding
from rollout_bot.core.model.policy import Fault
from rollout_bot.core.samples import Measurement, Readings, Unmeasured, Window
from rollout_bot.core.wording import readable
from rollout_bot.metrics import connection
from rollout_bot.metrics.cohorts import BASELINE, cohort_faults, named, together
from rollout_bot.metrics.failures import ExchangeFailed
from rollout_bot.metrics.http import Client
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.intervals import Grid
from rollout_bot.metrics.questions import INTERVAL, Questions
from rollout_bot.metrics.selectors import (
    LONGEST,
    Malformed,
    hides_absence,
    measures_nothing,
    parse_query,
    selector_faults,
)

_COUNTS = ("total", "failed")
_QUERY: Mapping[str, object] = {"type": "string", "minLength": 1, "maxLength": LONGEST}
_QUERIES: Mapping[str, object] = {
    "total": {**_QUERY, "description": "Selector of the counters of all requests."},
    "failed": {**_QUERY, "description": "Selector of the counters of failed requests."},
    "total_query": {**_QUERY, "description": f"Expression for the requests of one {INTERVAL}."},
    "failed_query": {**_QUERY, "description": f"Expression for the failures of one {INTERVAL}."},
}
_ONE_OF_EACH = [{"oneOf": [{"required": [name]}, {"required": [f"{name}_query"]}]} for name in _COUNTS]


class Prometheus(Source):
    """Source `prometheus`; see `docs/metrics.md` for its settings."""

    schema: ClassVar[Mapping[str, object]] = {
        "type": "object",
        "properties": {
            "address": {**connection.SECRET, "description": "Of the server, such as ${PROMETHEUS_URL}."},
            **_QUERIES,
            BASELINE: {
                "type": "object",
                "description": "The cohort without the change, asked for as the enforced one is.",
                "properties": _QUERIES,
                "allOf": _ONE_OF_EACH,
                "additionalProperties": False,
            },
            "failed_absent": {"enum": ["zero", "unavailable"], "default": "zero"},
            "scrape_delay": {**connection.DURATION, "default": "1m"},
            "duplicates": {"enum": ["refuse", "deduplicate"], "default": "refuse"},
            "replica_label": {"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"},
            **connection.PROPERTIES,
        },
        "required": ["address"],
        "allOf": _ONE_OF_EACH,
        "additionalProperties": False,
    }

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        self._access = connection.access(settings, surroundings, "address")
        self._enforced = _queries(settings)
        self._baseline = _queries(settings.get(BASELINE, {}))
        self.delay = parse_duration(str(settings.get("scrape_delay", "1m")))
        self._absent_is_zero = settings.get("failed_absent", "zero") == "zero"
        self._deduplicates = settings.get("duplicates", "refuse") == "deduplicate"
        label = settings.get("replica_label")
        self._replica_label = None if label is None else str(label)

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:
        yield from connection.connection_faults(settings, "address")
        yield from connection.duration_faults(settings, "scrape_delay", least=0)
        for path, queries in ((), settings), ((BASELINE,), cast("Mapping[str, object]", settings.get(BASELINE, {}))):
            for fault in _query_faults(queries):
                yield replace(fault, path=(*path, *fault.path))
        yield from cohort_faults(settings)

    @classmethod
    def reading_faults(cls, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:  # noqa: ARG003
        yield from _expression_faults((), query)

    def queries(self) -> Mapping[str, str]:
        return {**self._enforced, **named(self._baseline)}

    def samples(self, window: Window) -> Measurement | Unmeasured:
        grid = Grid.complete(window, self.delay)
        if not grid.count:
            return Measurement((), with_baseline=bool(self._baseline))
        with Client(self._access) as client:
            questions = Questions(client, grid, self._replica_label, deduplicates=self._deduplicates)
            enforced = self._cohort(questions, self._enforced)
            if isinstance(enforced, Unmeasured) or not self._baseline:
                return enforced
            return together(enforced, self._cohort(questions, self._baseline), window.interval)

    def probe(self, now: datetime, interval: timedelta) -> Iterator[Finding]:
        from rollout_bot.metrics.probing import probe

        with Client(self._access) as client:
            yield from probe(client, self.queries(), now - self.delay, interval)

    def readings(self, queries: Mapping[str, str], window: Window) -> Mapping[str, Readings | Unmeasured]:
        grid = Grid.complete(window, self.delay)
        if not grid.count:
            return dict.fromkeys(queries, Readings(()))
        with Client(self._access) as client:
            questions = Questions(client, grid)
            return {name: self._values(questions, query) for name, query in queries.items()}

    def _cohort(self, questions: Questions, queries: Mapping[str, str]) -> Measurement | Unmeasured:
        try:
            return questions.cohort(queries, absent_is_zero=self._absent_is_zero)
        except ExchangeFailed as error:
            return Unmeasured(self._access.hide(str(error)))

    def _values(self, questions: Questions, query: str) -> Readings | Unmeasured:
        try:
            return questions.values(query)
        except ExchangeFailed as error:
            return Unmeasured(self._access.hide(str(error)))


def _queries(settings: Any) -> dict[str, str]:
    return {key: str(settings[key]) for name in _COUNTS for key in (name, f"{name}_query") if key in settings}


def _query_faults(settings: Mapping[str, object]) -> Iterator[Fault]:
    yield from selector_faults(settings)
    for key in (f"{name}_query" for name in _COUNTS):
        text = settings.get(key)
        if isinstance(text, str):
            yield from _expression_faults((key,), text)


def _expression_faults(path: tuple[str, ...], text: str) -> Iterator[Fault]:
    found = readable(repr(text))
    try:
        tree = parse_query(text.replace(INTERVAL, "900s"))
    except Malformed as error:
        yield Fault(path, f"{found}: {error}", f"a PromQL expression; {INTERVAL} stands for the interval")
        return
    if kind := measures_nothing(tree):
        yield Fault(path, f"{found}: {kind}", "a PromQL expression that gives one value at each moment")
    if hides_absence(text):
        allowed = "the expression without it"
        if path:
            allowed += "; failed_absent says what an absent `failed` means"
        yield Fault(path, f"{found}: `or vector(…)` turns missing data into a number", allowed)
