"""A replay held against what people know: nobody else can say which of its rollbacks were false alarms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout_bot.core.model.policy import OFF
from rollout_bot.core.replay.replayed import Replay, Transition

GRACE = timedelta(minutes=30)
"""A rollback this long after an incident may still be due to it: an interval has to end before it is seen."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A span in which something was really wrong."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """An incident and the first rollback because of it."""

    incident: Incident
    rollback: Transition

    @property
    def delay(self) -> timedelta:
        return self.rollback.at - self.incident.start


@dataclass(frozen=True, slots=True)
class Assessment:
    """`missed` incidents met an enforced stage without a rollback, `unexposed` ones met none."""

    found: tuple[Found, ...]
    missed: tuple[Incident, ...]
    unexposed: tuple[Incident, ...]
    false_alarms: tuple[Transition, ...]


def assess(replay: Replay, incidents: Iterable[Incident]) -> Assessment:
    """Every rollback outside all incidents is a false alarm; several in one incident are none."""
    known = sorted(incidents, key=lambda each: each.start)
    first = {each: next((rollback for rollback in replay.rollbacks if _within(rollback, each)), None) for each in known}
    quiet = [each for each in known if first[each] is None]
    return Assessment(
        tuple(Found(each, rollback) for each, rollback in first.items() if rollback is not None),
        tuple(each for each in quiet if _exposed(replay, each)),
        tuple(each for each in quiet if not _exposed(replay, each)),
        tuple(rollback for rollback in replay.rollbacks if not any(_within(rollback, each) for each in known)),
    )


def _within(rollback: Transition, incident: Incident) -> bool:
    return incident.start <= rollback.at <= incident.end + GRACE


def _exposed(replay: Replay, incident: Incident) -> bool:
    met = (each for each in replay.stays if each.start < incident.end and incident.start < each.end)
    return any(each.stage != OFF for each in met)
