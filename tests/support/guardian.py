"""The repository that docs/pipeline.md speaks of: a rollout called guardian that stands at 25 %, at generation 2."""

from __future__ import annotations

from pathlib import Path

from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, Change, ChangeKind, State
from rollout_bot.files.approval import write_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.scaffold import policy_template
from rollout_bot.files.state import write_state
from support.repositories import START, Content, Repository, make

NAME = "guardian"


def guardian(stage: str = "quarter", generation: int = 2) -> State:
    """A state of the default policy."""
    policy = read_policy(policy_template(NAME).encode(), policy_path(NAME))
    at = policy.stage(stage) or OFF
    change = Change(ChangeKind.ADVANCE, "canary", "canary is healthy: 12 % ✓", "rollout-bot", START)
    return State(NAME, at.name, at.percentage, 1, generation, change)


def guardian_repository(path: Path, state: State | None = None) -> Repository:
    committed = state or guardian()
    files: dict[str, Content] = {policy_path(NAME): policy_template(NAME), state_path(NAME): write_state(committed)}
    marker = Approval(NAME, committed.stage, committed.attempt)
    files[approval_path(NAME, committed.stage)] = write_approval(marker)
    return make(path, files)
