"""The grid of intervals that a source delivers, and how holes in it are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rollout_bot.core.samples import Gap, Sample, Window


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` complete intervals of length `interval`, the first one beginning at `start`."""

    start: datetime
    interval: timedelta
    count: int

    @classmethod
    def complete(cls, window: Window, delay: timedelta = timedelta(0)) -> Grid:
        """The intervals of a window that ended at least `delay` ago, so that their data has arrived."""
        return cls(window.start, window.interval, max(0, (window.end - delay - window.start) // window.interval))

    @property
    def end(self) -> datetime:
        return self.start + self.count * self.interval

    def span(self, index: int) -> tuple[datetime, datetime]:
        start = self.start + index * self.interval
        return start, start + self.interval

    def index(self, time: float) -> int:
        """Of the interval (start, end] that holds a moment, given in seconds since 1970; negative before the first.

        A sample taken at a boundary tells of what was before it.
        """
        # Whole microseconds, because a float quotient would put some boundaries into the wrong interval.
        elapsed = round((time - self.start.timestamp()) * 1_000_000)
        return -(-elapsed // (self.interval // timedelta(microseconds=1))) - 1


def merged(intervals: Iterable[Sample | Gap]) -> tuple[Sample | Gap, ...]:
    """The same intervals, with neighbouring gaps of one reason told as one where they hold no counts."""
    told: list[Sample | Gap] = []
    for each in intervals:
        last = told[-1] if told else None
        if isinstance(each, Gap) and isinstance(last, Gap) and _continues(last, each):
            told[-1] = Gap(last.start, each.end, last.reason)
        else:
            told.append(each)
    return tuple(told)


def _continues(last: Gap, each: Gap) -> bool:
    return (last.end, last.reason) == (each.start, each.reason) and last.baseline is each.baseline is None


def clock(time: datetime) -> str:
    """A moment as the notes of a measurement write it."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
