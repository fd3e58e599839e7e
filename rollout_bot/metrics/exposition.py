"""Counters with timestamps from OpenMetrics text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from rollout_bot.metrics.counters import Series
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
