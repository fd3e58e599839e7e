"""Carries out what was planned, action by action; what happened to each is a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rollout_bot.core.decision.actions import Action, MergePull, OpenPull, SetGate, StartWorkflow
from rollout_bot.core.model.repository import PullRequest, PullState
from rollout_bot.core.record import RolloutRecord, Step
from rollout_bot.forge.interface import Conflict, Forge, ForgeError


def apply(forge: Forge, record: RolloutRecord, actions: Iterable[Action]) -> tuple[RolloutRecord, bool]:
    """Carries out a plan up to its first failure: what is left is found and finished by the next tick."""
    steps: list[Step] = []
    heads: dict[str, str] = {}
    pull, conflict = record.pull, False
    for action in actions:
        if isinstance(action, StartWorkflow) and (pull is None or pull.state is not PullState.MERGED):
            continue
        step, after, conflict = apply_one(forge, action, heads)
        steps.append(step)
        if after is not None and isinstance(action, OpenPull):
            heads[action.branch] = after.head
        if after is not None and (pull is None or isinstance(action, OpenPull) or after.number == pull.number):
            pull = after
        if step.error is not None:
            break
    return replace(record, steps=tuple(steps), pull=pull), conflict


def apply_one(forge: Forge, action: Action, heads: Mapping[str, str]) -> tuple[Step, PullRequest | None, bool]:
    """The step, the pull request as it is then, and whether somebody was faster.

    `heads` are those of the branches that were made before, for what is to be done at the head of one.
    """
    pinned = action
    if isinstance(action, SetGate | MergePull) and action.head is None:
        if action.branch not in heads:
            raise ValueError(f"no head is known for {action.branch}: its pull request is opened first")
        pinned = replace(action, head=heads[action.branch])
    try:
        applied = forge.apply(pinned)
    except ForgeError as error:
        return Step(action, error=str(error)), None, isinstance(error, Conflict)
    number = applied.pull.number if applied.pull else None
    return Step(action, applied.changed, number, note=applied.note), applied.pull, False
