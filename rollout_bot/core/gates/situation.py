"""All that is known about a rollout when it is decided upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.gates.convergence import Converging
from rollout_bot.core.model import guardrails
from rollout_bot.core.model.dependencies import Prerequisite
from rollout_bot.core.model.guardrails import Watched
from rollout_bot.core.model.history import Standing
from rollout_bot.core.model.policy import Policy, Stage
from rollout_bot.core.model.state import Approval, State
from rollout_bot.core.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Refusal:
    """The newest pull request for the next transition that a human closed without merging it."""

    number: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision rests on. `approvals` are the markers on the base branch, by stage.

    `watched` are the policy's guardrails as they stand now. `converging` is None where the policy does not ask what the
    fleet enforces. `prerequisites` are as the policy's `after` has them; where they are left out, nothing is known of
    the others. `doubts` say why nothing may be built on the stage in force, such as an approval that it was entered
    without. `trace` shows the verdict's evidence over time; nothing is decided on it.
    """

    policy: Policy
    standing: Standing
    verdict: Verdict
    now: datetime
    actor: str
    source: str = ""
    queries: Mapping[str, str] = field(default_factory=dict)
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    refusal: Refusal | None = None
    watched: tuple[Watched, ...] = ()
    converging: Converging | None = None
    prerequisites: tuple[Prerequisite, ...] = ()
    doubts: tuple[str, ...] = ()
    trace: tuple[Point, ...] = field(default=(), repr=False, compare=False)

    @property
    def state(self) -> State:
        return self.standing.state

    @property
    def stage(self) -> Stage:
        """The committed stage; the state has been checked against the policy before."""
        stage = self.policy.stage(self.state.stage)
        if stage is None:
            raise ValueError(f"stage {self.state.stage!r} is not in the policy")
        return stage

    @property
    def clock_since(self) -> datetime | None:
        """When the stage's clock began; None while the fleet has not been seen to enforce the stage."""
        if self.policy.convergence is None:
            return self.standing.entered_at
        return self.converging.at if self.converging else None

    @property
    def alarms(self) -> tuple[str, ...]:
        """Why the stage has to go back: its regression, and the guardrails that it breaks. Empty if it has not to."""
        regressed = self.verdict.reasons if self.verdict.outcome is Outcome.REGRESSED else ()
        return (*regressed, *guardrails.alarms(self.watched))

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the readings behind the guardrails and the fleet's percentage."""
        notes = tuple(f"convergence: {note}" for note in (self.converging.notes if self.converging else ()))
        return (*notes, *(f"guardrail {each.guardrail.name}: {note}" for each in self.watched for note in each.notes))
