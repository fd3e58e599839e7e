"""Exact counts per interval from raw samples of counters: resets, births and gaps are handled per series.

`increase()` of PromQL drops the value that a series is born with, and interpolates; this does neither. Times are
seconds since 1970.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured
from rollout_bot.metrics.intervals import Grid, clock, merged


@dataclass(frozen=True, slots=True)
class Series:
    """One counter: its labels and its `(time, value)` samples in order of time."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[float, float]]


@dataclass(slots=True)
class Tally:
    """Counts per interval of the grid. None: no series had a sample there. `faults`: why a count cannot be trusted."""

    counts: list[float | None]
    faults: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return all(count is None for count in self.counts)

    def add(self, index: int, count: float) -> None:
        self.counts[index] = (self.counts[index] or 0.0) + count


def first_seen(series: Iterable[Series]) -> float | None:
    """When the first sample of all was taken."""
    return min((each.samples[0][0] for each in series if each.samples), default=None)


def tally(series: Iterable[Series], grid: Grid, observed_from: float | None) -> Tally:
    """What the counters counted in each interval.

    An increase belongs to the interval of the sample that shows it, and a fall is a restart from zero. A series that
    begins after `observed_from` was born at zero; one that begins with the measuring itself may be old, and what it
    held then is not counted. Samples before the grid tell one from the other.
    """
    result = Tally([None] * grid.count)
    dropped = 0
    for each in series:
        previous = 0.0 if observed_from is not None and each.samples and each.samples[0][0] > observed_from else None
        for time, value in each.samples:
            index = grid.index(time)
            inside = 0 <= index < grid.count
            if math.isnan(value):
                # One pod's NaN must not cost the interval of all the others.
                dropped += inside
                continue
            if math.isinf(value) or value < 0:
                if inside:
                    result.faults[index] = f"a counter reads {value:g}"
                continue
            if inside:
                result.add(index, _increase(previous, value))
            previous = value
    if dropped:
        result.notes.append(f"{dropped} {'sample' if dropped == 1 else 'samples'} of NaN left out")
    return result


def _increase(previous: float | None, value: float) -> float:
    if previous is None:
        return 0.0
    return value - previous if value >= previous else value


def measured(total: Tally, failed: Tally, grid: Grid, *, absent_is_zero: bool) -> Measurement | Unmeasured:
    """Joins both tallies. Without `total` nothing is known; without `failed` only what `absent_is_zero` says."""
    if grid.count and total.empty and not total.faults:
        return Unmeasured("`total` has no data in the whole window; absent is not zero")
    if grid.count and failed.empty and not failed.faults and not absent_is_zero:
        return Unmeasured("`failed` has no data in the whole window, and failed_absent is unavailable")
    intervals = [_interval(total, failed, grid, index, absent_is_zero) for index in range(grid.count)]
    return Measurement(merged(intervals), (*_named("total", total), *_named("failed", failed)))


def _interval(total: Tally, failed: Tally, grid: Grid, index: int, absent_is_zero: bool) -> Sample | Gap:
    start, end = grid.span(index)
    requests, failures = total.counts[index], failed.counts[index]
    for name, each in (("total", total), ("failed", failed)):
        if index in each.faults:
            return Gap(start, end, f"{name}: {each.faults[index]}")
    if requests is None:
        return Gap(start, end, "`total` has no samples")
    if failures is None and not absent_is_zero:
        return Gap(start, end, "`failed` has no samples")
    counts = Counts(requests, failures or 0.0)
    fault = counts.fault()
    return Gap(start, end, fault) if fault else Sample(start, end, counts)


def _named(name: str, each: Tally) -> list[str]:
    return [f"{name}: {note}" for note in each.notes]


def arrivals_after_gaps(total: Tally, grid: Grid) -> list[str]:
    """Remarks on intervals that also hold what was counted while nobody looked."""
    notes = []
    for index in range(1, grid.count):
        if total.counts[index] is not None and total.counts[index - 1] is None:
            start, end = grid.span(index)
            notes.append(f"what was counted before {clock(start)}, in the gap, is in the interval until {clock(end)}")
    return notes
