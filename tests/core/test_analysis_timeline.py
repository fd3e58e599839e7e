"""Which intervals count as evidence, which as history, and which as unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.evidence import QUARTER, SINCE

from rollout_bot.core.analysis.timeline import Timeline, timeline
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured

MINUTE = timedelta(minutes=1)


def sample(minutes: int, length: int = 15, total: float = 10.0, baseline: Counts | None = None) -> Sample:
    start = SINCE + minutes * MINUTE
    return Sample(start, start + length * MINUTE, Counts(total, 1.0), baseline)


def gap(minutes: int, length: int = 15, reason: str = "timeout") -> Gap:
    start = SINCE + minutes * MINUTE
    return Gap(start, start + length * MINUTE, reason)


def sort(*entries: Sample | Gap, now: int = 600) -> Timeline | Unmeasured:
    return timeline(Measurement(entries), since=SINCE, now=SINCE + now * MINUTE, interval=QUARTER)


def ordered(*entries: Sample | Gap, now: int = 600) -> Timeline:
    times = sort(*entries, now=now)
    assert isinstance(times, Timeline)
    return times


def test_history_ends_where_the_stage_begins() -> None:
    times = ordered(sample(-30, total=20.0), sample(-15, total=30.0), sample(0), sample(15))
    assert [counts.total for counts in times.history] == [20.0, 30.0]
    assert times.stage == (sample(0), sample(15))
    assert times.newest == SINCE + 30 * MINUTE


def test_an_interval_across_the_beginning_is_neither() -> None:
    times = ordered(sample(-20), sample(-5), sample(10))
    assert len(times.history) == 1
    assert times.stage == (sample(10),)


def test_a_gap_across_the_beginning_counts_from_there() -> None:
    assert ordered(gap(-60, 90), sample(30)).stage == (gap(0, 30), sample(30))
    assert ordered(gap(-5), sample(10)).stage == (sample(10),)
    assert ordered(gap(-30), sample(0)).stage == (sample(0),)


def test_an_interval_that_has_not_ended_is_not_there_yet() -> None:
    times = ordered(sample(0), sample(15), now=29)
    assert times.stage == (sample(0),)
    assert times.newest == SINCE + 15 * MINUTE


def test_a_hole_is_a_gap() -> None:
    silent = "the source delivered nothing for this time"
    assert ordered(sample(0), sample(45)).stage == (sample(0), gap(15, 30, silent), sample(45))
    assert ordered(sample(30)).stage == (gap(0, 30, silent), sample(30))
    # No interval would have fitted in between.
    assert ordered(sample(14), sample(43)).stage == (sample(14), sample(43))


def test_neighbouring_gaps_of_one_reason_are_one() -> None:
    entries = (sample(0), gap(15), gap(30), gap(45, reason="HTTP 500"), sample(60), gap(75))
    assert ordered(*entries).stage == (sample(0), gap(15, 30), gap(45, reason="HTTP 500"), sample(60), gap(75))


def test_noise_looks_at_both_cohorts() -> None:
    times = ordered(sample(-15, baseline=Counts(90.0, 3.0)), sample(0))
    assert times.history == (Counts(100.0, 4.0),)
    assert ordered(sample(-15, baseline=Counts(1.0, 3.0))).history == (Counts(10.0, 1.0),)


def test_before_a_first_stage_the_baseline_alone_tells_the_noise() -> None:
    before = Gap(SINCE - 15 * MINUTE, SINCE, "`total` has no samples", Counts(90.0, 3.0))
    assert ordered(before, sample(0)).history == (Counts(90.0, 3.0),)
    assert ordered(replace(before, baseline=Counts(1.0, 3.0)), sample(0)).history == ()
    assert ordered(replace(before, baseline=None), sample(0)).history == ()


def test_gaps_before_the_stage_are_forgotten() -> None:
    times = ordered(gap(-45), sample(-30), gap(-15), sample(0))
    assert len(times.history) == 1
    assert times.stage == (sample(0),)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (
            (sample(0), sample(10)),
            (
                "the interval that starts at 2026-11-23 09:10 UTC begins before the one before it ends"
                " (2026-11-23 09:15 UTC); the source must deliver intervals in order and without overlap"
            ),
        ),
        (
            (sample(0, length=0),),
            "the interval that starts at 2026-11-23 09:00 UTC has no length; the source must deliver whole ones",
        ),
    ],
    ids=["overlap", "no length"],
)
def test_disorder_is_not_believed(entries: tuple[Sample, ...], reason: str) -> None:
    assert sort(*entries) == Unmeasured(reason)


def test_nothing_at_all() -> None:
    assert ordered() == Timeline((), (), None)
