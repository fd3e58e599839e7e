"""The baseline beside the enforced cohort: kept apart, measured at once, and missed without losing the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from jsonschema import Draft202012Validator

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.cohorts import together
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.prometheus import Prometheus
from rollout_bot.metrics.recording import Recording
from rollout_bot.metrics.web import Web

URL = "http://metrics.example"
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEP = timedelta(minutes=15)
COHORTS: dict[str, object] = {
    "total": "new_total",
    "failed": "new_failed",
    "baseline": {"total": "old_total", "failed": "old_failed"},
}
NOTHING: list[tuple[float, float]] = []


def at(steps: float) -> datetime:
    return START + steps * STEP


def sample(index: int, enforced: Counts, baseline: Counts | None) -> Sample:
    return Sample(at(index), at(index + 1), enforced, baseline)


def prometheus(families: Mapping[str, list[tuple[float, float]]], **extra: Any) -> Measurement | Unmeasured:
    """What is measured where each family has one series with `(quarter hours since START, value)`."""

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        name = parse_qs(request.body)["query"][0].split("[")[0].removesuffix("{}")
        if name not in families:
            return 400, {}, json.dumps({"error": "no such thing"})
        values = [[at(steps).timestamp(), str(value)] for steps, value in families[name]]
        result = [{"metric": {"__name__": name}, "values": values}] if values else []
        document = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return 200, {}, json.dumps(document)

    settings = {"address": URL, **COHORTS, **extra}
    Draft202012Validator(Prometheus.schema).validate(settings)
    assert list(Prometheus.faults(settings)) == []
    with responses.RequestsMock() as mock:
        mock.add_callback(responses.POST, f"{URL}/api/v1/query", answer)
        return Prometheus(settings, Surroundings(Path())).samples(Window(START, at(2.1), STEP))


GOOD: dict[str, list[tuple[float, float]]] = {
    "new_total": [(-0.1, 5), (1, 15), (2, 35)],
    "new_failed": [(2, 3)],
    "old_total": [(-0.1, 1000), (1, 1090), (2, 1270)],
    "old_failed": [(-0.1, 7), (1, 8), (2, 8)],
}


def test_both_cohorts_are_counted_apart() -> None:
    assert prometheus(GOOD) == Measurement(
        (sample(0, Counts(10, 0), Counts(90, 1)), sample(1, Counts(20, 3), Counts(180, 0))), with_baseline=True
    )


@pytest.mark.parametrize(
    ("old", "note"),
    [
        ({"old_total": NOTHING}, "baseline: `total` has no data in the whole window; absent is not zero"),
        ({"old_total": None}, "baseline: the server answers 400: no such thing"),
        ({"old_failed": None}, "baseline: the server answers 400: no such thing"),
    ],
)
def test_a_baseline_that_cannot_be_measured_costs_nothing_else(old: dict[str, Any], note: str) -> None:
    families = {name: values for name, values in {**GOOD, **old}.items() if values is not None}
    samples = (sample(0, Counts(10, 0), None), sample(1, Counts(20, 3), None))
    assert prometheus(families) == Measurement(samples, (note,), with_baseline=True)


def test_a_hole_in_the_baseline_is_told_and_its_other_intervals_are_there() -> None:
    result = prometheus({**GOOD, "old_total": [(-0.1, 1000), (2, 1270)]})
    assert isinstance(result, Measurement)
    assert result.intervals == (sample(0, Counts(10, 0), None), sample(1, Counts(20, 3), Counts(270, 0)))
    assert (
        "baseline: not measured from 2026-11-23 09:00:00 UTC to 2026-11-23 09:15:00 UTC (`total` has no samples)"
        in (result.notes)
    )
    assert any(note.startswith("baseline: total: what was counted before") for note in result.notes)


def test_what_the_baseline_counted_in_a_gap_of_the_other_is_kept() -> None:
    result = prometheus({**GOOD, "new_total": [(2, 35)], "new_failed": []})
    assert isinstance(result, Measurement)
    assert result.intervals == (
        Gap(at(0), at(1), "`total` has no samples", Counts(90, 1)),
        sample(1, Counts(0, 0), Counts(180, 0)),
    )


def test_without_the_enforced_cohort_nothing_is_measured() -> None:
    assert isinstance(prometheus({**GOOD, "new_total": []}), Unmeasured)


def test_a_baseline_that_holds_the_enforced_cohort_is_none() -> None:
    overlapping = prometheus(GOOD, baseline={"total": "old_total", "failed": "new_failed{}"})
    assert isinstance(overlapping, Measurement)
    assert [each.baseline for each in overlapping.intervals if isinstance(each, Sample)] == [None, None]
    (note,) = overlapping.notes
    assert note.startswith("baseline: new_failed{} finds 1 series that the enforced cohort counts already; ")


@pytest.mark.parametrize("source", [Prometheus, Recording, Web])
def test_a_baseline_like_the_enforced_cohort_is_a_fault(source: type[Source]) -> None:
    same = {"total": "a_total", "failed": "b_total"}
    settings = {**same, "baseline": {"total": "c_total", "failed": "b_total"}, "rows": "r", "time": "t"}
    (fault,) = source.faults(settings)
    assert (fault.path, fault.allowed) == (("baseline", "failed"), "what selects the other cohort")


def test_faults_of_the_baseline_lead_to_its_fields() -> None:
    given = {"total": "a", "failed": "b", "baseline": {"total": "rate(a[5m])", "failed_query": "sum("}}
    assert [fault.path for fault in Prometheus.faults(given)] == [("baseline", "total"), ("baseline", "failed_query")]
    assert [fault.path for fault in Recording.faults(given)] == [("baseline", "total")]
    web = {"rows": "r", "time": "t", "total": "a", "failed": "b", "baseline": {"total": "]", "failed": "c"}}
    assert [fault.path for fault in Web.faults(web)] == [("baseline", "total")]


@pytest.mark.parametrize("baseline", [{"total": "a"}, {"total": "a", "failed": "b", "failed_query": "c"}, "a", {}])
def test_a_baseline_needs_both_counts_once(baseline: object) -> None:
    settings = {"address": URL, "total": "x", "failed": "y", "baseline": baseline}
    assert not Draft202012Validator(Prometheus.schema).is_valid(settings)


def test_all_queries_are_frozen_with_the_evidence() -> None:
    expected = {"total": "new_total", "failed": "new_failed", "baseline.total": "old_total"}
    expected |= {"baseline.failed": "old_failed"}
    here = Surroundings(Path())
    assert Prometheus({"address": URL, **COHORTS}, here).queries() == expected
    assert Recording({"path": "r", **COHORTS}, here).queries() == {"path": "r", **expected}
    web = Web({"url": URL, "rows": "r", "time": "t", **COHORTS}, here)
    assert web.queries() == {"rows": "r", "time": "t", **expected}


def test_expressions_may_count_the_baseline() -> None:
    found = together(Measurement((sample(0, Counts(1, 0), None),)), Measurement((sample(0, Counts(9, 1), None),)), STEP)
    assert found == Measurement((sample(0, Counts(1, 0), Counts(9, 1)),), with_baseline=True)


def test_many_holes_are_told_in_few_words() -> None:
    holes = tuple(Gap(at(index), at(index + 1), "no samples") for index in range(0, 20, 2))
    notes = together(Measurement(()), Measurement(holes), STEP).notes
    assert len(notes) == 4
    assert notes[-1] == "baseline: and 7 earlier gaps"


def web(rows: list[dict[str, object]]) -> Measurement | Unmeasured:
    counts = {"total": "n", "failed": "k", "baseline": {"failed": "old.k", "total": "old.n"}}
    settings = {"url": URL, "rows": "@", "time": "t", "scrape_delay": "0s", **counts}
    Draft202012Validator(Web.schema).validate(settings)
    with responses.RequestsMock() as mock:
        mock.get(URL, json=rows)
        return Web(settings, Surroundings(Path())).samples(Window(START, at(2), STEP))


def test_json_may_hold_both_cohorts() -> None:
    old = {"n": 90, "k": 2}
    rows: list[dict[str, object]] = [
        {"t": at(1).isoformat(), "n": 10, "k": 1, "old": old},
        {"t": at(2).isoformat(), "n": 10, "k": 1, "old": None},
    ]
    note = "baseline: not measured from 2026-11-23 09:15:00 UTC to 2026-11-23 09:30:00 UTC (it has no counts there)"
    assert web(rows) == Measurement(
        (sample(0, Counts(10, 1), Counts(90, 2)), sample(1, Counts(10, 1), None)), (note,), with_baseline=True
    )
    half = web([{"t": at(1).isoformat(), "n": 10, "k": 1, "old": {"n": 5}}])
    assert half == Unmeasured("row 1: baseline.failed: found nothing; allowed: a number")


def recording(root: Path, text: str, **extra: object) -> Measurement | Unmeasured:
    (root / "r").write_text(text)
    settings = {"path": "r", **extra}
    Draft202012Validator(Recording.schema).validate(settings)
    return Recording(settings, Surroundings(root)).samples(Window(START, at(2), STEP))


def test_a_row_of_a_recording_may_lack_the_baseline_or_hold_nonsense(tmp_path: Path) -> None:
    rows = [f"{at(1).isoformat()},10,1,,", f"{at(2).isoformat()},10,1,5,6"]
    result = recording(tmp_path, "\n".join(["time,total,failed,baseline_total,baseline_failed", *rows]))
    assert isinstance(result, Measurement)
    assert result.intervals == (sample(0, Counts(10, 1), None), sample(1, Counts(10, 1), None))
    assert [note.partition("(")[2] for note in result.notes] == [
        "it has no counts there)",
        "failed (6) exceeds total (5))",
    ]
    half = recording(tmp_path, f"time,total,failed,baseline_total,baseline_failed\n{at(1).isoformat()},10,1,5,\n")
    assert isinstance(half, Unmeasured)


def test_counters_of_a_recording_may_have_a_baseline(tmp_path: Path) -> None:
    def lines(name: str, cohort: str, *samples: tuple[float, float]) -> list[str]:
        kind = f'{name}{{cohort="{cohort}"}}'
        return [f"{kind} {value} {at(steps).timestamp()}" for steps, value in samples]

    counters = [
        "# TYPE r counter",
        *lines("r_total", "new", (-0.1, 0), (1, 10), (2, 20)),
        *lines("r_total", "old", (-0.1, 0), (1, 90), (2, 180)),
        "# TYPE f counter",
        *lines("f_total", "old", (-0.1, 0), (1, 4)),
    ]
    text = "\n".join([*counters, "# EOF", ""])
    enforced = {"total": 'r_total{cohort="new"}', "failed": 'f_total{cohort="new"}'}
    baseline = {"total": 'r_total{cohort="old"}', "failed": 'f_total{cohort="old"}'}
    assert recording(tmp_path, text, **enforced, baseline=baseline) == Measurement(
        (sample(0, Counts(10, 0), Counts(90, 4)), sample(1, Counts(10, 0), Counts(90, 0))), with_baseline=True
    )
    everything = recording(tmp_path, text, **enforced, baseline={**baseline, "total": "r_total"})
    assert isinstance(everything, Measurement)
    assert everything.notes == ("baseline: its selectors find 1 series of the enforced cohort",)
    nothing = recording(tmp_path, text, total="x_total", failed="y_total", baseline=baseline)
    assert isinstance(nothing, Unmeasured)
