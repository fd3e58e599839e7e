"""The verdict where a baseline cohort is the judge: better, worse, equally bad, thin, or gone."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from support.evidence import LIMIT, QUARTER, SINCE, Interval, beside, judge

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Measurement, Sample
from rollout_bot.core.verdict import Outcome, Rate, Verdict

FINE, BAD = (500.0, 1.0), (500.0, 25.0)
SLIGHT = (500.0, 6.0)
NONE = (0.0, 0.0)


def outcomes(stage: list[Interval], baseline: list[tuple[float, float] | None]) -> list[Outcome]:
    """The verdict at the end of each interval."""
    return [judge(beside(stage[: index + 1], baseline)).outcome for index in range(len(stage))]


def silence(verdict: Verdict) -> timedelta:
    assert verdict.comparison is not None
    return verdict.comparison.silent


def test_as_good_as_the_baseline() -> None:
    verdict = judge(beside([FINE] * 12, [FINE]))
    assert verdict.outcome is Outcome.HEALTHY
    assert verdict.reasons[0] == (
        "0.2 % of 6,000 requests failed (12), within the limit of 0.5 %, the same as the baseline's 0.2 %"
    )
    assert set(verdict.bets) == {"over", "under", "worse", "close", "odds"}
    assert verdict.regression == verdict.bets["worse"]


def test_close_to_the_baseline_is_healthy_though_the_limit_proves_nothing() -> None:
    at_the_limit = [(5000.0, 25.0)] * 40
    assert judge(beside(at_the_limit, [])).outcome is not Outcome.HEALTHY
    verdict = judge(beside(at_the_limit, [(5000.0, 25.0)]))
    assert verdict.outcome is Outcome.HEALTHY
    assert verdict.bets["under"].capital < 1
    assert verdict.bets["close"].won


def test_worse_than_the_baseline_and_over_the_limit() -> None:
    verdict = judge(beside([FINE] * 20 + [SLIGHT] * 6, [FINE]))
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reasons == (
        "1.2 % of 3,000 requests failed (36) since 2026-11-23 14:00 UTC, over the limit of 0.5 %",
        (
            "since the stage began 0.431 % of 13,000 (56), 0.231 points more than the baseline's 0.2 %;"
            " in the last hour 1.2 % of 2,000 (24)"
        ),
        "evidence of being worse than the baseline 335 (100 needed), of being over the limit 17,059 (100 needed)",
    )
    assert verdict.regressing_since == SINCE + 20 * QUARTER


def test_over_the_limit_the_tolerated_increase_is_named() -> None:
    verdict = judge(beside([SLIGHT] * 8, [FINE]))
    assert verdict.reasons[0] == (
        "1.2 % of 4,000 requests failed (48), over the limit of 0.5 %,"
        " 1 point more than the baseline's 0.2 % (tolerated: 0.1 points)"
    )


def test_a_baseline_that_is_as_bad_shares_the_trouble() -> None:
    found = outcomes([FINE] * 10 + [BAD] * 6, [FINE] * 10 + [BAD] * 6)
    assert Outcome.REGRESSED not in found
    assert found[-4:] == [Outcome.SHARED] * 4
    verdict = judge(beside([BAD] * 6, [BAD]))
    assert verdict.reasons[1:] == (
        "the baseline is over the limit too and this cohort no worse, so the trouble is not this rollout's",
        "evidence against the limit over 1,000,000 (100 needed), against the baseline under 0.1 (100 needed)",
    )
    assert judge(beside([BAD] * 6, [FINE])).outcome is Outcome.REGRESSED


def test_shared_trouble_ends() -> None:
    pairs: list[Interval] = [*[FINE] * 10, *[BAD] * 4, *[FINE] * 60]
    found = outcomes(pairs, [each for each in pairs if not isinstance(each, str)])
    assert Outcome.REGRESSED not in found
    assert found[-1] is Outcome.HEALTHY


def test_worse_within_the_limit_is_tolerated() -> None:
    verdict = judge(beside([(5000.0, 15.0)] * 40, [(5000.0, 5.0)]))
    assert verdict.bets["worse"].won
    assert not verdict.bets["odds"].won
    assert verdict.outcome is Outcome.HEALTHY
    assert verdict.reasons[1].endswith(
        "and though it is worse than the baseline, it is not likely to be over the limit"
    )


def test_what_is_worse_and_near_the_limit_waits() -> None:
    verdict = judge(beside([(500.0, 3.0)] * 30, [(4500.0, 1.0)]))
    assert verdict.bets["worse"].won
    assert 3 < verdict.bets["odds"].capital < 100
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[1].endswith("(100 needed); health needs less of either")


def test_a_tolerated_increase_over_a_bad_baseline_is_tolerated() -> None:
    stage: list[Interval] = [(5000.0, 52.0)] * 60
    assert Outcome.REGRESSED not in outcomes(stage, [(50_000.0, 500.0)])
    strict = AnalysisSettings(max_error_rate_increase=1e-6)
    assert judge(beside([(50_000.0, 520.0)] * 60, [(50_000.0, 440.0)]), settings=strict).outcome is Outcome.REGRESSED


def test_a_catastrophe_is_proved_by_one_interval() -> None:
    for stage, baseline in (
        ([(500.0, 250.0)], [FINE]),
        ([(20.0, 6.0)], [(180.0, 0.0)]),
        ([*[FINE] * 40, (500.0, 30.0)], [FINE]),
    ):
        assert judge(beside(stage, baseline)).outcome is Outcome.REGRESSED


@pytest.mark.parametrize("requests", [1.0, 12.0, 55.0])
def test_a_thin_baseline_only_takes_longer(requests: float) -> None:
    course = Course(LIMIT, QUARTER, AnalysisSettings(), Noise())
    seen: list[Outcome] = []
    while len(seen) < 300 and Outcome.REGRESSED not in seen:
        start = SINCE + len(seen) * QUARTER
        course.sample(Sample(start, start + QUARTER, Counts(500.0, 50.0), Counts(requests, 0.0)))
        seen.append(course.outcome)
    assert seen[-1] is Outcome.REGRESSED
    assert set(seen) <= {Outcome.INCONCLUSIVE, Outcome.REGRESSED}


def test_a_baseline_without_failures_is_no_licence_to_roll_back() -> None:
    assert Outcome.REGRESSED not in outcomes([FINE] * 96, [(500.0, 0.0)])


def test_a_baseline_that_was_not_measured_holds() -> None:
    found = outcomes([FINE] * 14, [FINE] * 12 + [None])
    assert found[-3:] == [Outcome.HEALTHY, Outcome.UNAVAILABLE, Outcome.UNAVAILABLE]
    verdict = judge(beside([FINE] * 13, [FINE] * 12 + [None]))
    assert verdict.reasons[0] == (
        "the baseline could not be measured for the last 15 min, so there is nothing to compare with"
    )
    assert silence(verdict) == QUARTER
    later = judge(beside([FINE] * 14, [FINE] * 12 + [None]))
    assert later.reasons[0].endswith("; until it is back, only the limit can take this stage back")
    assert silence(later) == 2 * QUARTER
    assert judge(beside([FINE] * 15, [*[FINE] * 12, None, None, FINE])).outcome is Outcome.HEALTHY


def test_a_baseline_that_was_never_measured_is_not_taken_for_none() -> None:
    verdict = judge(beside([FINE] * 12, [None]))
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert verdict.comparison is not None
    assert verdict.comparison.increase is None
    plain = Measurement(beside([FINE] * 12, [None]).intervals)
    assert judge(plain).outcome is Outcome.HEALTHY


@pytest.mark.parametrize("gone", [None, NONE])
def test_without_its_baseline_a_stage_can_still_be_taken_back(gone: tuple[float, float] | None) -> None:
    stage: list[Interval] = [*[FINE] * 12, *[BAD] * 6]
    found = outcomes(stage, [FINE] * 12 + [gone])
    # Not at once: it may be a hiccup of the measurement.
    assert found[12] is not Outcome.REGRESSED
    assert found[-1] is Outcome.REGRESSED
    verdict = judge(beside(stage, [FINE] * 12 + [gone]))
    assert "there is no baseline to compare with now" in verdict.reasons[-1]


def test_what_was_won_against_the_baseline_stays_won_without_it() -> None:
    stage: list[Interval] = [*[FINE] * 12, *[SLIGHT] * 4]
    with_it = judge(beside([*stage, SLIGHT], [FINE] * 16 + [None]))
    before = judge(beside(stage, [FINE]))
    assert with_it.bets["worse"] == before.bets["worse"]


def test_a_baseline_without_requests_holds() -> None:
    verdict = judge(beside([FINE] * 14, [FINE] * 12 + [NONE]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert silence(verdict) == 2 * QUARTER
    assert verdict.reasons[0] == (
        "no requests of the baseline cohort for 30 min, where about 1,000 were to be expected"
    )
    never = judge(beside([FINE] * 12, [NONE]))
    assert never.outcome is Outcome.INCONCLUSIVE
    assert silence(never) == 12 * QUARTER
    assert never.reasons[0] == (
        "the baseline cohort has had no requests since the stage began: nothing to compare with"
    )


def test_a_pause_of_a_thin_baseline_is_no_alarm() -> None:
    stage: list[Interval] = [(50.0, 0.0)] * 100
    verdict = judge(beside(stage, [*[(2.0, 0.0)] * 90, NONE]))
    assert verdict.outcome is Outcome.HEALTHY
    assert silence(verdict) == 10 * QUARTER


def test_with_all_the_traffic_the_limit_alone_is_the_judge() -> None:
    for baseline in ([None], [NONE], [(3.0, 3.0)]):
        verdict = judge(beside([FINE] * 12, baseline), whole=True)
        assert verdict.outcome is Outcome.HEALTHY
        assert verdict.comparison is None
        assert set(verdict.bets) == {"over", "under"}
        assert judge(beside([BAD] * 3, baseline), whole=True).outcome is Outcome.REGRESSED


def test_a_baseline_that_cannot_be_true_was_not_measured() -> None:
    for absurd in ((5.0, 7.0), (math.nan, 0.0), (5.0, -1.0), (math.inf, 0.0), (1e300, 0.0)):
        verdict = judge(beside([FINE] * 13, [*[FINE] * 12, absurd]))
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert "the baseline could not be measured" in verdict.reasons[0]


def test_the_comparison_is_over_the_same_intervals() -> None:
    verdict = judge(beside([FINE, BAD, FINE], [(1000.0, 1.0), None, (1000.0, 3.0)]))
    assert verdict.stage == Rate(1500.0, 27.0)
    assert verdict.comparison is not None
    assert (verdict.comparison.enforced, verdict.comparison.baseline) == (Rate(1000.0, 2.0), Rate(2000.0, 4.0))
    assert verdict.comparison.increase == pytest.approx(0)
    assert verdict.comparison.lower is not None
    assert verdict.comparison.upper is not None
    assert verdict.comparison.lower < 0 < verdict.comparison.upper


def test_the_forecast_comes_true_with_a_baseline() -> None:
    stage, baseline = [(5000.0, 25.0)] * 3, (5000.0, 25.0)
    forecast = judge(beside(stage, [baseline])).forecast
    assert forecast is not None
    steps = forecast.duration // QUARTER
    assert judge(beside([stage[0]] * (3 + steps), [baseline])).outcome is Outcome.HEALTHY
    assert judge(beside([stage[0]] * (2 + steps - steps // 8), [baseline])).outcome is not Outcome.HEALTHY


def test_a_course_begins_to_compare_with_the_first_baseline() -> None:
    course = Course(LIMIT, QUARTER, AnalysisSettings(), Noise())
    for index in range(8):
        start = SINCE + index * QUARTER
        baseline = Counts(500.0, 1.0) if index >= 4 else None
        course.sample(Sample(start, start + QUARTER, Counts(500.0, 1.0), baseline))
        assert course.compared is (index >= 4)
    ignoring = Course(LIMIT, QUARTER, AnalysisSettings(), Noise(), with_baseline=False)
    ignoring.sample(Sample(SINCE, SINCE + QUARTER, Counts(500.0, 1.0), Counts(500.0, 1.0)))
    assert not ignoring.compared


def intervals_to_health(noise: Noise, enforced: Counts, baseline: Counts, limit: float) -> int:
    course = Course(limit, QUARTER, AnalysisSettings(), noise)
    number = 0
    while course.outcome is not Outcome.HEALTHY:
        start = SINCE + number * QUARTER
        course.sample(Sample(start, start + QUARTER, enforced, baseline))
        number += 1
    return number


@pytest.mark.parametrize(
    ("failures", "limit"), [(1.0, 0.002), (1.25, 0.005)], ids=["close to the baseline", "within the limit"]
)
def test_what_was_usual_before_the_stage_shows_health_sooner(failures: float, limit: float) -> None:
    both = Counts(500.0, failures)
    known = Noise(1.0, 500.0, usual=96 * failures, served=96 * 500.0)
    unknown = intervals_to_health(Noise(), both, both, limit)
    assert intervals_to_health(known, both, both, limit) < unknown
    # Where the day before could not tell a rate from the limit, nothing follows from it.
    assert intervals_to_health(Noise(1.0, 500.0, usual=0.0, served=4.9 / limit), both, both, limit) == unknown


def test_what_was_usual_is_no_excuse() -> None:
    usual = Noise(1.0, 500.0, usual=0.0, served=1e6)
    course = Course(LIMIT, QUARTER, AnalysisSettings(), usual)
    for index in range(96):
        start = SINCE + index * QUARTER
        course.sample(Sample(start, start + QUARTER, Counts(500.0, 4.0), Counts(500.0, 1.0)))
        assert course.outcome is not Outcome.HEALTHY
