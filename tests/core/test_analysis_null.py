"""What Ville's inequality promises: where nothing is wrong, a bet is seldom won, whenever one looks.

Seeded. The greatest capital of each rollout is compared with every bar at once: it reaches c in at most 1 of c.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import LIMIT, QUARTER, SINCE

from rollout_bot.core.analysis.bets import OVER, UNDER, against_limit
from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Outcome

HOURS, TRAFFIC, ROLLOUTS = 24, 2_000, 400
BARS = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0)

Stream = list[float]
"""At which request each failure happens, rising."""
Looks = Callable[[random.Random, Stream], Iterator[float]]
"""Up to which request one has seen at each look, rising."""


def every_quarter(_rng: random.Random, _failures: Stream) -> Iterator[float]:
    yield from range(TRAFFIC // 4, TRAFFIC * HOURS + 1, TRAFFIC // 4)


def at_random(rng: random.Random, _failures: Stream) -> Iterator[float]:
    at = rng.expovariate(1 / 500)
    while at < TRAFFIC * HOURS:
        yield at
        at += rng.expovariate(1 / rng.choice([20, 500, 4_000]))


def after_each_failure(_rng: random.Random, failures: Stream) -> Iterator[float]:
    yield from failures


def when_it_looks_bad(_rng: random.Random, failures: Stream) -> Iterator[float]:
    """Ends an interval as soon as it has failed three times as often as it may, else after an hour."""
    begin, seen = 0.0, 0
    for at in failures:
        while at - begin > TRAFFIC:
            begin, seen = begin + TRAFFIC, 0
            yield begin
        seen += 1
        if seen > 3 * LIMIT * (at - begin) + 1:
            begin, seen = at, 0
            yield at


def stream(rng: random.Random, rate: float) -> Stream:
    """Each request fails with that chance, whatever the others do."""
    found, at = [], 0.0
    while at < TRAFFIC * HOURS:
        at += 1 + math.floor(math.log(1 - rng.random()) / math.log1p(-rate))
        found.append(at)
    return found


def samples(failures: Stream, looks: Iterator[float]) -> Iterator[Counts]:
    """What comes between one look and the next."""
    seen, begin = 0, 0.0
    for at in looks:
        upto = seen
        while upto < len(failures) and failures[upto] <= at:
            upto += 1
        yield Counts(at - begin, float(upto - seen))
        seen, begin = upto, at


def play(course: Course, counts: Iterator[Counts]) -> Iterator[Course]:
    for index, each in enumerate(counts):
        course.sample(Sample(SINCE + index * QUARTER, SINCE + (index + 1) * QUARTER, each))
        yield course


def seldom(highest: list[float]) -> None:
    """Of fair bets at most 1 in c reaches c; allowed are three standard errors more."""
    for bar in BARS:
        won = sum(each >= bar for each in highest)
        expected = len(highest) / bar
        assert won <= expected + 3 * math.sqrt(expected), f"{won} of {len(highest)} reached {bar}"


@pytest.mark.parametrize("looks", [every_quarter, at_random, after_each_failure, when_it_looks_bad])
def test_neither_bet_is_often_won_at_the_limit_however_one_looks(looks: Looks) -> None:
    rng = random.Random(21)
    over, under, wrong = [], [], 0
    for _ in range(ROLLOUTS):
        failures = stream(rng, LIMIT)
        course = Course(LIMIT, QUARTER, AnalysisSettings(), Noise())
        seen = [
            (now.regression.capital, now.health.capital, now.outcome)
            for now in play(course, samples(failures, looks(rng, failures)))
        ]
        over.append(max(each[0] for each in seen))
        under.append(max(each[1] for each in seen))
        wrong += any(each[2] is Outcome.REGRESSED for each in seen)
    seldom(over)
    seldom(under)
    # 1 % of the rollouts is promised; more than 10 of 400 would be a chance of 1 in 350.
    assert wrong <= 10


@given(
    ratio=st.sampled_from((*OVER.ratios, *UNDER.ratios)),
    limit=st.floats(1e-5, 0.3),
    n=st.floats(0, 1e7),
    within=st.floats(0, 1),
    excess=st.one_of(st.just(0.0), st.floats(1e-6, 100)),
)
def test_no_bet_gains_on_independent_requests_that_obey_its_hypothesis(
    ratio: float, limit: float, n: float, within: float, excess: float
) -> None:
    """The mean of the factor z^failures · e^b of n requests that fail with a chance of p each: (1 + p(z − 1))^n · e^b.

    At most 1 for every number of requests, so also for the next ones at any look. Their failures may vary less than
    the noise that was estimated.
    """
    rate = limit * within if ratio > 1 else limit + (1 - limit) * within
    b = against_limit([ratio], limit, n, 0.0, excess)[0]
    log_z = against_limit([ratio], limit, n, 1.0, excess)[0] - b
    log_mean = n * math.log1p(rate * math.expm1(log_z)) + b
    assert log_mean <= 1e-9 + 1e-9 * n
