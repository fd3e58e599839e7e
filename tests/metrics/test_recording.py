"""Recordings: what a file says, and every way in which it may say nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics import recording
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.recording import Recording

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEP = timedelta(minutes=15)
HEADER = "time,total,failed"


def at(steps: float) -> datetime:
    return START + steps * STEP


def line(steps: float, *counts: object) -> str:
    return ",".join([at(steps).strftime("%Y-%m-%dT%H:%M:%SZ"), *map(str, counts)])


def measure(root: Path, text: str | bytes, steps: float = 4, **extra: object) -> Measurement | Unmeasured:
    (root / "r.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    source = Recording({"path": "r.csv", **extra}, Surroundings(root))
    return source.samples(Window(START, at(steps), STEP))


def reason(root: Path, text: str | bytes, **extra: object) -> str:
    result = measure(root, text, **extra)
    assert isinstance(result, Unmeasured), result
    return result.reason


def intervals(result: Measurement | Unmeasured) -> tuple[Sample | Gap, ...]:
    assert isinstance(result, Measurement), result
    return result.intervals


def test_a_row_counts_the_interval_that_ends_at_its_time(tmp_path: Path) -> None:
    text = "\n".join([HEADER, line(0, 9, 9), line(1, 100, 1), line(2, 200.5, 0), line(3, "1e2", 3)])
    assert intervals(measure(tmp_path, text, 2)) == (
        Sample(at(0), at(1), Counts(100, 1)),
        Sample(at(1), at(2), Counts(200.5, 0)),
    )


def test_reads_the_baseline_cohort(tmp_path: Path) -> None:
    text = f"{HEADER},baseline_total,baseline_failed\n{line(1, 10, 1, 90, 2)}\n"
    assert intervals(measure(tmp_path, text, 1)) == (Sample(at(0), at(1), Counts(10, 1), Counts(90, 2)),)


def test_rows_need_not_be_aligned_and_times_may_have_any_zone(tmp_path: Path) -> None:
    text = f"\ufeff{HEADER}\n2026-11-23T10:20:00+01:00,10,1\r\n\r\n2026-11-23 09:35:00.000z,20,2\r\n"
    first = datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
    assert intervals(measure(tmp_path, text, 2.5)) == (
        Sample(first, first + STEP, Counts(10, 1)),
        Sample(first + STEP, first + 2 * STEP, Counts(20, 2)),
    )


def test_rows_missing_between_others_are_gaps_and_rows_to_come_are_not(tmp_path: Path) -> None:
    text = "\n".join([HEADER, line(2, 10, 0), line(5, 10, 0)])
    assert intervals(measure(tmp_path, text, 8.5)) == (
        Gap(at(0), at(1), "no row for this time"),
        Sample(at(1), at(2), Counts(10, 0)),
        Gap(at(2), at(4), "no row for this time"),
        Sample(at(4), at(5), Counts(10, 0)),
    )


def test_nothing_is_asked_of_a_window_without_a_complete_interval(tmp_path: Path) -> None:
    assert intervals(measure(tmp_path, HEADER, 0.5)) == ()


def test_more_failures_than_requests_are_a_gap(tmp_path: Path) -> None:
    (gap,) = intervals(measure(tmp_path, f"{HEADER}\n{line(1, 1, 2)}", 1))
    assert gap == Gap(at(0), at(1), "r.csv:2: failed (2) exceeds total (1)")


@pytest.mark.parametrize("junk", ["nan", "inf", "-1", "+1", "1e400", "3_000", "٣", "", " 1", "0x1", "1.", ".5"])
def test_junk_numbers_name_their_line(tmp_path: Path, junk: str) -> None:
    found = reason(tmp_path, f"{HEADER}\n{line(1, 1, 0)}\n{line(2, junk, 0)}")
    assert found.startswith("r.csv:3: found ")
    assert "allowed: a count" in found


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-23T09:15:00",
        "2026-11-23",
        "20261123T091500Z",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "x" * 99,
    ],
)
def test_junk_times_name_their_line(tmp_path: Path, time: str) -> None:
    found = reason(tmp_path, f"{HEADER}\n{time},1,0")
    assert found.startswith("r.csv:2: found ")
    assert "allowed: a time with its zone" in found
    assert len(found) < 160


@pytest.mark.parametrize("second", [1, 0.5, 1.5])
def test_times_must_rise_by_the_interval(tmp_path: Path, second: float) -> None:
    found = reason(tmp_path, f"{HEADER}\n{line(1, 1, 0)}\n{line(second, 1, 0)}")
    assert found.startswith("r.csv:3: ")
    assert "rising times" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "r.csv:1: found ''; allowed: time,total,failed[,baseline_total,baseline_failed]"),
        ("total,time,failed", "r.csv:1: found 'total,time,failed'"),
        (f"{HEADER}\n{line(1, 1)}", "r.csv:2: found 2 fields; allowed: 3"),
        (f'{HEADER}\n"x', "r.csv:2: unexpected end of data"),
        (b"\xff\xfe\x00", "r.csv is not UTF-8 text"),
    ],
)
def test_other_damage_is_named(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert reason(tmp_path, text).startswith(expected)


@pytest.mark.parametrize("path", ["missing.csv", ".", "a\0b"])
def test_a_file_that_cannot_be_read_is_no_measurement(tmp_path: Path, path: str) -> None:
    result = Recording({"path": path}, Surroundings(tmp_path)).samples(Window(START, at(1), STEP))
    assert isinstance(result, Unmeasured)
    assert "cannot be read" in result.reason


def test_a_file_beyond_bounds_is_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "LARGEST", 3)
    assert "larger than" in reason(tmp_path, HEADER)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(max_size=60))
def test_no_text_crashes_it(tmp_path: Path, text: str) -> None:
    for body in (text, f"{HEADER}\n{text}"):
        assert measure(tmp_path, body.encode("utf-8", "surrogatepass")) is not None
        assert measure(tmp_path, body.encode("utf-8", "surrogatepass"), total="a_total", failed="b_total") is not None


def test_counters_of_an_openmetrics_file_are_counted_per_series(tmp_path: Path) -> None:
    def sample(name: str, pod: str, steps: float, value: float) -> str:
        return f'{name}_total{{pod="{pod}"}} {value} {at(steps).timestamp()}'

    requests = [sample("r", "a", s, v) for s, v in ((-0.5, 1000), (0.5, 1010), (1, 1030), (1.5, 5))]
    born = [sample("r", "b", 1.5, 7)]
    failures = [sample("f", "a", 1.5, 2)]
    text = "\n".join(["# TYPE r counter", *requests, *born, "# TYPE f counter", *failures, "# EOF", ""])
    result = measure(tmp_path, text, 3, total="r_total", failed='f_total{pod=~"a|b"}')
    assert intervals(result) == (
        Sample(at(0), at(1), Counts(30, 0)),
        Sample(at(1), at(2), Counts(12, 2)),
        Gap(at(2), at(3), "`total` has no samples"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# TYPE r counter\nr_total 1\n# EOF\n", "r.csv: a sample of r_total has no timestamp"),
        ("r_total 1 1", "r.csv is not OpenMetrics text"),
        ("# EOF\n", "`total` has no data"),
    ],
)
def test_an_openmetrics_file_may_say_nothing(tmp_path: Path, text: str, expected: str) -> None:
    assert reason(tmp_path, text, total="r_total", failed="f_total").startswith(expected)


def test_an_expression_that_only_promql_knows_is_refused(tmp_path: Path) -> None:
    assert list(Recording.faults({"total": r'r_total{pod=~"\\pL+"}'})) == []
    found = reason(tmp_path, "# EOF\n", total=r'r_total{pod=~"\\pL+"}', failed="f_total")
    assert "is no expression in a recording" in found


def test_series_that_no_selector_names_and_samples_of_the_future_do_not_count(tmp_path: Path) -> None:
    lines = [f"r_total {value} {at(steps).timestamp()}" for steps, value in ((-1, 5), (1, 9), (9, 99))]
    text = "\n".join(["# TYPE r counter", *lines, "# TYPE x counter", "x_total 1", "# EOF", ""])
    result = measure(tmp_path, text, 1, total="r_total", failed="f_total")
    assert intervals(result) == (Sample(at(0), at(1), Counts(4, 0)),)


def test_selectors_are_checked_before_they_are_used() -> None:
    (fault,) = Recording.faults({"path": "x", "total": "a_total", "failed": "sum(b_total)"})
    assert fault.path == ("failed",)
    assert "an aggregation, not a plain selector" in fault.found
    assert list(Recording.faults({"path": "x"})) == []


def test_says_what_was_asked(tmp_path: Path) -> None:
    source = Recording({"path": "x", "total": "a", "failed": "b"}, Surroundings(tmp_path))
    assert source.queries() == {"path": "x", "total": "a", "failed": "b"}
