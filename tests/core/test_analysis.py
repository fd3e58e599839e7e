"""The verdict: each outcome, its reasons word by word, and its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest
from support.evidence import LIMIT, QUARTER, SINCE, Interval, judge, measured

from rollout_bot.core.analysis.analysis import analyse
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured
from rollout_bot.core.verdict import Outcome, Rate

FINE, SLIGHT, BAD = (500.0, 1.0), (500.0, 6.0), (500.0, 60.0)
NONE = (0.0, 0.0)


def outcomes(stage: Sequence[Interval]) -> list[Outcome]:
    """The verdict at the end of each interval."""
    return [judge(measured(stage[: index + 1])).outcome for index in range(len(stage))]


def test_healthy() -> None:
    verdict = judge(measured([FINE] * 10))
    assert verdict.outcome is Outcome.HEALTHY
    assert verdict.reasons == (
        "0.2 % of 5,000 requests failed (10), within the limit of 0.5 %",
        "evidence for health 92.6 (20 needed), evidence for a regression under 0.1 (100 needed)",
    )
    assert verdict.forecast is None
    assert verdict.regressing_since is None
    assert verdict.notes == ()


def test_regressed_of_late() -> None:
    verdict = judge(measured([FINE] * 40 + [SLIGHT] * 8))
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.reasons == (
        "1.2 % of 4,000 requests failed (48) since 2026-11-23 19:00 UTC, over the limit of 0.5 %",
        "since the stage began 0.367 % of 24,000 (88); in the last hour 1.2 % of 2,000 (24)",
        "evidence for a regression 519 (100 needed)",
    )
    assert verdict.regressing_since == SINCE + 40 * QUARTER
    assert verdict.forecast is None


def test_regressed_from_the_start() -> None:
    verdict = judge(measured([BAD] * 2))
    assert verdict.reasons == (
        "12 % of 1,000 requests failed (120), over the limit of 0.5 %",
        "in the last hour 12 % of 1,000 (120)",
        "evidence for a regression over 1,000,000 (100 needed)",
    )
    assert verdict.regressing_since == SINCE


def test_inconclusive_says_how_much_is_missing() -> None:
    verdict = judge(measured([FINE]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == (
        "0.2 % of 500 requests failed (1), within the limit of 0.5 %",
        "evidence for health 0.9 (20 needed); at this traffic about 1 h 45 min more (3,500 requests)",
    )


def test_inconclusive_says_when_waiting_will_not_help() -> None:
    verdict = judge(measured([(500.0, 2.5)] * 30))
    assert verdict.reasons == (
        "0.5 % of 15,000 requests failed (75), exactly the limit of 0.5 %",
        "evidence for health under 0.1 (20 needed); at this error rate and traffic it will not get there",
    )


@pytest.mark.parametrize(("failed", "side"), [(50_001.0, "just over"), (49_999.0, "just within")])
def test_a_rate_that_looks_like_the_limit_is_told_from_it(failed: float, side: str) -> None:
    reasons = judge(measured([(10_000_000.0, failed)])).reasons
    assert reasons[0].endswith(f"failed ({failed:,.0f}), {side} the limit of 0.5 %")


def test_too_few_failures_do_not_roll_back() -> None:
    verdict = judge(measured([(1.0, 1.0), (1.0, 1.0)]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == (
        "100 % of 2 requests failed (2), over the limit of 0.5 %",
        "evidence for a regression 102 (100 needed), but only 2 failures of the 3 it takes",
        "only 2 requests of the 50 that health takes",
        "evidence for health 0.1 (20 needed); at this error rate and traffic it will not get there",
    )
    assert judge(measured([(1.0, 1.0)] * 3)).outcome is Outcome.REGRESSED


def test_a_hiccup_is_ridden_out() -> None:
    stage = [*[FINE] * 8, (500.0, 20.0), FINE]
    assert Outcome.REGRESSED not in outcomes(stage)
    # Not confirmed yet with the first bad interval, confirmed with a second one.
    first = judge(measured([*[FINE] * 8, (500.0, 20.0)]))
    assert first.regression is not None
    assert first.regression.won
    assert first.outcome is Outcome.INCONCLUSIVE
    assert "it may be over: not 2 intervals in a row are over the limit now" in first.reasons[1]
    assert judge(measured([*[FINE] * 8, (500.0, 20.0), SLIGHT])).outcome is Outcome.REGRESSED


def test_a_catastrophe_needs_no_second_interval() -> None:
    assert outcomes([(500.0, 26.0)]) == [Outcome.REGRESSED]
    assert outcomes([FINE] * 40 + [(500.0, 250.0)])[-1] is Outcome.REGRESSED


def test_silence_after_a_regression_is_no_recovery() -> None:
    assert outcomes([BAD, BAD, NONE, NONE])[1:] == [Outcome.REGRESSED] * 3
    assert judge(measured([BAD, BAD, *[NONE] * 4])).reasons[1] == "in the last hour no requests"


def test_how_many_intervals_confirm_is_a_setting() -> None:
    one, three = AnalysisSettings(confirm_intervals=1), AnalysisSettings(confirm_intervals=3)
    assert judge(measured([(500.0, 20.0)]), settings=one).outcome is Outcome.REGRESSED
    assert judge(measured([(500.0, 20.0)] * 2), settings=three).outcome is Outcome.INCONCLUSIVE
    assert judge(measured([(500.0, 20.0)] * 3), settings=three).outcome is Outcome.REGRESSED


def test_bars_follow_the_confidence() -> None:
    verdict = judge(measured([FINE]), settings=AnalysisSettings(confidence=0.999, promote_confidence=0.9))
    assert verdict.regression is not None
    assert verdict.health is not None
    assert verdict.regression.bar == pytest.approx(1000)
    assert verdict.health.bar == pytest.approx(10)


def test_old_good_news_is_capped() -> None:
    verdict = judge(measured([FINE] * 200))
    assert verdict.health is not None
    # The parts of two sizes; the third, next to no failures at all, has won nothing.
    assert verdict.health.capital == pytest.approx(10 * 0.65 * verdict.health.bar, rel=1e-4)


def test_health_needs_a_number_of_requests() -> None:
    stage = [(500.0, 0.0)] * 4
    assert judge(measured(stage)).outcome is Outcome.HEALTHY
    verdict = judge(measured(stage), settings=AnalysisSettings(min_requests=3000))
    assert verdict.reasons[1:] == ("only 2,000 requests of the 3,000 that health takes",)
    assert verdict.forecast is not None
    assert verdict.forecast.requests == 1000
    assert verdict.forecast.duration == 2 * QUARTER


def test_what_speaks_for_a_regression_stands_in_the_way_of_health() -> None:
    verdict = judge(measured([(3.0, 2.0)]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons[1] == "evidence for a regression 79.6 (100 needed); health needs less than 5"
    assert verdict.regressing_since == SINCE


def test_no_traffic_is_not_a_rate_of_zero() -> None:
    verdict = judge(measured([NONE] * 4))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == (
        "no requests in 4 intervals since the stage began at 2026-11-23 09:00 UTC: nothing to judge by",
    )
    assert verdict.stage.value is verdict.last_hour.value is verdict.lower is verdict.upper is None


def test_traffic_that_stops_takes_health_away() -> None:
    verdict = judge(measured([FINE] * 10 + [NONE] * 2))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reasons == (
        "no requests for 30 min, where about 1,000 were to be expected",
        "0.2 % of 5,000 requests failed (10), within the limit of 0.5 %",
    )
    assert verdict.silent == timedelta(minutes=30)
    assert verdict.healthy_since is None
    assert verdict.forecast is None


def test_a_pause_that_is_usual_at_this_traffic_does_not() -> None:
    stage: list[Interval] = [(5.0, 0.0)] * 300
    assert judge(measured([*stage, NONE, NONE])).outcome is Outcome.HEALTHY
    assert judge(measured(stage + [NONE] * 10)).outcome is Outcome.INCONCLUSIVE


def test_before_the_first_interval() -> None:
    for verdict in (judge(measured([])), judge(measured([], history=[FINE] * 4), late=timedelta(minutes=30))):
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.reasons == ("no complete interval yet since the stage began at 2026-11-23 09:00 UTC",)
        assert verdict.start is verdict.end is None


def test_no_interval_for_too_long() -> None:
    verdict = judge(measured([], history=[FINE] * 4), late=timedelta(minutes=31))
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert verdict.reasons == (
        "no complete interval since the stage began at 2026-11-23 09:00 UTC, 31 min ago; allowed: 30 min",
    )


def test_late_is_unavailable() -> None:
    healthy = measured([FINE] * 10)
    assert judge(healthy, late=timedelta(minutes=30)).outcome is Outcome.HEALTHY
    verdict = judge(healthy, late=timedelta(minutes=30, seconds=1))
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert verdict.reasons == (
        "newest complete interval ended at 2026-11-23 11:30 UTC, 30 min 1 s ago; allowed: 30 min",
    )
    assert verdict.healthy_since is None
    assert judge(measured([BAD] * 3), late=timedelta(hours=1)).outcome is Outcome.UNAVAILABLE


def test_late_because_of_gaps_says_both() -> None:
    verdict = judge(measured([*[FINE] * 10, *["HTTP 500"] * 3]))
    assert verdict.reasons == (
        "newest complete interval ended at 2026-11-23 11:30 UTC, 45 min ago; allowed: 30 min",
        "no data from 2026-11-23 11:30 UTC to 2026-11-23 12:15 UTC (HTTP 500)",
    )


def test_a_stage_that_begins_in_the_future_waits() -> None:
    verdict = analyse(
        measured([], history=[FINE] * 8),
        limit=LIMIT,
        since=SINCE,
        now=SINCE - timedelta(hours=1),
        interval=QUARTER,
        settings=AnalysisSettings(),
    )
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_unmeasured_keeps_its_reason() -> None:
    verdict = analyse(
        Unmeasured("connection refused"),
        limit=LIMIT,
        since=SINCE,
        now=SINCE,
        interval=QUARTER,
        settings=AnalysisSettings(),
    )
    assert (verdict.outcome, verdict.reasons) == (Outcome.UNAVAILABLE, ("connection refused",))
    assert verdict.limit == LIMIT


def test_a_gap_among_the_newest_two_is_unavailable() -> None:
    for stage in ([*[FINE] * 10, "timeout"], [*[FINE] * 10, "timeout", FINE], [*[BAD] * 3, "timeout"]):
        verdict = judge(measured(stage))
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert verdict.reasons[0].startswith("no data from 2026-11-23 ")
        assert verdict.reasons[0].endswith(" UTC (timeout)")


def test_a_gap_does_not_hide_a_regression_that_the_newest_interval_shows() -> None:
    assert judge(measured([*[BAD] * 3, "timeout", BAD])).outcome is Outcome.REGRESSED


def test_after_a_gap_health_is_shown_anew() -> None:
    stage = [*[FINE] * 30, "timeout", "timeout", *[FINE] * 8]
    assert outcomes(stage) == (
        [Outcome.INCONCLUSIVE] * 7 + [Outcome.HEALTHY] * 23 + [Outcome.UNAVAILABLE] * 9 + [Outcome.HEALTHY]
    )
    verdict = judge(measured(stage[:-4]))
    assert verdict.reasons == (
        (
            "no data from 2026-11-23 16:30 UTC to 2026-11-23 17:00 UTC (timeout); health must be shown anew since then:"
            " evidence for health 4 (20 needed); at this traffic about 1 h more (2,000 requests)"
        ),
        "0.2 % of 17,000 requests failed (34), within the limit of 0.5 %",
    )
    assert verdict.notes == ("no data from 2026-11-23 16:30 UTC to 2026-11-23 17:00 UTC (timeout)",)
    assert (verdict.intervals, verdict.gaps) == (34, 1)


def test_the_requests_that_health_takes_count_since_the_gap() -> None:
    verdict = judge(measured([*[FINE] * 10, "timeout", *[(10.0, 0.0)] * 3]))
    assert "only 30 requests of the 50 that health takes" in verdict.reasons[0]


def test_a_regression_goes_on_across_a_gap() -> None:
    stage = [*[FINE] * 10, SLIGHT, SLIGHT, SLIGHT, SLIGHT, "timeout", SLIGHT, SLIGHT, SLIGHT, SLIGHT]
    verdict = judge(measured(stage))
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.regressing_since == SINCE + 10 * QUARTER


def test_counts_that_cannot_be_true_are_a_gap() -> None:
    for counts, reason in {
        (5.0, 7.0): "failed (7) exceeds total (5)",
        (math.nan, 0.0): "total is nan",
        (5.0, -1.0): "failed is negative (-1)",
        (1e300, 0.0): "total is 1e+300; allowed: up to 9.0072e+15, what a counter can hold exactly",
        (math.inf, 0.0): "total is inf",
    }.items():
        verdict = judge(measured([*[FINE] * 10, counts]))
        assert verdict.outcome is Outcome.UNAVAILABLE
        assert verdict.reasons == (f"no data from 2026-11-23 11:30 UTC to 2026-11-23 11:45 UTC ({reason})",)


def test_remarks_on_gaps_are_bounded() -> None:
    stage: list[Interval] = []
    for _ in range(9):
        stage += [FINE, "timeout"]
    verdict = judge(Measurement(measured(stage).intervals, notes=("a sample was dropped",)))
    assert len(verdict.notes) == 7
    assert verdict.notes[0] == "a sample was dropped"
    assert verdict.notes[-2].startswith("no data from 2026-11-23 13:15 UTC")
    assert verdict.notes[-1] == "and 4 earlier gaps"


def test_figures() -> None:
    verdict = judge(measured([(100.0, 1.0), NONE, (200.0, 0.0), (300.0, 2.0), (400.0, 1.0)]))
    assert verdict.stage == Rate(1000.0, 4.0)
    assert verdict.last_hour == Rate(900.0, 3.0)
    assert (verdict.start, verdict.end) == (SINCE, SINCE + 5 * QUARTER)
    assert (verdict.intervals, verdict.gaps, verdict.noise, verdict.limit) == (5, 0, 1.0, LIMIT)


def test_healthy_since_is_the_beginning_of_the_present_run() -> None:
    first = judge(measured([FINE] * 10))
    assert first.healthy_since == SINCE + 8 * QUARTER
    stage = [*[FINE] * 10, (500.0, 12.0), *[(500.0, 0.0)] * 10]
    run = outcomes(stage)
    begin = max(index for index, each in enumerate(run) if each is not Outcome.HEALTHY) + 1
    assert 10 < begin < len(stage)
    assert judge(measured(stage)).healthy_since == SINCE + (begin + 1) * QUARTER


def test_the_forecast_comes_true() -> None:
    for stage in ([FINE], [FINE] * 5, [(20.0, 0.0)] * 9, [*[FINE] * 10, "timeout", *[FINE] * 2]):
        forecast = judge(measured(stage)).forecast
        assert forecast is not None
        steps = forecast.duration // QUARTER
        sample = [each for each in stage if not isinstance(each, str)]
        mean = tuple(sum(column) / len(sample) for column in zip(*sample, strict=True))
        assert forecast.requests == pytest.approx(mean[0] * steps)
        assert judge(measured([*stage, *[mean] * steps])).outcome is Outcome.HEALTHY
        earlier = steps - 1 - steps // 8  # it is as exact as that
        assert judge(measured([*stage, *[mean] * earlier])).outcome is not Outcome.HEALTHY


def test_no_forecast_beyond_three_weeks() -> None:
    # Just under the limit: health would be shown one day, but nobody should wait for it.
    assert judge(measured([(20.0, 0.06)] * 3), limit=0.0035).forecast is None
    assert judge(measured([(1.0, 0.0)])).forecast is not None
    assert judge(measured([(0.1, 0.0)])).forecast is None


def test_noise_comes_from_before_the_stage_and_slows_both_bets() -> None:
    calm = [(500.0, 8.0 + index % 3) for index in range(96)]
    noisy = [(500.0, float(24 * (index % 3 == 0))) for index in range(96)]
    stage: list[Interval] = [(500.0, 2.0)] * 4
    quiet, loud = judge(measured(stage, calm), limit=0.02), judge(measured(stage, noisy), limit=0.02)
    assert quiet.noise == 1.0
    assert loud.noise > 10
    assert quiet.health is not None
    assert loud.health is not None
    assert loud.health.capital < quiet.health.capital
    assert loud.stage == quiet.stage == Rate(2000.0, 8.0)
    assert loud.upper is not None
    assert quiet.upper is not None
    assert loud.upper > quiet.upper


def test_noise_is_the_whole_services() -> None:
    entries = measured([(500.0, 2.0)] * 4, [(0.0, 0.0)] * 96).intervals
    noisy = tuple(
        Sample(entry.start, entry.end, entry.enforced, Counts(500.0, float(24 * (index % 3 == 0))))
        for index, entry in enumerate(entries)
        if isinstance(entry, Sample)
    )
    assert judge(Measurement(noisy)).noise > 10
    absurd = tuple(Sample(each.start, each.end, each.enforced, Counts(1.0, 2.0)) for each in noisy)
    assert judge(Measurement(absurd)).noise == 1.0


def test_a_limit_of_everything_cannot_be_exceeded() -> None:
    assert judge(measured([(500.0, 500.0)] * 10), limit=1.0).outcome is Outcome.INCONCLUSIVE


def test_a_single_gap_and_nothing_else() -> None:
    gap = Gap(SINCE, SINCE + QUARTER, "timeout")
    verdict = judge(Measurement((gap,)))
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert verdict.reasons == ("no data from 2026-11-23 09:00 UTC to 2026-11-23 09:15 UTC (timeout)",)


def test_silence_after_a_gap_is_still_unavailable() -> None:
    verdict = judge(measured(["timeout", NONE, NONE]))
    assert verdict.outcome is Outcome.UNAVAILABLE
    assert verdict.reasons[-1] == "no requests so far"
