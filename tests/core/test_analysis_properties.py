"""What holds for every measurement."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.evidence import QUARTER, SINCE, Interval, beside, judge, measured

from rollout_bot.core.analysis.analysis import analyse
from rollout_bot.core.analysis.bets import OVER, UNDER
from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisRule, AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample
from rollout_bot.core.verdict import Outcome, Rate, Verdict

BETTER = [Outcome.HEALTHY, Outcome.INCONCLUSIVE, Outcome.REGRESSED]

counts = st.tuples(
    st.one_of(st.just(0.0), st.integers(1, 3000).map(float), st.floats(0, 1e12)),
    st.one_of(st.just(0.0), st.floats(0, 0.02), st.floats(0, 1)),
).map(lambda pair: (pair[0], pair[0] * pair[1]))
limits = st.one_of(st.just(0.005), st.floats(1e-5, 1.0))
intervals = st.lists(st.one_of(counts, counts, counts, st.just("timeout")), max_size=20)


def numbers(value: object) -> list[float]:
    """Every float within a verdict."""
    if isinstance(value, float):
        return [value]
    if isinstance(value, Mapping):
        return [found for each in value.values() for found in numbers(each)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [found for field in dataclasses.fields(value) for found in numbers(getattr(value, field.name))]
    return []


def sane(verdict: Verdict) -> None:
    assert all(math.isfinite(number) for number in numbers(verdict))
    assert verdict.reasons
    assert all(reason.strip() and "nan" not in reason for reason in verdict.reasons)
    assert (verdict.healthy_since is not None) == (verdict.outcome is Outcome.HEALTHY)
    if verdict.lower is not None and verdict.upper is not None and verdict.stage.value is not None:
        assert 0 <= verdict.lower <= verdict.stage.value + 1e-12
        assert verdict.stage.value - 1e-12 <= verdict.upper <= 1


@given(stage=intervals, history=st.lists(counts, max_size=40), limit=limits)
@settings(max_examples=150)
def test_every_verdict_is_finite_and_has_reasons(stage: list[Interval], history: list[Interval], limit: float) -> None:
    verdict = judge(measured(stage, history), limit=limit)
    sane(verdict)
    if verdict.outcome is Outcome.HEALTHY:
        assert verdict.regression is not None
        assert verdict.health is not None
        assert verdict.health.won
        assert verdict.regression.capital < 0.05 * verdict.regression.bar
        assert verdict.stage.requests >= 50
    if verdict.outcome is Outcome.REGRESSED:
        assert verdict.regression is not None
        assert verdict.regression.won
        assert verdict.stage.failures >= 3
        assert verdict.regressing_since is not None


@given(
    stage=st.lists(counts, min_size=1, max_size=15),
    baseline=st.lists(st.none() | counts, min_size=1, max_size=15),
    history=st.lists(counts, max_size=40),
    limit=limits,
    rule=st.sampled_from(AnalysisRule),
)
@settings(max_examples=150)
def test_so_is_every_verdict_beside_a_baseline(
    stage: list[Interval],
    baseline: list[tuple[float, float] | None],
    history: list[Interval],
    limit: float,
    rule: AnalysisRule,
) -> None:
    compared = beside(stage, baseline)
    before = measured([], history).intervals
    measurement = Measurement((*before, *compared.intervals), with_baseline=True)
    verdict = judge(measurement, limit=limit, settings=AnalysisSettings(rule=rule))
    sane(verdict)
    if rule is AnalysisRule.THRESHOLD:
        return
    assert verdict.comparison is not None
    if verdict.outcome is Outcome.REGRESSED:
        assert all(verdict.bets[name].won for name in ("worse", "odds"))
    if verdict.outcome in (Outcome.HEALTHY, Outcome.SHARED):
        assert baseline[min(len(stage), len(baseline)) - 1] is not None
    increase = verdict.comparison
    if increase.increase is not None and increase.lower is not None and increase.upper is not None:
        assert -1 <= increase.lower <= increase.increase + 1e-12
        assert increase.increase - 1e-12 <= increase.upper <= 1


@given(
    spans=st.lists(st.tuples(st.integers(-100, 100), st.integers(-5, 60), counts, st.booleans()), max_size=8),
    since=st.integers(-300, 300),
    now=st.integers(-300, 300),
)
def test_no_order_of_times_makes_it_crash(
    spans: list[tuple[int, int, tuple[float, float], bool]], since: int, now: int
) -> None:
    minute = timedelta(minutes=1)
    entries: list[Sample | Gap] = []
    for start, length, pair, seen in spans:
        begin, end = SINCE + start * minute, SINCE + (start + length) * minute
        entries.append(Sample(begin, end, Counts(*pair)) if seen else Gap(begin, end, "timeout"))
    verdict = analyse(
        Measurement(tuple(entries)),
        limit=0.005,
        since=SINCE + since * minute,
        now=SINCE + now * minute,
        interval=QUARTER,
        settings=AnalysisSettings(),
    )
    sane(verdict)


@given(stage=st.lists(counts, min_size=1, max_size=20), more=st.floats(0, 1), limit=limits)
@settings(max_examples=150)
def test_more_failures_now_never_make_the_verdict_better(
    stage: list[tuple[float, float]], more: float, limit: float
) -> None:
    total, failed = stage[-1]
    worse = [*stage[:-1], (total, min(total, failed + more * total))]
    assert BETTER.index(judge(measured(worse), limit=limit).outcome) >= BETTER.index(
        judge(measured(stage), limit=limit).outcome
    )


@given(silence=st.integers(0, 300), gaps=st.integers(0, 3), confidence=st.floats(0.1, 0.999))
def test_no_traffic_is_never_healthy(silence: int, gaps: int, confidence: float) -> None:
    lax = AnalysisSettings(promote_confidence=confidence, min_requests=0)
    verdict = judge(measured([*["timeout"] * gaps, *[(0.0, 0.0)] * silence]), settings=lax)
    assert verdict.outcome in (Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE)
    assert verdict.stage.value is None


@given(stage=st.lists(counts, min_size=1, max_size=20), at=st.integers(0, 19))
def test_evidence_for_health_is_that_since_the_gap(stage: list[tuple[float, float]], at: int) -> None:
    holed = judge(measured([*stage[:at], "timeout", *stage[at:]]))
    fresh = judge(measured(stage[at:]))
    assert holed.health == fresh.health
    assert holed.stage.requests == pytest.approx(sum(total for total, _ in stage))
    assert holed.outcome is not Outcome.INCONCLUSIVE


@given(stage=st.lists(st.tuples(st.integers(0, 900), st.floats(0, 0.02)), min_size=1, max_size=12), limit=limits)
def test_the_capitals_are_those_of_the_plain_formula(stage: list[tuple[int, float]], limit: float) -> None:
    data = [(float(total), total * share) for total, share in stage]
    verdict = judge(measured(data), limit=limit)
    assert verdict.regression is not None
    assert verdict.health is not None
    over, under = (
        plain(data, limit, OVER.ratios, OVER.weights, 0.6),
        plain(data, limit, UNDER.ratios, UNDER.weights, 0.8),
    )
    # Once its cap has cut an effect size, the past weighs less than in the formula.
    uncut = 1e8 * min(OVER.weights), 40 * min(UNDER.weights)
    assert verdict.regression.capital <= over * (1 + 1e-6)
    if all(plain(data[: n + 1], limit, OVER.ratios, OVER.weights, 0.6) < uncut[0] for n in range(len(data))):
        assert verdict.regression.capital == pytest.approx(over, rel=1e-6)
    assert verdict.health.capital <= under * (1 + 1e-6)
    if all(plain(data[: n + 1], limit, UNDER.ratios, UNDER.weights, 0.8) < uncut[1] for n in range(len(data))):
        assert verdict.health.capital == pytest.approx(under, rel=1e-6)


def plain(
    data: list[tuple[float, float]], limit: float, ratios: tuple[float, ...], weights: tuple[float, ...], s: float
) -> float:
    """Likelihood ratios of Poisson counts, each beginning and each size on its own."""
    total = 0.0
    for ratio, weight in zip(ratios, weights, strict=True):
        q = max(limit, min(ratio * limit, 0.9)) if ratio > 1 else ratio * limit
        for begin in range(len(data)):
            share = s if begin == 0 else (1 - s) * 96 / ((begin + 95) * (begin + 96))
            log = sum(k * math.log(q / limit) - n * (q - limit) for n, k in data[begin:])
            total += share * weight * math.exp(min(log, 600))
    return total


@given(stage=st.lists(counts, min_size=1, max_size=30))
def test_a_course_ends_where_a_fresh_look_does(stage: list[tuple[float, float]]) -> None:
    course = Course(0.005, QUARTER, AnalysisSettings(), Noise())
    for index, pair in enumerate(stage):
        start = SINCE + index * QUARTER
        course.sample(Sample(start, start + QUARTER, Counts(*pair)))
    verdict = judge(measured(stage))
    assert (verdict.outcome, verdict.regression, verdict.health) == (course.outcome, course.regression, course.health)
    assert verdict.stage == Rate(course.requests, course.failures)
