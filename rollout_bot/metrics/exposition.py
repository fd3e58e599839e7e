"""Counters and gauges with timestamps from OpenMetrics text."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rollout_bot.core.samples import Measurement, Reading, Readings, Unmeasured, Window
from rollout_bot.core.wording import amount
from rollout_bot.metrics.counters import Series, arrivals_after_gaps, first_seen, measured, tally
from rollout_bot.metrics.intervals import Grid
from rollout_bot.metrics.selectors import Matcher, parse_selector
from rollout_bot.metrics.table import Malformed


def read_series(content: str, name: str, selectors: Mapping[str, str], *, until: float) -> dict[str, list[Series]]:
    """The series of each selector, up to a moment in seconds since 1970, in order of time. Raises Malformed."""
    wanted = {key: parse_selector(selector) for key, selector in selectors.items()}
    for text, selector in zip(selectors.values(), wanted.values(), strict=True):
        for matcher in selector.matchers:
            _check_pattern(matcher, text)
    found: dict[str, dict[frozenset[tuple[str, str]], dict[float, float]]] = {key: defaultdict(dict) for key in wanted}
    for sample in _samples(content, name):
        labels = {"__name__": str(sample.name), **sample.labels}
        for key in (key for key, selector in wanted.items() if selector.accepts(labels)):
            if sample.timestamp is None:
                raise Malformed(f"{name}: a sample of {sample.name} has no timestamp; a recording needs them")
            time = float(sample.timestamp)
            if time <= until:
                found[key][frozenset(labels.items())][time] = float(sample.value)
    return {
        key: [Series(dict(labels), sorted(samples.items())) for labels, samples in series.items()]
        for key, series in found.items()
    }


def cohort(found: Mapping[str, list[Series]], grid: Grid, prefix: str = "") -> Measurement | Unmeasured:
    """Counts of the series under `total` and `failed`, or under these names with a prefix: those of a baseline."""
    series, failures = found[f"{prefix}total"], found[f"{prefix}failed"]
    if prefix and (shared := _labels(series, failures) & _labels(found["total"], found["failed"])):
        return Unmeasured(f"its selectors find {amount(len(shared), 'series', 'series')} of the enforced cohort")
    observed = first_seen(series)
    total = tally(series, grid, observed)
    total.notes += arrivals_after_gaps(total, grid)
    return measured(total, tally(failures, grid, observed), grid, absent_is_zero=True)


def _labels(*several: Iterable[Series]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(each.labels.items()) for series in several for each in series}


def gauges(content: str, name: str, selectors: Mapping[str, str], window: Window) -> dict[str, Readings | Unmeasured]:
    """The newest value of one series in each complete interval of the window. Raises Malformed."""
    found = read_series(content, name, selectors, until=window.end.timestamp())
    grid = Grid.complete(window)
    return {key: _gauge(series, selectors[key], grid) for key, series in found.items()}


def _gauge(series: list[Series], selector: str, grid: Grid) -> Readings | Unmeasured:
    if len(series) > 1:
        return Unmeasured(f"{selector} names {len(series)} series; allowed: one")
    newest: dict[int, float] = {}
    for time, value in series[0].samples if series else ():
        if 0 <= (index := grid.index(time)) < grid.count:
            newest[index] = value
    finite = tuple(Reading(grid.span(index)[1], value) for index, value in newest.items() if math.isfinite(value))
    lost = len(newest) - len(finite)
    return Readings(finite, (f"{amount(lost, 'value')} of NaN or infinity left out",) if lost else ())


def _check_pattern(matcher: Matcher, selector: str) -> None:
    try:
        re.compile(matcher.value if matcher.operator.endswith("~") else "")
    except re.error as error:
        # PromQL's expressions are RE2, and this is the only place where Python has to understand them.
        raise Malformed(f"{selector!r}: {matcher.value!r} is no expression in a recording ({error})") from None


def _samples(content: str, name: str) -> Iterable[Any]:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    try:
        for family in text_string_to_metric_families(content):  # type: ignore[no-untyped-call]
            yield from family.samples
    # The parser raises ValueError for most, but not for all that can be wrong with a text.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise Malformed(f"{name} is not OpenMetrics text ({str(error)[:200]!r})") from None
