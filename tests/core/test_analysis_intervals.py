"""What changes when the same traffic is cut into other intervals: never a verdict into its opposite.

Exact are the factors of one effect size: they add up, whatever the cuts (test_bets.py). The mixture over the moments
at which a change may have begun is not: intervals m times as fine offer m times as many moments. It can lose a factor
m (and 3 % for the time that passes), and gain at most 3 when every interval is cut evenly.
"""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.evidence import LIMIT, QUARTER, SINCE

from rollout_bot.core.analysis.bets import OVER, UNDER, Effects, Mixture, against_limit
from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Outcome

DAY = 96
LOSS = 1.03
"""By how much more than m the stake on one moment falls until the next interval, at most."""
GAIN = 3.0

parts = st.integers(2, 8)
quiet = st.tuples(st.integers(0, 1500).map(float), st.floats(0, 0.012)).map(lambda pair: (pair[0], pair[0] * pair[1]))
loud = st.tuples(st.integers(0, 500).map(float), st.floats(0, 0.3)).map(lambda pair: (pair[0], pair[0] * pair[1]))
stages = st.lists(st.one_of(quiet, quiet, loud), min_size=1, max_size=40)


def capital(effects: Effects, data: list[tuple[float, float]], per_day: float, excess: float) -> float:
    mixture = Mixture(effects, per_day=per_day, cap=math.inf)
    for n, k in data:
        mixture.play(against_limit(effects.ratios, LIMIT, n, k, excess))
    return mixture.capital


@pytest.mark.parametrize("effects", [OVER, UNDER])
@given(
    pieces=st.lists(st.lists(quiet, min_size=4, max_size=4), min_size=1, max_size=20),
    excess=st.sampled_from([0.0, 0.5, 4.0]),
)
def test_any_cut_into_m_loses_at_most_m(
    effects: Effects, pieces: list[list[tuple[float, float]]], excess: float
) -> None:
    fine = [piece for each in pieces for piece in each]
    whole = [(sum(n for n, _ in each), sum(k for _, k in each)) for each in pieces]
    lost = capital(effects, whole, DAY, excess) / (4 * LOSS)
    assert capital(effects, fine, 4 * DAY, excess) >= lost * (1 - 1e-9)


@pytest.mark.parametrize("effects", [OVER, UNDER])
@given(whole=st.lists(quiet, min_size=1, max_size=40), m=parts, excess=st.sampled_from([0.0, 0.5, 4.0]))
def test_an_even_cut_gains_at_most_a_factor_of_3(
    effects: Effects, whole: list[tuple[float, float]], m: int, excess: float
) -> None:
    fine = [(n / m, k / m) for n, k in whole for _ in range(m)]
    # What the next interval would stake is placed early.
    next_stake = (1 - effects.at_once) / DAY
    gained = GAIN * capital(effects, whole, DAY, excess) + next_stake
    assert capital(effects, fine, m * DAY, excess) <= gained * (1 + 1e-9)


@given(whole=stages, m=parts)
@settings(max_examples=200)
def test_an_even_cut_turns_no_verdict_into_its_opposite(whole: list[tuple[float, float]], m: int) -> None:
    coarse, fine = course(whole, 1), course(whole, m)
    verdicts = {coarse.outcome, fine.outcome}
    assert verdicts != {Outcome.HEALTHY, Outcome.REGRESSED}
    # Only near a bar can it become inconclusive.
    if coarse.outcome is Outcome.REGRESSED and coarse.regression.capital >= coarse.regression.bar * m * LOSS:
        assert fine.outcome is Outcome.REGRESSED
    clear = coarse.health.capital >= coarse.health.bar * m * LOSS
    if coarse.outcome is Outcome.HEALTHY and clear and coarse.regression.capital < 5 / GAIN - 0.01:
        assert fine.outcome is Outcome.HEALTHY


def course(whole: list[tuple[float, float]], m: int) -> Course:
    """The stage with every interval cut into m alike."""
    length = QUARTER / m
    made = Course(LIMIT, length, AnalysisSettings(), Noise())
    start = SINCE
    for n, k in whole:
        for _ in range(m):
            made.sample(Sample(start, start + length, Counts(n / m, k / m)))
            start += length
    assert length > timedelta(0)
    return made
