"""Guardrails: further values that a stage has to keep within bounds, judged by their newest readings alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rollout_bot.core.samples import Reading, Readings, Unmeasured
from rollout_bot.core.wording import amount, duration, figure, moment

LATE = 2
"""Intervals without a newer reading after which it says nothing about now, as with counts."""


_RECENT = timedelta(hours=24)


class Severity(StrEnum):
    """What a breach does: roll the stage back, keep it from going up, or be told."""

    ROLLBACK = "rollback"
    HOLD = "hold"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A query whose value has to stay within `min` and `max`, at least one of which is given.

    `breaches` is how many intervals in a row may break it before it counts; with `observe_only` it never counts.
    """

    name: str
    query: str
    max: float | None = None
    min: float | None = None
    breaches: int = 1
    severity: Severity = Severity.ROLLBACK
    observe_only: bool = False

    @property
    def binding(self) -> bool:
        """Whether it can keep a stage from going up."""
        return self.severity is not Severity.WARN and not self.observe_only

    @property
    def allowed(self) -> str:
        """The bounds, as a phrase."""
        if self.max is None:
            return f"at least {figure(self.min or 0.0)}"
        return f"at most {figure(self.max)}" if self.min is None else f"{figure(self.min)} to {figure(self.max)}"

    def keeps(self, value: float) -> bool:
        return (self.max is None or value <= self.max) and (self.min is None or value >= self.min)


class Watch(StrEnum):
    """`TOLERATED` is a breach that is not counted yet; `UNKNOWN` is neither good nor bad news."""

    KEPT = "kept"
    TOLERATED = "tolerated"
    BREACHED = "breached"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Watched:
    """How a guardrail stands. `newest` is its newest reading, late or not; `streak` are the breaches that reach to it.

    `since` is the beginning of the interval with which the streak began, None where it reaches back further than was
    read. `blind` says that a value is missing that
    should be there: the query, the source or what it measures needs somebody.
    """

    guardrail: Guardrail
    watch: Watch
    reason: str
    newest: Reading | None = None
    streak: int = 0
    since: datetime | None = None
    blind: bool = False
    notes: tuple[str, ...] = ()

    @property
    def shuts(self) -> bool:
        """Whether the stage cannot go up: only what is known to be kept lets it."""
        return self.guardrail.binding and self.watch is not Watch.KEPT

    @property
    def rolls_back(self) -> bool:
        guardrail = self.guardrail
        return guardrail.binding and guardrail.severity is Severity.ROLLBACK and self.watch is Watch.BREACHED

    @property
    def told(self) -> str:
        """The reason after the guardrail's name, and what a trial would have done."""
        text = f"guardrail {self.guardrail.name}: {self.reason}"
        if not self.guardrail.observe_only or self.watch is not Watch.BREACHED:
            return text
        would = {
            Severity.ROLLBACK: "would have rolled back",
            Severity.HOLD: "would have held",
            Severity.WARN: "would have warned",
        }
        return f"{text}; {would[self.guardrail.severity]} (observe_only)"


def looked_at_from(guardrails: Iterable[Guardrail], since: datetime, now: datetime, interval: timedelta) -> datetime:
    """Where to begin to read: guardrails are judged by their newest values, and a stage may last for months.

    Whole intervals after `since`, so that the values are those of the intervals that are counted.
    """
    longest = max((each.breaches for each in guardrails), default=0) + 2
    back = max(_RECENT, longest * interval)
    return since + max(0, (now - back - since) // interval) * interval


def watch(
    guardrails: Iterable[Guardrail],
    readings: Mapping[str, Readings | Unmeasured],
    *,
    since: datetime,
    now: datetime,
    interval: timedelta,
) -> tuple[Watched, ...]:
    """How each guardrail stands. `readings` are by the guardrails' names; those of before `since` do not count.

    An interval without a value neither breaks a streak of breaches nor adds to it.
    """
    nothing = Unmeasured("the metrics source delivered nothing for it")
    found = ((each, readings.get(each.name, nothing)) for each in guardrails)
    return tuple(_watched(each, values, since, now, interval) for each, values in found)


def _watched(
    guardrail: Guardrail, readings: Readings | Unmeasured, since: datetime, now: datetime, interval: timedelta
) -> Watched:
    if isinstance(readings, Unmeasured):
        return Watched(guardrail, Watch.UNKNOWN, f"not measured: {readings.reason}", blind=True)
    points = [each for each in readings.points if each.time - interval >= since and each.time <= now]
    newest = points[-1] if points else None
    age = now - (newest.time if newest else since)
    if newest is None or age > LATE * interval:
        reason = missing(newest, since, age, LATE * interval)
        return Watched(guardrail, Watch.UNKNOWN, reason, newest, blind=age > LATE * interval, notes=readings.notes)
    streak = _streak(guardrail, points)
    began = points[-streak].time - interval if streak else None
    # What was read may begin later than the stage.
    earlier = streak == len(points) and began is not None and began - since >= interval
    state = Watch.KEPT if not streak else Watch.TOLERATED if streak <= guardrail.breaches else Watch.BREACHED
    reason = f"{figure(newest.value)}, allowed: {guardrail.allowed}"
    if began is not None:
        reason += f"; {_lasting(guardrail, streak, None if earlier else began)}"
    return Watched(guardrail, state, reason, newest, streak, None if earlier else began, notes=readings.notes)


def missing(newest: Reading | None, since: datetime, age: timedelta, allowed: timedelta) -> str:
    """Why readings up to `newest` say nothing about now, `age` later."""
    if newest is None:
        return f"no value since {moment(since)}"
    return f"newest value is of {moment(newest.time)}, {duration(age)} ago; allowed: {duration(allowed)}"


def _streak(guardrail: Guardrail, points: Sequence[Reading]) -> int:
    streak = 0
    for point in reversed(points):
        if guardrail.keeps(point.value):
            break
        streak += 1
    return streak


def _lasting(guardrail: Guardrail, streak: int, began: datetime | None) -> str:
    broken = f"broken in {amount(streak, 'interval')}" + (" in a row" if streak > 1 else "")
    since = f"since {moment(began)}" if began else "or more"
    tolerated = f"; {amount(guardrail.breaches, 'is', 'are')} tolerated" if guardrail.breaches else ""
    return f"{broken} {since}{tolerated}"


def alarms(watched: Iterable[Watched]) -> Iterator[str]:
    """Why the stage has to go back, by its guardrails."""
    return (each.told for each in watched if each.rolls_back)
