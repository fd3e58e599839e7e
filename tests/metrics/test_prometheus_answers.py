"""Answers that no healthy Prometheus gives: each becomes a reason or a gap, none a number."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.prometheus import Prometheus

URL = "http://prometheus.example"
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
T0 = START.timestamp()
STEP = timedelta(minutes=15)
RAW: dict[str, object] = {"address": URL, "total": "r_total", "failed": "f_total"}
QUERIES: dict[str, object] = {"address": URL, "total_query": "sum(r)", "failed_query": "sum(f)"}


def series(*samples: tuple[float, Any], **labels: Any) -> dict[str, Any]:
    return {"metric": labels, "values": [[T0 + time, value] for time, value in samples]}


def matrix(*result: Any, **extra: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "matrix", "result": list(result)}, **extra}


def measure(
    total: Any, failed: Any = None, given: dict[str, object] = RAW, **extra: object
) -> Measurement | Unmeasured:
    Draft202012Validator(Prometheus.schema).validate({**given, **extra})
    path = "query" if given is RAW else "query_range"
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(f"{URL}/api/v1/{path}", json=total)
        mock.post(f"{URL}/api/v1/{path}", json=matrix() if failed is None else failed)
        window = Window(START, START + 2 * STEP + timedelta(minutes=1), STEP)
        return Prometheus({**given, **extra}, Surroundings(Path())).samples(window)


OLD, FIRST, SECOND = (-60.0, "1"), (900.0, "11"), (1800.0, "31")
GOOD = matrix(series(OLD, FIRST, SECOND))


def span(index: int) -> tuple[datetime, datetime]:
    return START + index * STEP, START + (index + 1) * STEP


def sample(index: int, total: float, failed: float = 0) -> Sample:
    return Sample(*span(index), Counts(total, failed))


def test_a_good_answer_is_counted() -> None:
    failed = matrix(series((1700.0, "2")))
    assert measure(GOOD, failed) == Measurement((sample(0, 10), sample(1, 20, 2)))


def test_a_remark_on_style_is_no_warning() -> None:
    remark = 'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "r" (1:6)'
    assert measure({**GOOD, "warnings": [remark]}) == Measurement((sample(0, 10), sample(1, 20)))
    partial = measure({**GOOD, "warnings": [remark, "store a: gone"]})
    assert partial == Unmeasured("the server warns that the result may be partial: store a: gone")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "not of the Prometheus API"),
        ({"status": "error", "error": "too many\nsamples"}, "reports an error: too many samples"),
        (matrix(warnings=["store a: gone"]), "may be partial: store a: gone"),
        (matrix(warnings="gone"), "may be partial: gone"),
        (matrix(isPartial=True), "isPartial"),
        ({"status": "success", "data": {"resultType": "vector", "result": []}}, "result type 'vector'"),
        ({"status": "success", "data": None}, "result type None"),
        ({"status": "success", "data": {"resultType": "matrix", "result": {}}}, "no list of results"),
        (matrix(5), "a series of the answer is malformed"),
        (matrix({"metric": {}, "values": None}), "no labels or no values"),
        (matrix({"metric": {}, "histograms": [[1, {}]]}), "native histogram"),
        (matrix(series(OLD, pod=5)), "labels that are no text"),
        (matrix(series(FIRST, OLD)), "not in order of time"),
        (matrix({"metric": {}, "values": [[1]]}), "not a pair"),
        (matrix({"metric": {}, "values": [["1", "1"]]}), "'1' for a time"),
        (matrix({"metric": {}, "values": [[True, "1"]]}), "True for a time"),
        (matrix({"metric": {}, "values": [[1e300, "1"]]}), "1e+300 for a time"),
        (matrix(series((1, 5))), "5 for a value"),
        (matrix(series((1, "3_000"))), "'3_000' for a value"),
        (matrix(series((1, "٣"))), "for a value"),
        (matrix(series((1, "infinity"))), "'infinity' for a value"),
        (matrix(), "`total` has no data in the whole window"),
        (matrix(series(OLD)), "`total` has no data in the whole window"),
    ],
)
def test_a_strange_answer_is_no_measurement(answer: Any, reason: str) -> None:
    result = measure(answer)
    assert isinstance(result, Unmeasured)
    assert reason in result.reason


def test_one_pods_nan_costs_neither_the_interval_nor_the_counts() -> None:
    total = matrix(series(OLD, FIRST, (1000.0, "NaN"), SECOND, pod="a"), series(OLD, FIRST, pod="b"))
    result = measure(total)
    assert result == Measurement((sample(0, 20), sample(1, 20)), ("total: 1 sample of NaN left out",))


@pytest.mark.parametrize("value", ["+Inf", "-1", "1e400"])
def test_an_impossible_value_costs_its_interval(value: str) -> None:
    result = measure(matrix(series(OLD, (60.0, value), FIRST, SECOND)))
    assert isinstance(result, Measurement)
    assert isinstance(result.intervals[0], Gap)
    assert result.intervals[1] == sample(1, 20)


def test_more_failures_than_requests_are_a_gap() -> None:
    result = measure(GOOD, matrix(series((100.0, "500"))))
    assert result == Measurement((Gap(*span(0), "failed (500) exceeds total (10)"), sample(1, 20)))


def test_where_the_measuring_begins_old_series_are_not_taken_for_births() -> None:
    assert measure(matrix(series((60.0, "1000000"), (900.0, "1000010")))) == Measurement(
        (sample(0, 10), Gap(*span(1), "`total` has no samples"))
    )


def test_failures_that_are_absent_cost_their_intervals_if_the_policy_says_so() -> None:
    result = measure(GOOD, matrix(series((1700.0, "2"))), failed_absent="unavailable")
    assert result == Measurement((Gap(*span(0), "`failed` has no samples"), sample(1, 20, 2)))


def test_equal_series_are_replicas_if_a_label_says_so() -> None:
    twins = matrix(*(series(OLD, FIRST, SECOND, pod="a", replica=each) for each in "ab"))
    result = measure(twins)
    assert isinstance(result, Unmeasured)
    assert "label 'replica'" in result.reason
    once = measure(twins, matrix(*(series((60.0, "1"), replica=each) for each in "ab")), duplicates="deduplicate")
    assert once == Measurement(
        (sample(0, 10, 1), sample(1, 20)), ("total: duplicates by the label 'replica' left out",)
    )
    pods = matrix(series(OLD, FIRST, SECOND, replica="a"), series(OLD, (950.0, "9"), replica="b"))
    assert measure(pods) == Measurement((sample(0, 10), sample(1, 28)))


def test_the_replica_with_the_fewest_gaps_is_kept() -> None:
    total = matrix(series(OLD, SECOND, dc="a"), series(OLD, FIRST, SECOND, dc="b"))
    result = measure(total, replica_label="dc", duplicates="deduplicate")
    assert isinstance(result, Measurement)
    assert result.intervals == (sample(0, 10), sample(1, 20))
    assert isinstance(measure(GOOD, replica_label="dc"), Measurement)


def test_expressions_give_a_value_for_each_interval() -> None:
    total = matrix(series((900.0, "10.5"), (1800.0, "20")))
    assert measure(total, matrix(series((1800.0, "1"))), QUERIES) == Measurement((sample(0, 10.5), sample(1, 20, 1)))


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-1"])
def test_a_step_without_a_possible_value_is_a_gap(value: str) -> None:
    result = measure(matrix(series((900.0, value), (1800.0, "20"))), None, QUERIES)
    assert isinstance(result, Measurement)
    assert isinstance(result.intervals[0], Gap)
    assert "the expression gives" in result.intervals[0].reason
    empty = measure(matrix(series((1800.0, "20"))), None, QUERIES)
    assert empty == Measurement((Gap(*span(0), "`total` has no samples"), sample(1, 20)))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (matrix(series((901.0, "1"))), "moved the steps"),
        (matrix(series((0.0, "1"))), "moved the steps"),
        (matrix(series(pod="a"), series(pod="b")), "total_query gives 2 series; allowed: one"),
        (matrix(), "`total` has no data"),
    ],
)
def test_an_expression_may_give_no_measurement(answer: Any, reason: str) -> None:
    result = measure(answer, None, QUERIES)
    assert isinstance(result, Unmeasured)
    assert reason in result.reason


def test_a_window_without_a_complete_interval_asks_nothing() -> None:
    window = Window(START, START + STEP, STEP)
    assert Prometheus(RAW, Surroundings(Path())).samples(window) == Measurement(())


def test_a_fraction_of_a_second_is_told_in_milliseconds() -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/api/v1/query_range", json=matrix())
        window = Window(START, START + STEP, timedelta(seconds=1.5))
        given = {**QUERIES, "total_query": "sum(increase(r[$interval]))"}
        Prometheus(given, Surroundings(Path())).samples(window)
        assert "1500ms" in str(mock.calls[0].request.body)


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("total", "sum(r_total)", "an aggregation"),
        ("total", "rate(r_total[5m])", "a function call"),
        ("total", "r_total[5m]", "a selector with a range"),
        ("total", "a + b", "an operation"),
        ("total", "(a)", "an expression"),
        ("total", "a offset 5m", "offset or @"),
        ("total", "a @ 5", "offset or @"),
        ("total", 'a{x="1" or y="2"}', "with `or`"),
        ("failed", "a{", "unexpected end"),
        ("failed", "{}", "non-empty matcher"),
        ("failed_query", "sum(", "sum("),
        ("failed_query", "(" * 60 + "a" + ")" * 60, "nested deeper"),
        ("failed_query", "-" * 90_000 + "a", "longer than"),
        ("failed_query", "sum(increase(a[$interval])) or vector(0)", "turns missing data into a number"),
        ("failed_query", "a or on (x) (vector (0))", "turns missing data into a number"),
    ],
)
def test_queries_are_checked_before_they_are_asked(key: str, text: str, found: str) -> None:
    (fault,) = Prometheus.faults({"address": "${PROMETHEUS_URL}", key: text})
    assert fault.path == (key,)
    assert found in fault.found
    assert len(fault.found) < 400


def test_each_count_has_exactly_one_query() -> None:
    validator = Draft202012Validator(Prometheus.schema)
    assert validator.is_valid(RAW)
    assert validator.is_valid(QUERIES)
    assert validator.is_valid({"address": URL, "total": "a", "failed_query": "b"})
    assert not validator.is_valid({"address": URL, "total": "a"})
    assert not validator.is_valid({**RAW, "total_query": "a"})
    assert Prometheus(RAW, Surroundings(Path())).queries() == {"total": "r_total", "failed": "f_total"}


def test_failures_by_selector_beside_requests_by_expression() -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/api/v1/query_range", json=matrix(series((900.0, "10"), (1800.0, "10"))))
        mock.post(f"{URL}/api/v1/query", json=matrix(series((60.0, "3"))))
        given = {"address": URL, "total_query": "sum(r)", "failed": "f_total"}
        result = Prometheus(given, Surroundings(Path())).samples(Window(START, START + 2.5 * STEP, STEP))
    assert result == Measurement((sample(0, 10, 3), sample(1, 10)))


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["metric", "values", "x"]), each, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(STRANGE)
def test_no_answer_crashes_it(part: object) -> None:
    for answer in (part, matrix(part), matrix(series((1, part))), {"status": "success", "data": part}):
        assert isinstance(measure(answer), Measurement | Unmeasured)


def asked_of(largest: timedelta) -> tuple[Measurement | Unmeasured, list[timedelta]]:
    """Two days of a server that answers too much for one look at more than `largest`; and the spans asked of it."""
    spans: list[timedelta] = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        form = dict(parse_qsl(request.body))
        seconds = int(re.findall(r"\[(\d+)s\]", form["query"])[0])
        spans.append(timedelta(seconds=seconds - 1))
        if spans[-1] > largest:
            return 200, {}, " " * 2_000_000
        until = float(form["time"])
        # Every quarter of an hour a sample, which counts ten requests since the one before.
        ticks = [at for at in range(0, 2 * 86_400 + 1, 900) if until - seconds <= T0 + at <= until]
        return 200, {}, json.dumps(matrix({"metric": {}, "values": [[T0 + at, str(at // 90)] for at in ticks]}))

    with responses.RequestsMock() as mock:
        mock.add_callback(responses.POST, f"{URL}/api/v1/query", answer)
        found = Prometheus({**RAW, "max_bytes": 1_000_000}, Surroundings(Path())).samples(
            Window(START, START + timedelta(days=2, minutes=1), STEP)
        )
    return found, spans


def test_a_day_is_asked_for_at_once_and_less_where_that_is_too_much() -> None:
    whole, few = asked_of(timedelta(days=1))
    assert (max(few), len(few)) == (timedelta(days=1), 2 * 3)
    halved, more = asked_of(timedelta(hours=7))
    assert halved == whole
    assert isinstance(whole, Measurement)
    assert [each.enforced.total for each in whole.intervals if isinstance(each, Sample)] == [10.0] * 192
    # What was too much once is not asked for again.
    assert [span for span in more if span > timedelta(hours=7)] == [timedelta(days=1), timedelta(hours=12)]


def test_what_is_too_much_even_in_an_hour_is_no_answer() -> None:
    found, spans = asked_of(timedelta(minutes=30))
    assert found == Unmeasured("the answer is larger than 1000000 bytes (max_bytes)")
    assert min(spans) == timedelta(minutes=90)
