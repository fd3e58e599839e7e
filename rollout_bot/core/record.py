"""What one tick found and did: what every report is written from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from rollout_bot.core.decision.actions import Action, MergePull
from rollout_bot.core.decision.decision import Decision
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.repository import GateState, PullRequest, PullState, Snapshot
from rollout_bot.core.model.shards import WHOLE, Shard
from rollout_bot.core.wording import moment


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a plan. `changed` is None where it was not carried out; `error` says why it failed.

    `note` tells what it left undone that no rollout depends on.
    """

    action: Action
    changed: bool | None = None
    pull: int | None = None
    error: str | None = None
    note: str | None = None


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

    @property
    def waits_for_owner(self) -> bool:
        """Whether a green pull request of the bot's waits for a code owner, and for nothing else."""
        pull = self.pull
        if pull is None or pull.state is not PullState.OPEN or pull.owners_approved:
            return False
        return pull.gate is None or pull.gate.state is GateState.SUCCESS


@dataclass(frozen=True, slots=True)
class TickRecord:
    """`requests` is what the tick spent on the forge; `gates` are the steps for other people's pull requests.

    `snapshot` is what was looked at last, before the steps; `rollouts` are those of the `shard`.
    """

    now: datetime
    requests: int
    rollouts: tuple[RolloutRecord, ...]
    gates: tuple[Step, ...] = ()
    dry_run: bool = False
    snapshot: Snapshot | None = field(default=None, repr=False, compare=False)
    shard: Shard = WHOLE

    @property
    def title(self) -> str:
        """When it was, and which of several runs; reports begin with it."""
        return moment(self.now) if self.shard.whole else f"{moment(self.now)}, shard {self.shard}"

    @property
    def merged(self) -> bool:
        """Whether this tick moved the base branch."""
        return any(each.merged for each in self.rollouts)
