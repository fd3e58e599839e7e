"""How often the rule errs and how fast it is, on made-up rollouts. Seeded: these figures do not change."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from support.evidence import QUARTER, SINCE, poisson

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import estimate
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Outcome

RateAt = Callable[[int], float]


def rollout(
    rng: random.Random,
    rate: RateAt,
    *,
    requests: float = 500.0,
    limit: float = 0.005,
    clump: int = 1,
    length: int = 96,
    beside: tuple[float, RateAt] | None = None,
) -> list[Outcome]:
    """The verdicts on one stage, up to the first that rolls back; failures come `clump` at a time.

    `beside` has the requests and the rate of a baseline.
    """

    def counts(at: int, total: float = requests, rate_at: RateAt = rate) -> Counts:
        return Counts(total, min(total, float(clump * poisson(rng, total * rate_at(at) / clump))))

    course = Course(limit, QUARTER, AnalysisSettings(), estimate([counts(-1) for _ in range(96)]))
    verdicts: list[Outcome] = []
    for at in range(length):
        baseline = counts(at, *beside) if beside else None
        course.sample(Sample(SINCE + at * QUARTER, SINCE + (at + 1) * QUARTER, counts(at), baseline))
        verdicts.append(course.outcome)
        if verdicts[-1] is Outcome.REGRESSED:
            break
    return verdicts


def steady(rate: float) -> RateAt:
    return lambda _at: rate


def change(before: float, after: float, begin: int) -> RateAt:
    return lambda at: after if at >= begin else before


def delays(rng: random.Random, rate: RateAt, begin: int, number: int, length: int = 200) -> list[int]:
    """Intervals from the change to the rollback; none before it, and none missed."""
    found = []
    for _ in range(number):
        verdicts = rollout(rng, rate, length=length)
        assert verdicts[-1] is Outcome.REGRESSED
        found.append(len(verdicts) - begin)
    assert min(found) > 0
    return found


@pytest.mark.parametrize(
    ("rate", "limit", "requests", "clump"),
    [(0.001, 0.005, 5.0, 1), (0.002, 0.002, 500.0, 1), (0.001, 0.005, 500.0, 3), (0.005, 0.005, 500.0, 6)],
    ids=["few requests", "rate equal to the limit", "clumps", "clumps at the limit"],
)
def test_good_rollouts_are_left_alone(rate: float, limit: float, requests: float, clump: int) -> None:
    rng = random.Random(11)
    number = 300
    wrong = sum(
        rollout(rng, steady(rate), requests=requests, limit=limit, clump=clump)[-1] is Outcome.REGRESSED
        for _ in range(number)
    )
    # 1 % is promised; of 300, more than 8 would be a chance of 1 in 250.
    assert wrong <= 8


def test_a_good_rollout_passes_in_hours() -> None:
    rng = random.Random(12)
    first = [rollout(rng, steady(0.0005), length=40).index(Outcome.HEALTHY) + 1 for _ in range(100)]
    assert sum(first) / 100 <= 4


def test_a_bad_rollout_is_never_healthy() -> None:
    rng = random.Random(13)
    assert not any(Outcome.HEALTHY in rollout(rng, steady(0.01)) for _ in range(200))


def test_a_late_regression_is_found_nearly_as_fast_as_an_early_one() -> None:
    rng = random.Random(14)
    early = delays(rng, change(0.001, 0.015, 0), 0, 100)
    late = delays(rng, change(0.001, 0.015, 80), 80, 100)
    assert sum(early) / 100 < 5
    assert sum(late) / 100 < 8


@pytest.mark.parametrize(
    ("rate", "baseline", "clump"),
    [(0.005, 500.0, 1), (0.005, 55.0, 3), (0.01, 4500.0, 1), (0.003, 500.0, 3)],
    ids=["at the limit", "clumps and a thin baseline", "both over the limit", "clumps"],
)
def test_what_is_no_worse_than_its_baseline_is_left_alone(rate: float, baseline: float, clump: int) -> None:
    rng = random.Random(16)
    wrong = sum(
        rollout(rng, steady(rate), clump=clump, beside=(baseline, steady(rate)))[-1] is Outcome.REGRESSED
        for _ in range(150)
    )
    # 1 % is promised; of 150, more than 5 would be a chance of 1 in 250.
    assert wrong <= 5


def test_an_incident_of_both_is_left_alone() -> None:
    rng = random.Random(17)

    def incident(at: int) -> float:
        return 0.05 if 30 <= at < 36 else 0.001

    for _ in range(60):
        verdicts = rollout(rng, incident, beside=(500.0, incident), length=60)
        assert Outcome.REGRESSED not in verdicts
        assert Outcome.SHARED in verdicts
        assert Outcome.HEALTHY not in verdicts[32:36]


def test_what_is_worse_within_the_limit_is_left_alone() -> None:
    rng = random.Random(18)
    wrong = sum(rollout(rng, steady(0.003), beside=(500.0, steady(0.001)))[-1] is Outcome.REGRESSED for _ in range(100))
    assert wrong <= 2


def test_a_baseline_finds_a_regression_sooner() -> None:
    rng = random.Random(19)
    late = change(0.001, 0.011, 60)
    alone = delays(rng, late, 60, 40)
    found = []
    for _ in range(40):
        verdicts = rollout(rng, late, beside=(4500.0, steady(0.001)), length=200)
        assert verdicts[-1] is Outcome.REGRESSED
        found.append(len(verdicts) - 60)
    assert min(found) > 0
    assert sum(found) < sum(alone) / 1.5


def test_a_catastrophe_is_found_at_once() -> None:
    rng = random.Random(15)
    for begin in (0, 40):
        assert set(delays(rng, change(0.001, 0.5, begin), begin, 50)) == {1}
