"""The error rate of a stage over time, short enough to draw: it shows what was judged, and decides nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout_bot.core.bounds import wilson
from rollout_bot.core.samples import Gap, Measurement, Sample, Unmeasured
from rollout_bot.core.timeline import timeline
from rollout_bot.core.verdict import Rate

MOST = 96
"""Points that a chart can show before they run into each other; a day of quarter hours."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was counted in `(start, end]`, and what was known at `end`.

    `here` are the counts of this span alone, `baseline` those of the baseline cohort in it; both None where nothing
    could be measured. `lower` and `upper` bound the error rate of the stage up to `end` (95 %), as fractions.
    """

    start: datetime
    end: datetime
    here: Rate | None
    baseline: Rate | None = None
    lower: float | None = None
    upper: float | None = None


def trace(
    measurement: Measurement | Unmeasured,
    *,
    since: datetime,
    now: datetime,
    interval: timedelta,
    noise: float,
    most: int = MOST,
) -> tuple[Point, ...]:
    """At most `most` points of the stage whose evidence begins at `since`, oldest first; none without data.

    Neighbouring intervals are joined, as many to each point, counted from the newest back. `noise` is the factor φ of
    the verdict.
    """
    if isinstance(measurement, Unmeasured):
        return ()
    times = timeline(measurement, since=since, now=now, interval=interval)
    if isinstance(times, Unmeasured):
        return ()
    return tuple(_bounded(_joined(times.stage, most), noise))


def _joined(entries: Sequence[Sample | Gap], most: int) -> Iterator[Point]:
    size = -(-len(entries) // most) or 1
    # The newest point is always whole: it is the one that is looked at.
    first = len(entries) % size or size
    bounds = [0, *range(first, len(entries) + 1, size)]
    for begin, end in itertools.pairwise(bounds):
        yield _point(entries[begin:end])


def _point(entries: Sequence[Sample | Gap]) -> Point:
    samples = [entry for entry in entries if isinstance(entry, Sample)]
    start, end = entries[0].start, entries[-1].end
    if not samples:
        return Point(start, end, None)
    baselines = [each.baseline for each in samples if each.baseline is not None]
    return Point(
        start,
        end,
        Rate(sum(each.enforced.total for each in samples), sum(each.enforced.failed for each in samples)),
        Rate(sum(each.total for each in baselines), sum(each.failed for each in baselines)) if baselines else None,
    )


def _bounded(points: Iterator[Point], noise: float) -> Iterator[Point]:
    requests = failures = 0.0
    for point in points:
        if point.here is not None:
            requests, failures = requests + point.here.requests, failures + point.here.failures
        bounds = wilson(Rate(requests, failures), noise)
        lower, upper = bounds or (None, None)
        yield Point(point.start, point.end, point.here, point.baseline, lower, upper)
