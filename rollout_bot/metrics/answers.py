"""Answers of the Prometheus API as series: strictly, because whatever is guessed here ends up as evidence."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import Any

from rollout_bot.core.wording import readable
from rollout_bot.metrics.counters import Series
from rollout_bot.metrics.failures import ExchangeFailed

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Inf")


def matrix(document: object) -> list[Series]:
    """The series of a `matrix` answer. Raises ExchangeFailed for errors, warnings and everything unexpected."""
    result = _data(document).get("result")
    if not isinstance(result, list):
        raise ExchangeFailed("the answer has no list of results")
    return [_series(each) for each in result]


def _data(document: object) -> dict[str, Any]:
    if not isinstance(document, dict) or "status" not in document:
        raise ExchangeFailed("the answer is JSON, but not of the Prometheus API (no status)")
    if document["status"] != "success":
        raise ExchangeFailed(f"the server reports an error: {readable(str(document.get('error', 'unexplained')))}")
    # Thanos and Mimir tell of missing stores here; half the pods are no measurement.
    warnings = document.get("warnings")
    if warnings := _grave(warnings if isinstance(warnings, list) else [warnings]):
        told = "; ".join(warnings)
        raise ExchangeFailed(f"the server warns that the result may be partial: {readable(told)}")
    data = document.get("data")
    if document.get("isPartial") is True or (isinstance(data, dict) and data.get("isPartial") is True):
        raise ExchangeFailed("the server says that the result is partial (isPartial)")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        found = data.get("resultType") if isinstance(data, dict) else data
        raise ExchangeFailed(f"the server answers with result type {readable(repr(found), 40)}; expected: 'matrix'")
    return data


def _grave(warnings: list[object]) -> list[str]:
    """Without remarks on style: Prometheus 2.47 to 2.53 lists them here, such as that a name does not end in _total."""
    return [str(each) for each in warnings if each and not str(each).startswith("PromQL info: ")]


def _series(entry: object) -> Series:
    if not isinstance(entry, dict):
        raise ExchangeFailed("a series of the answer is malformed")
    if entry.get("histograms"):
        raise ExchangeFailed("a series is a native histogram; counters are needed")
    labels, values = entry.get("metric"), entry.get("values")
    if not isinstance(labels, dict) or not isinstance(values, list):
        raise ExchangeFailed("a series of the answer has no labels or no values")
    if not all(isinstance(value, str) for value in labels.values()):
        raise ExchangeFailed("a series of the answer has labels that are no text")
    samples = [_sample(pair) for pair in values]
    if any(later[0] <= earlier[0] for earlier, later in pairwise(samples)):
        raise ExchangeFailed("the samples of a series are not in order of time")
    return Series(labels, samples)


def _sample(pair: object) -> tuple[float, float]:
    if not (isinstance(pair, list) and len(pair) == 2):
        raise ExchangeFailed("a sample is not a pair of time and value")
    time, value = pair
    # The bound keeps times within what a datetime can be; bool is an int in Python.
    if isinstance(time, bool) or not isinstance(time, int | float) or not math.isfinite(time) or abs(time) > 1e11:
        raise ExchangeFailed(f"a sample has {readable(repr(time), 40)} for a time")
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise ExchangeFailed(f"a sample has {readable(repr(value), 40)} for a value")
    return float(time), float(value)
