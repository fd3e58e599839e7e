"""Any JSON over HTTP: what the expressions pick, and every way in which they may pick nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.web import Web

URL = "https://stats.example/v1/series"
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEP = timedelta(minutes=15)
PLAIN: dict[str, object] = {"url": URL, "rows": "data", "time": "t", "total": "n", "failed": "k"}


def measure(document: object, steps: float = 2.5, **extra: object) -> Measurement | Unmeasured:
    given = {**PLAIN, **extra}
    Draft202012Validator(Web.schema).validate(given)
    with responses.RequestsMock() as mock:
        mock.get(URL, body=json.dumps(document))
        return Web(given, Surroundings(Path())).samples(Window(START, START + steps * STEP, STEP))


def row(steps: float, n: object = 10, k: object = 1) -> dict[str, object]:
    return {"t": (START + steps * STEP).isoformat(), "n": n, "k": k}


def sample(index: int, total: float = 10, failed: float = 1) -> Sample:
    return Sample(START + index * STEP, START + (index + 1) * STEP, Counts(total, failed))


def test_rows_in_any_order_become_intervals() -> None:
    assert measure({"data": [row(2, "20", "2e0"), row(1, 10.0)]}) == Measurement((sample(0), sample(1, 20, 2)))


def test_an_expression_may_compute() -> None:
    document = {"ok": [{"at": START.timestamp() * 1000, "codes": {"s200": [5, 4], "s500": [1]}}]}
    picked = {"rows": "ok", "time": "at", "total": "sum(codes.*[])", "failed": "sum(codes.s500)"}
    assert measure(document, 1.5, **picked, time_format="milliseconds", time_is="start") == Measurement((sample(0),))


def test_intervals_that_are_too_young_are_left_out_and_missing_rows_are_gaps() -> None:
    assert measure({"data": [row(1), row(2)]}, 2) == Measurement((sample(0),))
    gap = Gap(START + STEP, START + 2 * STEP, "no row for this time")
    assert measure({"data": [row(1), row(3)]}, 4) == Measurement((sample(0), gap, sample(2)))


@pytest.mark.parametrize(
    ("form", "start"),
    [("rfc3339", "2026-11-23T09:00:00Z"), ("seconds", "1795424400"), ("milliseconds", "1795424400000")],
)
def test_the_window_is_told_under_the_names_of_the_policy(form: str, start: str) -> None:
    given = {**PLAIN, "url": f"{URL}?app=x", "time_format": form, "parameters": {"start": "from", "step": "res"}}
    with responses.RequestsMock() as mock:
        mock.get(URL, json={"data": []})
        Web(given, Surroundings(Path())).samples(Window(START, START + STEP, STEP))
        asked = dict(parse_qsl(urlsplit(mock.calls[0].request.url or "").query))
    assert asked == {"app": "x", "from": start, "res": "900"}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"data": None}, "rows picks nothing from the document"),
        ({"data": {"a": 1}}, "rows picks an object"),
        ({"data": [row(1), row(1)]}, "row 2: "),
        ({"data": [row(1, None)]}, "row 1: total: found nothing; allowed: a number"),
        ({"data": [row(1, True)]}, "row 1: total: found true or false"),
        ({"data": [row(1, -1)]}, "row 1: total: found '-1'"),
        ({"data": [row(1, "nan")]}, "row 1: total: found 'nan'"),
        ({"data": [row(1, 1, [])]}, "row 1: failed: found a list"),
        ({"data": [{"t": 5, "n": 1, "k": 1}]}, "row 1: time: found a number; allowed: an RFC 3339 time"),
        ({"data": [{"t": "today", "n": 1, "k": 1}]}, "row 1: time: found 'today'"),
    ],
)
def test_what_does_not_fit_says_where(document: object, reason: str) -> None:
    result = measure(document)
    assert isinstance(result, Unmeasured)
    assert reason in result.reason


def test_a_number_out_of_the_calendar_is_no_time() -> None:
    result = measure({"data": [{"t": 1e15, "n": 1, "k": 1}]}, time_format="seconds")
    assert isinstance(result, Unmeasured)
    assert "allowed: seconds since 1970" in result.reason


def test_an_expression_that_fails_on_the_document_says_so() -> None:
    assert measure({"data": [row(1)]}, total="sum(n)") == Unmeasured("total cannot be evaluated in row 1")


def test_too_many_failures_are_a_gap() -> None:
    result = measure({"data": [row(1, 1, 2)]}, 1.5)
    assert result == Measurement((Gap(START, START + STEP, "row 1: failed (2) exceeds total (1)"),))


def test_a_server_in_trouble_is_no_measurement() -> None:
    with responses.RequestsMock() as mock:
        mock.get(URL, status=404)
        result = Web(PLAIN, Surroundings(Path())).samples(Window(START, START + STEP, STEP))
    assert result == Unmeasured("the server answers 404")


def test_settings_are_checked_before_they_are_used() -> None:
    given = {**PLAIN, "url": "ftp://x", "rows": "a[", "total": "'", "basic": {}, "bearer": "x", "deadline": "0s"}
    given["scrape_delay"] = "9999999d"
    assert [fault.path for fault in Web.faults(given)] == [
        ("url",),
        ("bearer",),
        ("deadline",),
        ("scrape_delay",),
        ("rows",),
        ("total",),
    ]
    assert list(Web.faults({**PLAIN, "url": "${STATS_URL}"})) == []
    assert list(Web.faults({"deadline": 5})) == []


def test_says_what_was_asked() -> None:
    assert Web(PLAIN, Surroundings(Path())).queries() == {"rows": "data", "time": "t", "total": "n", "failed": "k"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(["data", "t", "n", "k"]), each, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(JSON, st.sampled_from(["rfc3339", "seconds", "milliseconds"]))
def test_no_document_crashes_it(document: object, form: str) -> None:
    assert isinstance(measure(document, time_format=form), Measurement | Unmeasured)
    assert isinstance(measure({"data": [document]}, time_format=form), Measurement | Unmeasured)
