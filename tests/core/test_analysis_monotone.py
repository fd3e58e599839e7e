"""More failures never make a verdict better, whichever interval they are in.

That holds for the stage itself. More failures *before* it are another matter: they may make the service's usual noise
greater, and then the same stage says less.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.evidence import LIMIT, QUARTER, SINCE

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Sample
from rollout_bot.core.verdict import Outcome

RANK = {
    Outcome.HEALTHY: 0,
    # All of these hold. Which of them it is may change either way: a gap says nothing of failures.
    Outcome.INCONCLUSIVE: 1,
    Outcome.UNAVAILABLE: 1,
    Outcome.SHARED: 1,
    Outcome.REGRESSED: 2,
}

places = st.one_of(st.integers(0, 240), st.integers(-3, -1))
"""Anywhere, and often enough among the newest, which must confirm a regression."""

Pair = tuple[int, int]
Part = tuple[Pair, int] | None
"""An interval of the enforced cohort, how often it comes in a row, or None for a gap."""

few = st.tuples(st.integers(0, 1000), st.integers(0, 6))
many = st.tuples(st.integers(1, 1000), st.integers(0, 400))
pairs = st.one_of(few, few, many).map(lambda pair: (pair[0], min(pair)))
runs = st.tuples(pairs, st.one_of(st.just(1), st.integers(1, 40)))
parts = st.tuples(runs, st.integers(0, 15)).map(lambda pair: pair[0] if pair[1] else None)
stages = st.lists(parts, min_size=1, max_size=6)
baselines = st.one_of(
    st.none(), st.tuples(st.integers(0, 5000), st.integers(0, 40)).map(lambda pair: (pair[0], min(pair)))
)
noises = st.sampled_from([Noise(), Noise(4.0, 500.0)])


def course(stage: Sequence[Pair | None], baseline: Pair | None, noise: Noise) -> Course:
    made = Course(LIMIT, QUARTER, AnalysisSettings(), noise)
    for index, pair in enumerate(stage):
        start, end = SINCE + index * QUARTER, SINCE + (index + 1) * QUARTER
        if pair is None:
            made.gap(Gap(start, end, "timeout"))
        else:
            beside = Counts(*map(float, baseline)) if baseline else None
            made.sample(Sample(start, end, Counts(*map(float, pair)), beside))
    return made


@given(parts=stages, baseline=baselines, noise=noises, at=places, more=st.integers(1, 400))
@settings(max_examples=400)
# A service without a failure, and one with few, before a worse interval: the second must not come out better.
@example(parts=[((500, 0), 40), ((500, 2), 1)], baseline=None, noise=Noise(), at=39, more=1)
def test_more_failures_in_any_interval_never_make_the_verdict_better(
    parts: Sequence[Part], baseline: Pair | None, noise: Noise, at: int, more: int
) -> None:
    stage = [pair for part in parts for pair in ([part[0]] * part[1] if part else [None])]
    worse = list(stage)
    pair = stage[at % len(stage)]
    if pair is not None:
        worse[at % len(stage)] = (pair[0], min(pair[0], pair[1] + more))
    assert_no_better(course(worse, baseline, noise), course(stage, baseline, noise))


def test_a_stage_with_a_few_failures_does_not_outlive_one_without() -> None:
    after = [(500, 2)]
    assert_no_better(course([(500, 1)] * 40 + after, None, Noise()), course([(500, 0)] * 40 + after, None, Noise()))


def test_a_worse_hiccup_is_not_forgotten_sooner() -> None:
    calm = [(500, 1)] * 20
    for healing in range(1, 30):
        small, great = ([*calm, (500, bad), *[(500, 1)] * healing] for bad in (20, 24))
        assert_no_better(course(great, None, Noise()), course(small, None, Noise()))


def assert_no_better(worse: Course, better: Course) -> None:
    assert RANK[worse.outcome] >= RANK[better.outcome], (worse.outcome, better.outcome)
    # Not only by luck of the bars: each bet's capital moves the right way too.
    assert worse.health.capital <= better.health.capital * (1 + 1e-9)
    assert worse.regression.capital >= better.regression.capital * (1 - 1e-9)
