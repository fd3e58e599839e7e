"""How often the rule errs and how fast it is, on made-up rollouts. Seeded: these figures do not change."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from support.evidence import QUARTER, SINCE, poisson

from rollout_bot.core.course import Course
from rollout_bot.core.noise import estimate
from rollout_bot.core.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Outcome

RateAt = Callable[[int], float]


def rollout(
    rng: random.Random, rate: RateAt, *, requests: float = 500.0, limit: float = 0.005, clump: int = 1, length: int = 96
) -> list[Outcome]:
    """The verdicts on one stage, up to the first that rolls back; failures come `clump` at a time."""

    def counts(at: int) -> Counts:
        return Counts(requests, min(requests, float(clump * poisson(rng, requests * rate(at) / clump))))

    course = Course(limit, QUARTER, AnalysisSettings(), estimate([counts(-1) for _ in range(96)]))
    verdicts: list[Outcome] = []
    for at in range(length):
        course.sample(Sample(SINCE + at * QUARTER, SINCE + (at + 1) * QUARTER, counts(at)))
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


def test_a_catastrophe_is_found_at_once() -> None:
    rng = random.Random(15)
    for begin in (0, 40):
        assert set(delays(rng, change(0.001, 0.5, begin), begin, 50)) == {1}
