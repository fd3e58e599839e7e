"""History, as a tick at any moment of it would have seen it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core.analysis.timeline import checked, disorder
from rollout_bot.core.samples import Gap, Measurement, Reading, Readings, Sample


class Hindsight:
    """What a source delivered for a long time, in order. Raises ValueError for intervals that are in none.

    An interval is seen `delay` after its end. A gap is seen interval by interval; a hole that the source left without
    a word only once something follows it, as by the analysis itself. `readings` are by query: those of guardrails.
    """

    def __init__(self, measurement: Measurement, interval: timedelta, delay: timedelta = timedelta(0)) -> None:
        whole = tuple(checked(measurement.intervals))
        fault = disorder(whole)
        if fault:
            raise ValueError(fault)
        self.interval = interval
        self.delay = delay
        self.notes = measurement.notes
        self.readings: dict[str, Readings] = {}
        self.with_baseline = measurement.with_baseline
        self.entries: Sequence[Sample | Gap] = [part for entry in whole for part in _parts(entry, interval)]
        self._starts = [entry.start for entry in self.entries]
        self._ends = [entry.end for entry in self.entries]

    def first(self, start: datetime) -> int:
        """Index of the first entry that begins at `start` or later."""
        return bisect_left(self._starts, start)

    def shown(self, now: datetime) -> int:
        """How many entries a tick at `now` could see."""
        return bisect_right(self._ends, now - self.delay)

    def newest(self, now: datetime, since: datetime) -> datetime | None:
        """End of the newest measured interval that a tick at `now` could see; None if none ended after `since`."""
        for index in range(self.shown(now) - 1, -1, -1):
            entry = self.entries[index]
            if entry.end <= since:
                return None
            if isinstance(entry, Sample):
                return entry.end
        return None

    def read(self, query: str, start: datetime, now: datetime) -> Readings:
        """The values of the whole intervals after `start` that a tick at `now` could see."""
        found = self.readings[query]
        first = bisect_left(found.points, start + self.interval, key=_time)
        return replace(found, points=found.points[first : bisect_right(found.points, now - self.delay, key=_time)])


def _time(reading: Reading) -> datetime:
    return reading.time


def _parts(entry: Sample | Gap, interval: timedelta) -> Iterator[Sample | Gap]:
    # What a baseline counted in a gap is of one interval already.
    if isinstance(entry, Gap) and entry.baseline is None:
        while entry.end - entry.start >= 2 * interval:
            yield replace(entry, end=entry.start + interval)
            entry = replace(entry, start=entry.start + interval)
    yield entry
