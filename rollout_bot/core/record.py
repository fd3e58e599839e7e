"""What one tick found and did: what every report is written from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollout_bot.core.actions import Action, MergePull
from rollout_bot.core.decision import Decision
from rollout_bot.core.repository import PullRequest
from rollout_bot.core.situation import Situation


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a plan. `changed` is None where it was not carried out; `error` says why it failed."""

    action: Action
    changed: bool | None = None
    pull: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RolloutRecord:
    """One rollout in one tick. `problems` are of its files and set-up; without a `situation` nothing was touched.

    `situation` is as it was before the steps. `pull` is the open or just merged pull request of its next transition.
    `bug` marks a fault of the bot itself.
    """

    rollout: str
    situation: Situation | None = None
    decision: Decision | None = None
    steps: tuple[Step, ...] = ()
    pull: PullRequest | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bug: bool = False

    @property
    def failed(self) -> bool:
        """Whether an action failed."""
        return any(step.error is not None for step in self.steps)

    @property
    def merged(self) -> bool:
        """Whether this tick moved the base branch for this rollout."""
        return any(isinstance(step.action, MergePull) and step.changed for step in self.steps)


@dataclass(frozen=True, slots=True)
class TickRecord:
    """`requests` is what the tick spent on the forge; `gates` are the steps for other people's pull requests."""

    now: datetime
    requests: int
    rollouts: tuple[RolloutRecord, ...]
    gates: tuple[Step, ...] = ()
    dry_run: bool = False
