"""When it may advance: days and hours of a time zone, without the dates that are excluded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

HORIZON = timedelta(days=366)
"""How far ahead to look for the next opening."""

_MIDNIGHT = time(0)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """From `start` to before `end` by the clock on the wall; midnight as an end is that after the start.

    With an end that is not after the start it goes on past midnight, and belongs to the day on which it begins.
    """

    start: time
    end: time

    @property
    def overnight(self) -> bool:
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class Dates:
    """From `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Window:
    """`zone` is the IANA name of `clock`; `days` are weekdays, 0 for Monday.

    On an excluded date nothing is open, nor in the night that begins on it.
    """

    zone: str
    clock: tzinfo = field(compare=False)
    days: frozenset[int] = frozenset(range(7))
    hours: tuple[Hours, ...] = (Hours(_MIDNIGHT, _MIDNIGHT),)
    exclude: tuple[Dates, ...] = ()

    def is_open(self, moment: datetime) -> bool:
        """Whether an aware time lies inside. What the clock shows decides: an hour shown twice is open twice."""
        local = moment.astimezone(self.clock)
        today, now = local.date(), local.time()
        by_day = self._counts(today)
        by_night = self._counts(today - _DAY) and not self._excluded(today)
        return any(
            (by_day and each.start <= now and (now < each.end or each.overnight))
            or (by_night and each.overnight and now < each.end)
            for each in self.hours
        )

    def opens_at(self, moment: datetime) -> datetime | None:
        """The first time from then on that lies inside, in UTC; None if there is none within `HORIZON`."""
        at = moment.astimezone(UTC)
        if self.is_open(at):
            return at
        for ahead in range(HORIZON // _DAY):
            begin = at + ahead * _DAY
            opens = min(filter(self.is_open, self._edges(begin, begin + _DAY)), default=None)
            if opens is not None:
                return opens
        return None

    def _counts(self, day: date) -> bool:
        return day.weekday() in self.days and not self._excluded(day)

    def _excluded(self, day: date) -> bool:
        return any(dates.first <= day <= dates.last for dates in self.exclude)

    def _edges(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """All times in between at which it can open: where the clock shows a beginning, and where it is changed."""
        found = [self._change(after, until)] if self._offset(after) != self._offset(until) else []
        day = after.astimezone(self.clock).date()
        while day <= until.astimezone(self.clock).date():
            for each in self.hours:
                local = datetime.combine(day, each.start, self.clock)
                # The clock may show this time twice.
                found += [local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)]
            day += _DAY
        return (each for each in found if after < each <= until)

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.clock).utcoffset()

    def _change(self, before: datetime, after: datetime) -> datetime:
        """The second from which the clock is set as at `after`, found by halving."""
        before, after, offset = before.replace(microsecond=0), after.replace(microsecond=0), self._offset(after)
        while after - before > _SECOND:
            middle = before + (after - before) // _SECOND // 2 * _SECOND
            before, after = (before, middle) if self._offset(middle) == offset else (middle, after)
        return after
