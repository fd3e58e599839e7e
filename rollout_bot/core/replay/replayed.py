"""What came of replaying a policy over history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout_bot.core.model.policy import Policy, Stage
from rollout_bot.core.verdict import Verdict

APPROVAL = "approval"
"""The cause of a wait for a code owner, beside the names of the gates."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One move that was decided, and merged, by the tick at `at`; `proposed_at` is earlier where it was waited for."""

    at: datetime
    origin: Stage
    to: Stage
    reasons: tuple[str, ...]
    verdict: Verdict
    proposed_at: datetime

    @property
    def down(self) -> bool:
        return self.to.percentage < self.origin.percentage


@dataclass(frozen=True, slots=True)
class Stay:
    """A stage from when it was entered until it was left, or the history was over."""

    stage: Stage
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """What kept the rollout from going up, and for how long; `alone` while nothing else did."""

    cause: str
    time: timedelta
    alone: timedelta


@dataclass(frozen=True, slots=True)
class Replay:
    """What a policy would have done from `start` to `end`. `stopped` says why it ended before the history did."""

    policy: Policy
    start: datetime
    end: datetime
    ticks: int
    stays: tuple[Stay, ...]
    transitions: tuple[Transition, ...]
    waits: tuple[Wait, ...]
    stopped: str = ""

    @property
    def advances(self) -> tuple[Transition, ...]:
        return tuple(each for each in self.transitions if not each.down)

    @property
    def rollbacks(self) -> tuple[Transition, ...]:
        return tuple(each for each in self.transitions if each.down)

    @property
    def topped_after(self) -> timedelta | None:
        """How long it took to enter the last stage for the first time; None if that never happened."""
        last = self.policy.stages[-1]
        return next((each.start - self.start for each in self.stays if each.stage == last), None)

    @property
    def ended(self) -> Stage:
        """The stage at the end."""
        return self.stays[-1].stage

    def stage_at(self, moment: datetime) -> Stage | None:
        """The stage that was committed at a moment; None before the start and from the end on."""
        return next((each.stage for each in self.stays if each.start <= moment < each.end), None)
