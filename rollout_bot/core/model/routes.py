"""Who is told of what: the events there are, how grave they are, and the routes of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Event(StrEnum):
    """What people can be told of; each at most once."""

    ADVANCED = "advanced"
    APPROVAL_NEEDED = "approval_needed"
    REMINDER = "reminder"
    ROLLED_BACK = "rolled_back"
    REGRESSED = "regressed"
    STUCK = "stuck"
    CANNOT_MEASURE = "cannot_measure"
    REFUSED = "refused"
    COMPLETED = "completed"
    BOT_FAILED = "bot_failed"


class Urgency(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return tuple(Urgency).index(self)


class Channel(StrEnum):
    SLACK = "slack"
    TEAMS = "teams"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Route:
    """One way to people. `address` and `secret` are names of environment variables, never what these hold."""

    channel: Channel
    address: str
    secret: str | None = None
    events: tuple[Event, ...] = tuple(Event)
    severity: Urgency = Urgency.INFO

    def takes(self, event: Event, urgency: Urgency) -> bool:
        return event in self.events and urgency.rank >= self.severity.rank
