"""What a regression has cost: counted where it happened, against the nearest thing to what would have been."""

from __future__ import annotations

from dataclasses import replace

from support.rollouts import HOUR, NOW, situation, verdict

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.decision.impact import Impact, Yardstick, impact
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.verdict import Comparison, Outcome, Rate


def regressed(*failures: float | None, since: int | None = -2, baseline: Rate | None = None) -> Situation:
    """Hours of 1,000 requests up to now; the regression began with the hour `since`."""
    hours = range(-len(failures), 0)
    found = [None if each is None else Rate(1_000.0, each) for each in failures]
    points = [Point(NOW + at * HOUR, NOW + (at + 1) * HOUR, here) for at, here in zip(hours, found, strict=True)]
    comparison = Comparison(Rate(1_000, 9), baseline, 0.001) if baseline else None
    began = None if since is None else NOW + since * HOUR
    judged = replace(verdict(Outcome.REGRESSED), regressing_since=began, comparison=comparison)
    return replace(situation(verdict=judged), trace=tuple(points))


def test_the_stage_before_is_what_was_to_be_expected() -> None:
    assert impact(regressed(2, 2, 52, 62)) == Impact(110, Yardstick.BEFORE)


def test_a_hole_is_no_failure_and_no_success() -> None:
    assert impact(regressed(2, None, 52, None)) == Impact(50, Yardstick.BEFORE)


def test_a_baseline_is_the_better_yardstick() -> None:
    assert impact(regressed(2, 2, 52, 62, baseline=Rate(9_000, 90))) == Impact(94, Yardstick.BASELINE)
    assert impact(regressed(2, 2, 52, 62, baseline=Rate(0, 0))).yardstick is Yardstick.BEFORE


def test_a_stage_that_was_never_good_is_held_against_its_limit() -> None:
    assert impact(regressed(52, 62)) == Impact(104, Yardstick.LIMIT)
    assert impact(regressed(52, 62, since=None)) == Impact(104, Yardstick.LIMIT)


def test_without_a_trace_the_whole_stage_counts_and_never_less_than_nothing() -> None:
    whole = replace(regressed(), verdict=replace(verdict(Outcome.REGRESSED), stage=Rate(1_000, 30)))
    assert impact(whole) == Impact(25, Yardstick.LIMIT)
    assert impact(replace(whole, verdict=verdict(Outcome.REGRESSED))).excess == 0
