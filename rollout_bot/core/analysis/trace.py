"""The error rate of a stage over time, short enough to draw: it shows what was judged, and decides nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollout_bot.core.analysis.bounds import wilson
from rollout_bot.core.analysis.timeline import timeline
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured
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
    return tuple(_bounded(joined(tuple(map(_point, times.stage)), most), noise))


def joined(points: Sequence[Point], most: int) -> tuple[Point, ...]:
    """The same in at most `most` points, each with the bounds of its end."""
    size = -(-len(points) // most) or 1
    # The newest point is always whole: it is the one that is looked at.
    edges = [0, *range(len(points) % size or size, len(points) + 1, size)] if points else []
    return tuple(_one(points[begin:end]) for begin, end in itertools.pairwise(edges))


def _one(points: Sequence[Point]) -> Point:
    here, baseline = _sum(each.here for each in points), _sum(each.baseline for each in points)
    return replace(points[-1], start=points[0].start, here=here, baseline=baseline)


def _sum(rates: Iterable[Rate | None]) -> Rate | None:
    known = [each for each in rates if each is not None]
    if not known:
        return None
    return Rate(sum(each.requests for each in known), sum(each.failures for each in known))


def _point(entry: Sample | Gap) -> Point:
    if isinstance(entry, Gap):
        return Point(entry.start, entry.end, None)
    return Point(entry.start, entry.end, _rate(entry.enforced), _rate(entry.baseline) if entry.baseline else None)


def _rate(counts: Counts) -> Rate:
    return Rate(counts.total, counts.failed)


def _bounded(points: Iterable[Point], noise: float) -> Iterator[Point]:
    requests = failures = 0.0
    for point in points:
        if point.here is not None:
            requests, failures = requests + point.here.requests, failures + point.here.failures
        lower, upper = wilson(Rate(requests, failures), noise) or (None, None)
        yield replace(point, lower=lower, upper=upper)
