"""Values beside the counts: one for each interval that has one, and the reason where there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses

from rollout_bot.core.samples import Measurement, Reading, Readings, Unmeasured, Window
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.prometheus import Prometheus
from rollout_bot.metrics.recording import Recording
from rollout_bot.metrics.web import Web

URL = "http://metrics.example"
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEP = timedelta(minutes=15)
HERE = Surroundings(Path())


def at(steps: float) -> datetime:
    return START + steps * STEP


def window(steps: float = 2.1) -> Window:
    return Window(START, at(steps), STEP)


def points(*pairs: tuple[float, float]) -> tuple[Reading, ...]:
    return tuple(Reading(at(steps), value) for steps, value in pairs)


class CountsOnly(Source):
    """As sources were before there were readings."""

    schema: Mapping[str, object] = {}

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        pass

    def samples(self, window: Window) -> Measurement:
        return Measurement(())


def test_a_source_that_knows_no_readings_says_so() -> None:
    assert CountsOnly({}, HERE).readings({"p99": "x"}, window()) == {
        "p99": Unmeasured("this metrics source measures counts only")
    }
    (fault,) = CountsOnly.reading_faults("x", {})
    assert fault.allowed == "no query: this metrics source measures counts only"


def test_a_source_that_reads_values_and_checks_no_query_takes_them_all() -> None:
    class Reader(CountsOnly):
        def readings(self, queries: Mapping[str, str], window: Window) -> Mapping[str, Readings | Unmeasured]:
            return dict.fromkeys(queries, Readings(()))

    assert list(Reader.reading_faults("x", {})) == []


def prometheus(results: Mapping[str, list[dict[str, Any]]], steps: float = 2.1) -> Mapping[str, Readings | Unmeasured]:
    """The readings of each query, where the server answers it with these series."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        query = parse_qs(request.body)["query"][0]
        document = {"status": "success", "data": {"resultType": "matrix", "result": results[query]}}
        return 200, {}, json.dumps(document)

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add_callback(responses.POST, f"{URL}/api/v1/query_range", answer)
        queries = {f"q{number}": query for number, query in enumerate(results)}
        return Prometheus({"address": URL, "total": "a", "failed": "b"}, HERE).readings(queries, window(steps))


def series(*samples: tuple[float, str], **labels: str) -> dict[str, Any]:
    return {"metric": labels, "values": [[at(steps).timestamp(), value] for steps, value in samples]}


def test_a_query_is_asked_at_the_ends_of_intervals() -> None:
    assert prometheus({"x": [series((1, "0.5"), (2, "-3e2"))]}) == {"q0": Readings(points((1, 0.5), (2, -300)))}


def test_what_is_no_number_is_left_out_and_told() -> None:
    found = prometheus({"x": [series((1, "NaN"), (2, "1"))], "y": [series((1, "+Inf"), (2, "-Inf"))], "z": []})
    assert found == {
        "q0": Readings(points((2, 1)), ("1 value of NaN or infinity left out",)),
        "q1": Readings((), ("2 values of NaN or infinity left out",)),
        "q2": Readings(()),
    }


def test_one_bad_query_spoils_no_other() -> None:
    found = prometheus({"x": [series((1, "1"), pod="a"), series((1, "1"), pod="b")], "y": [series((2, "7"))]})
    assert found["q0"] == Unmeasured("the query gives 2 series; allowed: one, such as sum(…) gives")
    assert found["q1"] == Readings(points((2, 7)))


def test_an_unfinished_interval_is_not_asked_for() -> None:
    assert prometheus({"x": []}, 1.01) == {"q0": Readings(())}


def test_a_long_window_is_asked_in_parts_below_the_limit_of_servers() -> None:
    asked = []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        given = parse_qs(request.body)
        asked.append((float(given["end"][0]) - float(given["start"][0])) / float(given["step"][0]) + 1)
        return 200, {}, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}})

    with responses.RequestsMock() as mock:
        mock.add_callback(responses.POST, f"{URL}/api/v1/query_range", answer)
        source = Prometheus({"address": URL, "total": "a", "failed": "b", "scrape_delay": "0s"}, HERE)
        source.readings({"x": "up"}, Window(START, at(10_005), STEP))
    assert asked == [10_000, 5]


def test_the_interval_stands_in_a_query() -> None:
    assert prometheus({"rate(x[900s])": [series((1, "1"))]})["q0"] == Readings(points((1, 1)))
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/api/v1/query_range", status=403)
        source = Prometheus({"address": URL, "total": "a", "failed": "b"}, HERE)
        found = source.readings({"x": "rate(x[$interval])"}, window())
        assert parse_qs(str(mock.calls[0].request.body))["query"] == ["rate(x[900s])"]
    assert isinstance(found["x"], Unmeasured)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("histogram_quantile(0.99, sum by (le) (rate(x_bucket[$interval])))", None),
        ("sum(x", "sum(x"),
        ("x[5m]", "a selector with a range"),
        ("5", "a constant"),
        ("'a'", "a text"),
        ("sum(x) or vector(0)", "turns missing data into a number"),
    ],
)
def test_a_query_is_checked_before_it_is_asked(query: str, found: str | None) -> None:
    faults = list(Prometheus.reading_faults(query, {}))
    assert [fault.path for fault in faults] == ([()] if found else [])
    assert all(found and found in fault.found for fault in faults)


def recording(root: Path, text: str, queries: Mapping[str, str], **extra: str) -> Mapping[str, Readings | Unmeasured]:
    (root / "r").write_text(text)
    return Recording({"path": "r", **extra}, Surroundings(root)).readings(queries, window(3))


TABLE = f"""\
time,total,failed,baseline_total,baseline_failed,p99,share
{at(0).isoformat()},1,0,,,9,9
{at(1).isoformat()},1,0,9,0,0.25,-1
{at(2).isoformat()},1,0,9,0,,1e1
{at(3).isoformat()},1,0,9,0,0.5,nan
"""


def test_a_recording_has_columns_of_other_values(tmp_path: Path) -> None:
    found = recording(tmp_path, TABLE, {"a": "p99", "b": "share", "c": "cpu", "d": "baseline_total"})
    there = "there are: p99, share"
    assert found == {
        "a": Readings(points((1, 0.25), (3, 0.5))),
        "b": Unmeasured("r:5: share: found 'nan'; allowed: a finite number, or nothing"),
        "c": Unmeasured(f"the file has no column 'cpu'; {there}"),
        "d": Unmeasured(f"the file has no column 'baseline_total'; {there}"),
    }


def test_other_columns_cost_the_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "r").write_text(TABLE)
    result = Recording({"path": "r"}, Surroundings(tmp_path)).samples(window(3))
    assert isinstance(result, Measurement)
    assert len(result.intervals) == 3


@pytest.mark.parametrize("more", ["p99,p99", "total", "baseline_total", "p 99", "", "baseline_failed,baseline_total"])
def test_a_header_of_a_recording_names_each_column_once(tmp_path: Path, more: str) -> None:
    (found,) = recording(tmp_path, f"time,total,failed,{more}\n", {"a": "p99"}).values()
    assert isinstance(found, Unmeasured)
    assert "each with a name of its own" in found.reason


def test_gauges_of_an_openmetrics_file_are_read_at_the_ends_of_intervals(tmp_path: Path) -> None:
    gauges = [(-1, "0"), (0.5, "1"), (0.9, "2"), (2.5, "NaN"), (2.9, "4"), (3, "NaN"), (4, "5")]
    lines = [f"g {value} {at(steps).timestamp()}" for steps, value in gauges]
    many = [f'h{{pod="{pod}"}} 1 {at(1).timestamp()}' for pod in "ab"]
    text = "\n".join(["# TYPE g gauge", *lines, "# TYPE h gauge", *many, "# EOF", ""])
    counters = {"total": "a_total", "failed": "b_total"}
    assert recording(tmp_path, text, {"a": "g", "b": "h", "c": "i"}, **counters) == {
        "a": Readings(points((1, 2)), ("1 value of NaN or infinity left out",)),
        "b": Unmeasured("h names 2 series; allowed: one"),
        "c": Readings(()),
    }
    assert isinstance(recording(tmp_path, "junk", {"a": "g"}, **counters)["a"], Unmeasured)


def test_queries_of_a_recording_are_columns_or_selectors() -> None:
    assert list(Recording.reading_faults("p99", {})) == []
    assert list(Recording.reading_faults('g{pod="a"}', {"total": "x"})) == []
    (column,) = Recording.reading_faults("max(p99)", {})
    assert column.allowed == "the name of a column of the recording, such as latency_p99"
    (selector,) = Recording.reading_faults("max(g)", {"total": "x"})
    assert (selector.path, "an aggregation" in selector.found) == ((), True)


def web(document: object, queries: Mapping[str, str]) -> Mapping[str, Readings | Unmeasured]:
    settings = {"url": URL, "rows": "rows", "time": "t", "total": "n", "failed": "k", "scrape_delay": "0s"}
    with responses.RequestsMock() as mock:
        mock.get(URL, json=document)
        return Web(settings, HERE).readings(queries, window(2))


def test_json_may_hold_other_values() -> None:
    rows = [{"t": at(steps).isoformat(), "ms": ms} for steps, ms in ((2, [3, 5]), (1, "-0.5"), (0.5, 9), (3, 9))]
    found = web({"rows": rows}, {"a": "ms", "b": "max(ms)", "c": "nothing", "d": "ms[0] || ms"})
    assert found["a"] == Unmeasured("row 1: ms: found a list; allowed: a number")
    assert found["b"] == Unmeasured("the query cannot be evaluated in row 2")
    assert found["c"] == Readings(())
    assert found["d"] == Readings(points((1, -0.5), (2, 3)))
    assert web({"rows": 5}, {"a": "ms"}) == {"a": Unmeasured("rows picks a number from the document; allowed: a list")}


def test_expressions_of_json_are_checked_before_they_are_used() -> None:
    assert list(Web.reading_faults("max(ms)", {})) == []
    (fault,) = Web.reading_faults("]", {})
    assert fault.path == ()
