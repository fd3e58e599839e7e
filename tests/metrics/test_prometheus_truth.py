"""A service whose requests are known one by one, scraped into a real Prometheus: what is measured is what was served.

The error that counters allow, and no more: an interval may give to its neighbour what is counted between two scrapes,
and what a process counts after its last scrape is lost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
from support.prometheus import backfill, openmetrics, running
from support.repositories import make
from support.rollouts import state

from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.state import State
from rollout_bot.core.samples import Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import write_state
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.prometheus import Prometheus

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
STEP = timedelta(minutes=15)
T0 = START.timestamp()
HOUR = 3600
HOURS = 4
Counted = list[tuple[float, float]]


@dataclass(frozen=True)
class Process:
    """Serves `rate` requests a second from `born` to `dies` (seconds since START); each counter begins at zero."""

    labels: str
    rate: float
    born: float
    dies: float

    def served(self, until: float) -> int:
        """Requests up to a moment, each at a known one."""
        return floor(self.rate * (max(self.born, min(until, self.dies)) - self.born))


@dataclass(frozen=True)
class Cohort:
    """Processes, one after the other under the same labels or beside each other, and when nobody could scrape."""

    processes: tuple[Process, ...]
    holes: tuple[range, ...] = ()
    replicas: tuple[str, ...] = ("",)

    def truth(self, start: float, end: float) -> int:
        return sum(each.served(end) - each.served(start) for each in self.processes)

    def scraped(self, every: int, *, silent: bool = False) -> dict[str, Counted]:
        """Samples by labels; a `silent` counter is not there before it has counted something."""
        series: dict[str, Counted] = {}
        for number, replica in enumerate(self.replicas):
            for each in self.processes:
                samples = series.setdefault(each.labels + replica, [])
                for time in range(-HOUR + 7 + number, HOURS * HOUR + 1, every):
                    scraped = each.born < time < each.dies and not any(time in hole for hole in self.holes)
                    value = each.served(time)
                    if scraped and (value or not silent):
                        samples.append((T0 + time, value))
        return {labels: samples for labels, samples in series.items() if samples}

    def lost(self, every: int) -> int:
        """The most that the deaths of processes within the window can hide."""
        return sum(ceil(each.rate * every) for each in self.processes if 0 < each.dies < HOURS * HOUR)

    def alive(self) -> float:
        """Requests a second of the processes that live at once."""
        return max(each.rate for each in self.processes) * 2


def pod(cohort: str, name: object, rate: float, born: float = -HOUR, dies: float = 9 * HOUR) -> Process:
    return Process(f'cohort="{cohort}",pod="{name}"', rate, born, dies)


def two(cohort: str, rate: float) -> tuple[Process, ...]:
    return pod(cohort, "a", rate), pod(cohort, "b", rate)


def restarted(cohort: str, rate: float) -> tuple[Process, ...]:
    """One pod that crashes every 37 minutes and comes back after 20 seconds, and one that lives on."""
    lives = range(-HOUR, HOURS * HOUR, 37 * 60)
    return (*(pod(cohort, "a", rate, born + 20, born + 37 * 60) for born in lives), pod(cohort, "b", rate))


def replaced(cohort: str, rate: float) -> tuple[Process, ...]:
    """Pods under new names, each for an hour, two at a time."""
    births = [n * HOUR // 2 + 11 for n in range(-2, 2 * HOURS)]
    return tuple(pod(cohort, number, rate, born, born + HOUR) for number, born in enumerate(births))


@dataclass(frozen=True)
class Scenario:
    """The same fate for both cohorts; of the enforced one 1 request in 50 fails, of the baseline 1 in 100."""

    name: str
    made: Any
    holes: tuple[range, ...] = ()
    replicas: tuple[str, ...] = ("",)
    settings: dict[str, object] = field(default_factory=dict)

    def cohort(self, name: str, *, failed: bool = False) -> Cohort:
        rate = {"enforced": 1.0, "shadow": 7.0}[name]
        share = {"enforced": 0.02, "shadow": 0.01}[name] if failed else 1.0
        return Cohort(self.made(name, rate * share), self.holes, self.replicas)


HA = (',prometheus_replica="0"', ',prometheus_replica="1"')
SCENARIOS = [
    Scenario("steady", two),
    Scenario("restarts", restarted),
    Scenario("churn", replaced),
    Scenario("gap", two, holes=(range(HOUR, 2 * HOUR + 600),)),
    Scenario("replicas", two, replicas=HA, settings={"duplicates": "deduplicate"}),
]
SCRAPES = (15, 60)
COHORTS = ("enforced", "shadow")


def families() -> dict[str, dict[str, Counted]]:
    return {
        f"{each.name}{every}{'failed' if failed else ''}": {
            labels: samples
            for cohort in COHORTS
            for labels, samples in each.cohort(cohort, failed=failed).scraped(every, silent=failed).items()
        }
        for each in SCENARIOS
        for every in SCRAPES
        for failed in (False, True)
    }


def bucket(until: float, slow_since: float, *, fast: bool) -> float:
    """Requests under 0.1 s, or all of them: one a second, and from a moment on every tenth is slow."""
    slow = max(0.0, until - slow_since) / 10
    return until + HOUR - (slow if fast else 0)


SLOW_SINCE = 3 * HOUR
THERE_SINCE = HOUR


def served(cohort: str, until: float) -> float:
    """Enforced are 3 % of ten requests a second, and 10 % from `THERE_SINCE` on."""
    share = 0.03 * (until + HOUR) + 0.07 * max(0.0, until - THERE_SINCE)
    return 10 * (share if cohort == "enforced" else until + HOUR - share)


def shop() -> dict[str, dict[str, Counted]]:
    times = range(-HOUR + 3, HOURS * HOUR + 1, 15)
    return {
        "shop": {f'cohort="{cohort}"': [(T0 + t, floor(served(cohort, t))) for t in times] for cohort in COHORTS},
        "shopfailed": {'cohort="shadow"': [(T0 + t, floor(served("shadow", t) / 1000)) for t in times]},
    }


def latency() -> dict[str, dict[str, Counted]]:
    times = range(-HOUR + 3, HOURS * HOUR + 1, 15)
    bounds = {"0.1": True, "1": False, "+Inf": False}
    return {
        "latency_bucket": {
            f'le="{bound}"': [(T0 + t, bucket(t, SLOW_SINCE, fast=fast)) for t in times]
            for bound, fast in bounds.items()
        },
        "temperature": {f'room="{room}"': [(T0 + t, 20.0) for t in times] for room in "ab"},
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("truth") / "data"
    backfill(openmetrics(families() | shop(), latency()), folder)
    with running(folder) as address:
        yield address


def queries(family: str, cohort: str) -> dict[str, object]:
    return {"total": f'{family}_total{{cohort="{cohort}"}}', "failed": f'{family}failed_total{{cohort="{cohort}"}}'}


def measure(server: str, family: str, **settings: object) -> Measurement | Unmeasured:
    given = {"address": server, **queries(family, "enforced"), "baseline": queries(family, "shadow"), **settings}
    assert list(Prometheus.faults(given)) == []
    window = Window(START, START + timedelta(hours=HOURS, minutes=1), STEP)
    return Prometheus(given, Surroundings(Path())).samples(window)


def spans(entry: Sample | Gap) -> tuple[float, float]:
    return (entry.start - START).total_seconds(), (entry.end - START).total_seconds()


@pytest.mark.parametrize("every", SCRAPES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_what_is_measured_is_what_was_served(server: str, scenario: Scenario, every: int) -> None:
    result = measure(server, f"{scenario.name}{every}", **scenario.settings)
    assert isinstance(result, Measurement), result
    assert result.with_baseline
    samples = [each for each in result.intervals if isinstance(each, Sample)]
    assert len(samples) == 16 - 4 * bool(scenario.holes)
    for name, counts in (("enforced", [s.enforced for s in samples]), ("shadow", [s.baseline for s in samples])):
        assert None not in counts
        known = [each for each in counts if each is not None]
        check(scenario.cohort(name), [each.total for each in known], samples, every)
        check(scenario.cohort(name, failed=True), [each.failed for each in known], samples, every)


def check(cohort: Cohort, counted: list[float], samples: list[Sample], every: int) -> None:
    """Holds counts against the truth: each interval, and the whole."""
    edge = cohort.alive() * every + 2
    whole = cohort.truth(0, HOURS * HOUR)
    assert whole - cohort.lost(every) - edge <= sum(counted) <= whole + edge
    if cohort.holes:
        # What was counted meanwhile is in the first interval after the hole.
        return
    for count, sample in zip(counted, samples, strict=True):
        start, end = spans(sample)
        dying = sum(ceil(each.rate * every) for each in cohort.processes if start - every < each.dies <= end)
        assert cohort.truth(start, end) - edge - dying <= count <= cohort.truth(start, end) + edge


@pytest.mark.parametrize("every", SCRAPES)
def test_an_hour_that_nobody_scraped_is_a_gap_for_both_cohorts(server: str, every: int) -> None:
    result = measure(server, f"gap{every}")
    assert isinstance(result, Measurement)
    (gap,) = [each for each in result.intervals if isinstance(each, Gap)]
    assert spans(gap) == (HOUR, 2 * HOUR)
    after = next(each for each in result.intervals if spans(each)[0] == 2 * HOUR)
    assert isinstance(after, Sample)
    assert after.baseline is not None
    assert after.enforced.total == pytest.approx(2 * 75 * 60, abs=3 * every)
    assert after.baseline.total == pytest.approx(14 * 75 * 60, abs=21 * every)


def test_two_replicas_are_refused_in_either_cohort(server: str) -> None:
    refused = measure(server, "replicas60")
    assert isinstance(refused, Unmeasured)
    assert "several replicas" in refused.reason
    mixed = measure(server, "steady60", baseline=queries("replicas60", "shadow"))
    assert isinstance(mixed, Measurement)
    assert mixed.notes[0].startswith("baseline: several replicas deliver the same series")
    assert {each.baseline for each in mixed.intervals if isinstance(each, Sample)} == {None}


POLICY = """\
schema_version: 1
rollout: shop
metrics:
  source: prometheus
  address: ${PROMETHEUS_URL}
  total: shop_total{cohort="enforced"}
  failed: shopfailed_total{cohort="enforced"}
  baseline:
    total: shop_total{cohort="shadow"}
    failed: shopfailed_total{cohort="shadow"}
guardrails:
  - name: latency-p99
    query: histogram_quantile(0.99, sum by (le) (rate(latency_bucket[$interval])))
    max: 0.2
  - {name: temperature, query: temperature, max: 30, severity: warn}
convergence:
  observed_percentage: 100 * sum(rate(shop_total{cohort="enforced"}[5m])) / sum(rate(shop_total[5m]))
  tolerance: 0.5
stages:
  - {name: canary, percentage: 10, duration: 1h, max_error_rate: 0.5%}
  - {name: half, percentage: 50, duration: 1h, max_error_rate: 0.5%, requires_approval: true}
"""


def test_a_tick_watches_a_guardrail_and_the_fleet(server: str, tmp_path: Path) -> None:
    canary = read_policy(POLICY.encode(), "f").stage("canary") or OFF
    begun = State("shop", canary.name, canary.percentage, 1, 1, state().change)
    files = {"rollout-state/shop/policy.yaml": POLICY, "rollout-state/shop/state.yaml": write_state(begun)}
    repository = make(tmp_path / "repository", files, when=START)

    def run(command: str, hours: float, *more: str, code: int = 0) -> Any:
        """What the installed command prints so many hours after the stage was entered, and a minute."""
        now = (START + timedelta(hours=hours, minutes=1)).isoformat()
        installed = str(Path(sys.executable).with_name("rollout-bot"))
        where = ("--repository", str(repository.path), "--now", now, "--format", "json")
        done = subprocess.run(
            [installed, command, *more, *where],
            capture_output=True,
            env={**os.environ, "PROMETHEUS_URL": server},
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    def tick(hours: float) -> Any:
        (rollout,) = run("tick", hours, "--dry-run")["rollouts"]
        return rollout

    early = tick(0.75)
    assert (early["decision"]["action"], early["convergence"]["at"]) == ("hold", None)
    assert early["convergence"]["observed"] == pytest.approx(3, abs=0.1)
    assert early["verdict"]["outcome"] == "inconclusive"
    there = tick(2.5)
    assert (there["decision"]["action"], there["decision"]["to"]) == ("advance", "half")
    assert there["convergence"]["at"] == "2026-11-20T10:15:00Z"
    assert there["convergence"]["observed"] == pytest.approx(10, abs=0.1)
    p99, temperature = there["guardrails"]
    assert (p99["state"], p99["value"]) == ("kept", pytest.approx(0.099, abs=0.002))
    assert (temperature["state"], "gives 2 series" in temperature["reason"]) == ("unknown", True)
    slow = tick(3.75)
    assert (slow["decision"]["action"], slow["decision"]["to"]) == ("roll_back", "off")
    assert slow["guardrails"][0]["value"] > 0.8
    found = {each["subject"]: each["level"] for each in run("doctor", 2.5, code=3)}
    assert found["shop guardrail latency-p99"] == found["shop convergence"] == "right"
    assert found["shop guardrail temperature"] == "wrong"
