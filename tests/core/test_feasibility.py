"""What stages need at the traffic that there is, by the rule itself, and what would help."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.replays import BEGIN, HOUR, QUARTER, SHORT, policy

from rollout_bot.core.analysis.feasibility import Load, detection, load, outlooks, proof, remedies
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisRule, AnalysisSettings, Policy, Stage
from rollout_bot.core.samples import Counts, Gap, Sample

WHOLE = Stage("full", 100, 2 * HOUR, 0.005, requires_approval=False)


def service(requests: float, rate: float, baseline: float | None = None) -> Load:
    """Requests an hour, of the whole service."""
    return Load(requests / 4, requests, requests, rate, baseline, Noise())


def alone(*stages: Stage) -> Policy:
    return policy(*(stages or (WHOLE,)))


def test_health_at_2000_an_hour_is_shown_within_an_hour() -> None:
    """The figure that docs/analysis.md gives."""
    found = proof(alone(), WHOLE, service(2000, 0.0005))
    assert found is not None
    assert HOUR / 2 <= found <= HOUR


def test_health_at_20_an_hour_takes_about_two_days() -> None:
    found = proof(alone(), WHOLE, service(20, 0.0005))
    assert found is not None
    assert timedelta(days=1.5) < found < timedelta(days=3)


@pytest.mark.parametrize("rate", [0.005, 0.006, 0.5])
def test_at_the_limit_and_over_it_health_is_never_shown(rate: float) -> None:
    assert proof(alone(), WHOLE, service(2000, rate)) is None


def test_a_regression_is_found_the_sooner_the_worse_it_is_and_none_is_not() -> None:
    times = [detection(alone(), WHOLE, service(2000, 0.0005), rate) for rate in (0.5, 0.02, 0.01)]
    assert times[0] == QUARTER
    assert None not in times
    assert times == sorted(times, key=lambda each: each or timedelta.max)
    assert detection(alone(), WHOLE, service(2000, 0.0005), 0.004) is None


def test_stages_have_their_share_of_the_traffic() -> None:
    found = list(outlooks(policy(), service(2000, 0.0005)))
    assert [each.requests for each in found] == [50, 250, 500]
    assert [each.regression for each in found] == [0.01] * 3
    proofs = [each.proof for each in found]
    assert None not in proofs
    assert proofs == sorted(proofs, key=lambda each: each or timedelta.max, reverse=True)


def test_a_baseline_makes_a_service_over_its_limit_provable() -> None:
    half = SHORT[1]
    rules = alone(half, WHOLE)
    assert proof(rules, half, service(2000, 0.006)) is None
    assert proof(rules, half, service(20_000, 0.006, 0.006)) is not None
    # Nothing is left to compare the last stage with.
    assert proof(rules, WHOLE, service(20_000, 0.006, 0.006)) is None
    regressions = [each.regression for each in outlooks(rules, service(2000, 0.006, 0.006))]
    assert regressions == [pytest.approx(0.014), 0.01]


def test_a_threshold_takes_requests_alone() -> None:
    rules = policy(WHOLE, analysis=AnalysisSettings(rule=AnalysisRule.THRESHOLD, min_requests=100))
    assert proof(rules, WHOLE, service(200, 0.0)) == HOUR / 2
    assert proof(rules, WHOLE, service(2000, 0.01)) is None


def test_what_would_help_does() -> None:
    slow = service(20, 0.0005)
    would = remedies(alone(), WHOLE, slow, timedelta(days=1))
    assert would.limit is not None
    assert would.traffic is not None
    for rules, stage, found in (
        (alone(), replace(WHOLE, max_error_rate=would.limit), slow),
        (alone(), WHOLE, replace(slow, requests=slow.requests * would.traffic)),
    ):
        needed = proof(rules, stage, found)
        assert needed is not None
        assert needed <= timedelta(days=1)
    assert remedies(alone(), WHOLE, service(2000, 0.5), timedelta(days=1)).traffic is None
    assert remedies(alone(), WHOLE, service(2000, 0.9), timedelta(days=1)).limit is None


def test_the_load_is_that_of_the_whole_service() -> None:
    def entry(index: int, enforced: Counts, baseline: Counts | None = None) -> Sample:
        return Sample(BEGIN + index * QUARTER, BEGIN + (index + 1) * QUARTER, enforced, baseline)

    quiet, busy = Counts(100.0, 1.0), Counts(300.0, 1.0)
    hours = [entry(index, quiet if index < 4 else busy) for index in range(8)]
    gap = Gap(BEGIN + 8 * QUARTER, BEGIN + 9 * QUARTER, "down")
    found = load([*hours, gap], QUARTER, 50)
    assert found is not None
    assert (found.requests, found.quietest, found.busiest) == (400, 800, 2400)
    assert (found.rate, found.baseline_rate, found.noise.factor) == (0.005, None, 1.0)
    both = load([entry(0, quiet, busy)], QUARTER, 25)
    assert both is not None
    assert (both.requests, both.quietest, both.baseline_rate) == (400, 1600, 1 / 300)
    off = load([entry(0, Counts(0.0, 0.0), busy)], QUARTER, 0)
    assert off is not None
    assert off.rate == 1 / 300
    assert load([entry(0, quiet)], QUARTER, 0) is None
    assert load([gap], QUARTER, 50) is None
    assert load([entry(0, Counts(0.0, 0.0))], QUARTER, 50) is None
