"""Counts from a real Prometheus equal the truth that was put into it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import requests
from support.prometheus import backfill, openmetrics, running
from support.web_server import serving

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.prometheus import Prometheus

START = datetime(2026, 11, 20, 9, 0, 30, tzinfo=UTC)
STEP = timedelta(minutes=15)
T0 = START.timestamp()
HOUR = 3600


class Truth:
    """A pod's counter that is scraped: what happens between two scrapes is shown by the later one."""

    def __init__(self, every: int, born: float = -HOUR, dies: float = 9 * HOUR, value: float = 0) -> None:
        self.times = [t for t in range(-HOUR, 9 * HOUR, every) if born <= t < dies]
        self.value = value

    def samples(
        self, each: float, restarts: tuple[int, ...] = (), holes: tuple[range, ...] = ()
    ) -> list[tuple[float, float]]:
        value, result = self.value, []
        for number, t in enumerate(self.times):
            value = each if number in restarts else value + each
            if not any(t in hole for hole in holes):
                result.append((T0 + t, value))
        return result


def families() -> dict[str, dict[str, list[tuple[float, float]]]]:
    hole = (range(2 * HOUR, 4 * HOUR),)
    pods = {f'pod="{n}"': Truth(60, n * HOUR + 7, (n + 1) * HOUR + 7).samples(3) for n in range(-1, 9)}
    return {
        "steady15": {'pod="a"': Truth(15, value=1e6).samples(2)},
        "steady60": {'pod="a"': Truth(60, value=1e6).samples(2, restarts=(100, 103, 300))},
        "late60": {'pod="a",code="500"': Truth(60, born=5 * HOUR + 30).samples(1)},
        "churn": pods,
        # A failed-counter appears with its pod's first failure, half an hour after the pod.
        "churnfailed": {f'pod="{n}"': Truth(60, n * HOUR + 1807, (n + 1) * HOUR + 7).samples(1) for n in range(-1, 9)},
        "holey": {'pod="a"': Truth(60, value=500).samples(2, holes=hole)},
        "cohorts": {
            'cohort="enforced",pod="a"': Truth(15, value=1e6).samples(2, restarts=(400,)),
            **{f'cohort="shadow",pod="{n}"': samples for n, samples in enumerate(pods.values())},
        },
        "cohortsfailed": {'cohort="shadow",pod="3"': Truth(60, born=5 * HOUR + 30).samples(1)},
        "replicated": {f'pod="a",prometheus_replica="{r}"': Truth(60, value=9).samples(2) for r in "ab"},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prometheus") / "data"
    backfill(openmetrics(families()), folder)
    with running(folder) as address:
        yield address


def measure(address: str, total: str, failed: str = "nothing_total", **extra: object) -> Measurement | Unmeasured:
    settings = {"address": address, "total": total, "failed": failed, **extra}
    assert list(Prometheus.faults(settings)) == []
    return Prometheus(settings, Surroundings(Path())).samples(
        Window(START, START + timedelta(hours=8, minutes=1), STEP)
    )


def counts(result: Measurement | Unmeasured) -> list[tuple[float, float] | None]:
    assert isinstance(result, Measurement), result
    return [
        (each.enforced.total, each.enforced.failed) if isinstance(each, Sample) else None for each in result.intervals
    ]


@pytest.mark.parametrize(("total", "requests"), [("steady15_total", 120), ("steady60_total", 30)])
def test_counts_are_exact_at_any_scrape_interval_and_over_restarts(server: str, total: str, requests: int) -> None:
    assert counts(measure(server, total)) == [(requests, 0)] * 32


def test_a_counter_born_with_its_first_failure_loses_none(server: str) -> None:
    failed = [failed for _, failed in filter(None, counts(measure(server, "steady60_total", "late60_total")))]
    assert failed == [0] * 20 + [15] * 12


def test_pods_that_come_and_go_lose_nothing_that_was_scraped(server: str) -> None:
    result = counts(measure(server, "churn_total", "churnfailed_total"))
    assert result == list(zip(per_interval("churn", 3), per_interval("churnfailed", 1), strict=True))


def test_a_baseline_is_counted_as_exactly_beside_the_enforced_cohort(server: str) -> None:
    shadow = {"total": 'cohorts_total{cohort="shadow"}', "failed": 'cohortsfailed_total{cohort="shadow"}'}
    enforced = 'cohorts_total{cohort="enforced"}'
    result = measure(server, enforced, 'cohortsfailed_total{cohort="enforced"}', baseline=shadow)
    assert counts(result) == [(120, 0)] * 32
    assert isinstance(result, Measurement)
    baseline = [each.baseline for each in result.intervals if isinstance(each, Sample)]
    expected = zip(per_interval("churn", 3), [0] * 20 + [15] * 12, strict=True)
    assert baseline == [Counts(*each) for each in expected]
    everything = measure(server, enforced, baseline={**shadow, "total": "cohorts_total"})
    assert isinstance(everything, Measurement)
    assert "the enforced cohort counts already" in everything.notes[0]


def per_interval(family: str, each: int) -> list[int]:
    """Scrapes of a family in each interval, times what each of them adds."""
    times = [time - T0 for samples in families()[family].values() for time, _ in samples]
    return [each * sum(n * 900 < time <= (n + 1) * 900 for time in times) for n in range(32)]


def test_what_arrives_after_a_gap_counts_and_the_gap_is_told(server: str) -> None:
    result = measure(server, "holey_total")
    assert isinstance(result, Measurement)
    gap = Gap(START + 8 * STEP, START + 16 * STEP, "`total` has no samples")
    # The sample at a boundary belongs to the interval before it, so the hole begins with a short interval.
    first = Sample(START + 7 * STEP, START + 8 * STEP, Counts(28, 0))
    last = Sample(START + 15 * STEP, START + 16 * STEP, Counts(242, 0))
    assert first in result.intervals
    assert last in result.intervals
    assert Gap(START + 8 * STEP, START + 15 * STEP, gap.reason) in result.intervals
    assert sum(each[0] for each in filter(None, counts(result))) == 8 * 60 * 2
    assert any("in the gap, is in the interval until 2026-11-20 13:00:30 UTC" in note for note in result.notes)


def test_replicas_are_refused_or_left_out_as_the_policy_says(server: str) -> None:
    refused = measure(server, "replicated_total")
    assert isinstance(refused, Unmeasured)
    assert "'prometheus_replica'" in refused.reason
    assert counts(measure(server, "replicated_total", duplicates="deduplicate")) == [(30, 0)] * 32


def test_absent_series_mean_zero_for_failures_only_and_only_if_the_policy_says_so(server: str) -> None:
    absent = measure(server, "nothing_total", "late60_total")
    assert absent == Unmeasured("`total` has no data in the whole window; absent is not zero")
    unavailable = measure(server, "steady60_total", failed_absent="unavailable")
    assert isinstance(unavailable, Unmeasured)
    late = counts(measure(server, "steady60_total", "late60_total", failed_absent="unavailable"))
    assert late == [None] + [(30, 15)] * 12


def test_expressions_are_evaluated_at_the_ends_of_intervals(server: str) -> None:
    settings = {
        "address": f"{server}/",
        "total_query": "sum(increase(steady15_total[$interval]))",
        "failed_query": "sum(increase(nothing_total[$interval]))",
    }
    assert list(Prometheus.faults(settings)) == []
    result = Prometheus(settings, Surroundings(Path())).samples(Window(START, START + 4 * STEP, STEP))
    assert counts(result) == [(pytest.approx(120, rel=0.01), 0)] * 3


def test_several_series_are_no_count(server: str) -> None:
    settings = {"address": server, "total_query": "increase(churn_total[15m])", "failed": "nothing_total"}
    result = Prometheus(settings, Surroundings(Path())).samples(Window(START, START + 8 * STEP, STEP))
    assert isinstance(result, Unmeasured)
    assert "series; allowed: one" in result.reason


def test_a_server_refuses_with_its_own_words(server: str) -> None:
    settings = {"address": server, "total_query": "sum(no_such_function(x))", "failed": "nothing_total"}
    result = Prometheus(settings, Surroundings(Path())).samples(Window(START, START + 8 * STEP, STEP))
    assert isinstance(result, Unmeasured)
    assert "answers 400: " in result.reason
    assert "unknown function" in result.reason


def test_credentials_and_tenants_reach_a_server_behind_a_gate(server: str) -> None:
    wanted = "Basic " + base64.b64encode(b"bot:s3cret").decode()

    def gate(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        allowed = (request.headers["Authorization"], request.headers["X-Scope-OrgID"]) == (wanted, "team")
        kind = {"Content-Type": request.headers["Content-Type"]}
        answer = requests.post(server + request.path, data=body, headers=kind, timeout=20)
        content = answer.content if allowed else b"s3cret is wrong"
        request.send_response(200 if allowed else 401)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    with serving(gate) as address:
        basic = {"username": "bot", "password": "s3cret"}
        result = measure(address, "steady60_total", basic=basic, headers={"X-Scope-OrgID": "team"})
        assert counts(result) == [(30, 0)] * 32
        refused = measure(address.replace("//", "//bot:s3cret@"), "steady60_total")
        assert refused == Unmeasured("the server answers 401: the credentials are missing or not accepted")
