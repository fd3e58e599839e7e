"""Judges a stage by its counts: healthy, regressed, not enough to tell, or not measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core import reasons
from rollout_bot.core.course import Course
from rollout_bot.core.noise import estimate
from rollout_bot.core.policy import AnalysisSettings
from rollout_bot.core.samples import Gap, Measurement, Sample, Unmeasured
from rollout_bot.core.timeline import Timeline, timeline
from rollout_bot.core.verdict import Outcome, Rate, Verdict

_LATE = 2
"""Intervals without a newer one after which a measurement says nothing about now."""

_Z95 = 1.959964
"""The normal distribution has 95 % within this many standard deviations."""


def analyse(
    measurement: Measurement | Unmeasured,
    *,
    limit: float,
    since: datetime,
    now: datetime,
    interval: timedelta,
    settings: AnalysisSettings,
) -> Verdict:
    """The verdict on a stage whose evidence begins at `since`. `limit` is its greatest error rate, a fraction above 0.

    Intervals up to `since` only tell how noisy the service is; give those of the day before. What is unknown is
    `UNAVAILABLE` or `INCONCLUSIVE`, never anything better or worse.
    """
    if isinstance(measurement, Unmeasured):
        return Verdict(Outcome.UNAVAILABLE, (measurement.reason,), limit)
    times = timeline(measurement, since=since, now=now, interval=interval)
    if isinstance(times, Unmeasured):
        return Verdict(Outcome.UNAVAILABLE, (times.reason,), limit, notes=measurement.notes)
    course = Course(limit, interval, settings, estimate(times.history))
    for entry in times.stage:
        if isinstance(entry, Gap):
            course.gap(entry)
        else:
            course.sample(entry)
    verdict = _figures(course, times, measurement.notes)
    if is_late(times.newest, since, now, interval):
        late = reasons.late(times.newest, since, now, _LATE * interval)
        blind = reasons.blind(course) if course.blind else ()
        return replace(verdict, outcome=Outcome.UNAVAILABLE, reasons=(late, *blind), healthy_since=None)
    stretch = _total(times, verdict.regressing_since or since)
    return replace(verdict, reasons=reasons.explain(verdict, course, since, stretch))


def is_late(newest: datetime | None, since: datetime, now: datetime, interval: timedelta) -> bool:
    """Whether evidence since `since` whose newest interval ended at `newest` says nothing about now."""
    return now - max(newest or since, since) > _LATE * interval


def wilson(rate: Rate, noise: float) -> tuple[float, float] | None:
    """Bounds of an error rate (95 %), as fractions; None without requests.

    Wilson's score interval (1927) with requests/noise, the effective sample size, in place of requests (Korn &
    Graubard, 1998).
    """
    share = rate.value
    if share is None:
        return None
    size = rate.requests / noise
    z2 = _Z95 * _Z95
    # Multiplied through by size, so that next to no requests give [0, 1] and not an overflow.
    middle = size * share + z2 / 2
    spread = _Z95 * math.sqrt(size * share * (1 - share) + z2 / 4)
    return max(0.0, (middle - spread) / (size + z2)), min(1.0, (middle + spread) / (size + z2))


def _figures(course: Course, times: Timeline, notes: Sequence[str]) -> Verdict:
    samples = [entry for entry in times.stage if isinstance(entry, Sample)]
    rate = Rate(course.requests, course.failures)
    bounds = wilson(rate, course.noise.factor)
    return Verdict(
        outcome=course.outcome,
        reasons=(),
        limit=course.limit,
        stage=rate,
        last_hour=_total(times, samples[-1].end - timedelta(hours=1)) if samples else Rate(0.0, 0.0),
        lower=bounds[0] if bounds else None,
        upper=bounds[1] if bounds else None,
        regression=course.regression,
        health=course.health,
        noise=course.noise.factor,
        start=samples[0].start if samples else None,
        end=samples[-1].end if samples else None,
        intervals=course.intervals,
        gaps=course.gaps,
        notes=(*notes, *reasons.gaps([entry for entry in times.stage if isinstance(entry, Gap)])),
        forecast=course.forecast(),
        healthy_since=course.healthy_since,
        regressing_since=None if course.quiet else _regressing_since(course, samples),
        silent=course.silent * course.interval,
    )


def _total(times: Timeline, after: datetime) -> Rate:
    """Counts of the stage's intervals that end later than that."""
    found = [entry.enforced for entry in times.stage if isinstance(entry, Sample) and entry.end > after]
    return Rate(sum(each.total for each in found), sum(each.failed for each in found))


def _regressing_since(course: Course, samples: Sequence[Sample]) -> datetime | None:
    """Start of the stretch that speaks most for the regression found: after its CUSUM (Page, 1954) was last at 0."""
    start: datetime | None = None
    evidence = 0.0
    for sample in samples:
        evidence += course.suspicion(sample.enforced)
        if evidence <= 0:
            evidence, start = 0.0, None
        elif start is None:
            start = sample.start
    return start
