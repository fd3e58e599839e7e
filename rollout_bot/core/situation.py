"""All that is known about a rollout when it is decided upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rollout_bot.core.history import Standing
from rollout_bot.core.policy import Policy, Stage
from rollout_bot.core.state import Approval, State
from rollout_bot.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Refusal:
    """The newest pull request for the next transition that a human closed without merging it."""

    number: int
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision rests on. `approvals` are the markers on the base branch, by stage."""

    policy: Policy
    standing: Standing
    verdict: Verdict
    now: datetime
    actor: str
    source: str = ""
    queries: Mapping[str, str] = field(default_factory=dict)
    approvals: Mapping[str, Approval] = field(default_factory=dict)
    refusal: Refusal | None = None

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
