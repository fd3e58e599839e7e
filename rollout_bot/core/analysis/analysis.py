"""Judges a stage by its counts: healthy, regressed, not enough to tell, or not measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core.analysis import reasons
from rollout_bot.core.analysis.bounds import newcombe, wilson
from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import estimate
from rollout_bot.core.analysis.timeline import Timeline, timeline
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured
from rollout_bot.core.verdict import Comparison, Outcome, Rate, Verdict

_LATE = 2
"""Intervals without a newer one after which a measurement says nothing about now."""


def analyse(
    measurement: Measurement | Unmeasured,
    *,
    limit: float,
    since: datetime,
    now: datetime,
    interval: timedelta,
    settings: AnalysisSettings,
    whole: bool = False,
) -> Verdict:
    """The verdict on a stage whose evidence begins at `since`. `limit` is its greatest error rate, a fraction above 0.

    Intervals up to `since` only tell how noisy the service is; give those of the day before. What is unknown is
    `UNAVAILABLE` or `INCONCLUSIVE`, never anything better or worse. `whole` says that the stage has all the traffic:
    nothing is left to compare it with, so it is judged by the limit alone, whatever is measured of a baseline.
    """
    if isinstance(measurement, Unmeasured):
        return Verdict(Outcome.UNAVAILABLE, (measurement.reason,), limit)
    times = timeline(measurement, since=since, now=now, interval=interval)
    if isinstance(times, Unmeasured):
        return Verdict(Outcome.UNAVAILABLE, (times.reason,), limit, notes=measurement.notes)
    course = course_after(
        times.history, limit, interval, settings, with_baseline=measurement.with_baseline, whole=whole
    )
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


def course_after(
    history: Sequence[Counts],
    limit: float,
    interval: timedelta,
    settings: AnalysisSettings,
    *,
    with_baseline: bool,
    whole: bool,
) -> Course:
    """The course of a stage that begins now, with what was counted before it telling how noisy the service is."""
    compared = False if whole else with_baseline or None
    return Course(limit, interval, settings, estimate(history), with_baseline=compared)


def is_late(newest: datetime | None, since: datetime, now: datetime, interval: timedelta) -> bool:
    """Whether evidence since `since` whose newest interval ended at `newest` says nothing about now."""
    return now - max(newest or since, since) > _LATE * interval


def _figures(course: Course, times: Timeline, notes: Sequence[str]) -> Verdict:
    samples = [entry for entry in times.stage if isinstance(entry, Sample)]
    bounds = wilson(course.enforced.rate, course.noise.factor)
    return Verdict(
        outcome=course.outcome,
        reasons=(),
        limit=course.limit,
        stage=course.enforced.rate,
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
        comparison=_comparison(course, samples),
        bets=course.bets,
    )


def _comparison(course: Course, samples: Sequence[Sample]) -> Comparison | None:
    """Over the same intervals for both cohorts, for the rate of the service may have changed between others."""
    if not course.compared:
        return None
    pairs = [(each.enforced, each.baseline) for each in samples if each.baseline is not None]
    enforced = Rate(sum(one.total for one, _ in pairs), sum(one.failed for one, _ in pairs))
    baseline = Rate(sum(other.total for _, other in pairs), sum(other.failed for _, other in pairs))
    silent = (course.baseline.silent + course.unmeasured) * course.interval
    found = Comparison(enforced, baseline, course.settings.max_error_rate_increase, silent=silent)
    bounds = newcombe(enforced, baseline, course.noise.factor)
    if bounds is None or enforced.value is None or baseline.value is None:
        return found
    return replace(found, increase=enforced.value - baseline.value, lower=bounds[0], upper=bounds[1])


def _total(times: Timeline, after: datetime) -> Rate:
    """Counts of the stage's intervals that end later than that."""
    found = [entry.enforced for entry in times.stage if isinstance(entry, Sample) and entry.end > after]
    return Rate(sum(each.total for each in found), sum(each.failed for each in found))


def _regressing_since(course: Course, samples: Sequence[Sample]) -> datetime | None:
    """Start of the stretch that speaks most for a regression: since its CUSUM (Page, 1954) was last at 0."""
    suspicions = [course.suspicion(sample) for sample in samples]
    stretches = [_stretch(samples, evidence) for evidence in zip(*suspicions, strict=True)]
    return max(stretches, key=lambda each: each[0])[1] if stretches else None


def _stretch(samples: Sequence[Sample], evidence: Sequence[float]) -> tuple[float, datetime | None]:
    """The CUSUM at the end, and since when it has been above 0."""
    total, start = 0.0, None
    for sample, nats in zip(samples, evidence, strict=True):
        total += nats
        if total <= 0:
            total, start = 0.0, None
        elif start is None:
            start = sample.start
    return total, start
