"""From no request at all to 10¹²: every figure stays finite, and nothing stops the analysis."""

from __future__ import annotations

import dataclasses
import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import QUARTER, SINCE, judge

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Measurement, Sample
from rollout_bot.core.verdict import Outcome

SIZES = (0.0, 1.0, 1e12)
HISTORIES = {
    "none": (),
    "silent": ((0.0, 0.0),) * 24,
    "one request": ((1.0, 0.0), (1.0, 1.0)) * 12,
    "great and noisy": ((1e12, 1e9), (1e12, 3e9)) * 12,
}

totals = st.one_of(st.sampled_from(SIZES), st.floats(0, 1e12))
counts = st.tuples(totals, st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))).map(
    lambda pair: Counts(pair[0], pair[0] * pair[1])
)


def stage(pairs: list[tuple[Counts, Counts | None]], history: tuple[tuple[float, float], ...] = ()) -> Measurement:
    entries = [(Counts(*each), None) for each in history] + pairs
    return Measurement(
        tuple(
            Sample(SINCE + (at - len(history)) * QUARTER, SINCE + (at - len(history) + 1) * QUARTER, *each)
            for at, each in enumerate(entries)
        )
    )


def numbers(value: object) -> list[float]:
    """Every float within a verdict, those of its bets too."""
    if isinstance(value, float):
        return [value]
    if isinstance(value, dict) or hasattr(value, "items"):
        return [found for each in value.values() for found in numbers(each)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [found for field in dataclasses.fields(value) for found in numbers(getattr(value, field.name))]
    return []


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
@pytest.mark.parametrize("baseline", [None, *SIZES])
def test_the_ends_of_the_scale(history: tuple[tuple[float, float], ...], baseline: float | None) -> None:
    beside = [None] if baseline is None else [Counts(baseline, baseline * share) for share in (0.0, 0.001, 1.0)]
    for size, share, other, limit in product(SIZES, (0.0, 0.001, 1.0), beside, (1e-6, 0.005, 1.0)):
        verdict = judge(stage([(Counts(size, size * share), other)] * 3, history), limit=limit)
        assert all(math.isfinite(number) for number in numbers(verdict))
        assert verdict.reasons
        if size == 0 or size * share == size > limit * size:
            assert verdict.outcome is not Outcome.HEALTHY


@given(
    pairs=st.lists(st.tuples(counts, counts), min_size=1, max_size=12),
    noise=st.tuples(st.floats(1, 1e9), totals),
    limit=st.floats(1e-9, 1.0),
)
def test_no_traffic_and_no_noise_makes_a_capital_infinite(
    pairs: list[tuple[Counts, Counts]], noise: tuple[float, float], limit: float
) -> None:
    course = Course(limit, QUARTER, AnalysisSettings(), Noise(*noise), with_baseline=True)
    for sample in stage(list(pairs)).intervals:
        assert isinstance(sample, Sample)
        course.sample(sample)
        figures = [each for bet in course.bets.values() for each in (bet.capital, bet.bar)]
        assert all(math.isfinite(each) and each >= 0 for each in figures)
        assert all(math.isfinite(each) for each in course.suspicion(sample))
    forecast = course.forecast()
    assert forecast is None or math.isfinite(forecast.requests)
