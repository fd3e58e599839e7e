"""What the feed's answers show of a stage, worked out without the product's own analysis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from support.machine.feed import Answer, Feed, Row, Weather
from support.ticks import HOUR, QUARTER


class Newest(StrEnum):
    """What the newest of what is told of a stage says."""

    NONE = "nothing yet"
    GOOD = "good"
    BAD = "bad"
    SILENT = "no requests"
    ABSURD = "absurd"
    LATE = "nothing new for two intervals"
    UNREADABLE = "no answer that can be read"


UNMEASURED = frozenset((Newest.ABSURD, Newest.LATE, Newest.UNREADABLE))


@dataclass(frozen=True)
class Evidence:
    """What was told of a stage at a moment.

    `good` counts the good intervals up to the newest, without a break. `holed`: they came after one that nobody saw.
    `pure`: all of the stage was good, and so was `calm` the day before it, by which the service's noise is judged.
    """

    newest: Newest
    good: int = 0
    holed: bool = False
    pure: bool = False
    calm: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether there is anything that could prove the stage healthy. After a gap it takes two intervals."""
        return self.newest is Newest.GOOD and self.good >= (2 if self.holed else 1)

    @property
    def must_pass(self) -> bool:
        """Whether nobody could doubt that it is healthy."""
        return self.newest is Newest.GOOD and self.pure and self.calm and self.good >= 8

    @property
    def blatant(self) -> bool:
        """Whether nobody could doubt that it has regressed."""
        return self.newest is Newest.BAD and self.calm


def told(feed: Feed, since: datetime, now: datetime) -> Evidence:
    """The evidence on a stage since a moment."""
    if feed.answer is not Answer.FINE:
        return Evidence(Newest.UNREADABLE)
    rows = [row for row in feed.rows() if row[0] <= now]
    seen = [end for end, weather in rows if weather is not Weather.ABSURD]
    if now - max(since, seen[-1]) > 2 * QUARTER:
        return Evidence(Newest.LATE)
    stage = [row for row in rows if row[0] - QUARTER >= since]
    calm = all(weather is not Weather.BAD for end, weather in rows if since - 25 * HOUR < end <= since)
    if not stage:
        return Evidence(Newest.NONE, calm=calm)
    good, holed = _run(stage, since)
    pure = good == len(stage) and not holed
    return Evidence(_NEWEST[stage[-1][1]], good, holed, pure, calm)


_NEWEST = {
    Weather.GOOD: Newest.GOOD,
    Weather.BAD: Newest.BAD,
    Weather.SILENT: Newest.SILENT,
    Weather.ABSURD: Newest.ABSURD,
}


def _run(stage: list[Row], since: datetime) -> tuple[int, bool]:
    """How many good intervals there are up to the newest, and whether they follow one that nobody saw."""
    good, begins = 0, stage[-1][0]
    for end, weather in reversed(stage):
        if weather is not Weather.GOOD or (good and end != begins):
            break
        good, begins = good + 1, end - QUARTER
    before = stage[-good - 1] if good < len(stage) else (since, Weather.GOOD)
    return good, begins - before[0] >= QUARTER or before[1] is Weather.ABSURD
