"""How much a tick may ask of the forge before what can wait is left to the next one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from rollout_bot.core.decision.actions import (
    Action,
    DeleteBranch,
    FinishPull,
    MergePull,
    OpenPull,
    SetGate,
    StartWorkflow,
    UpdatePull,
)

HOURLY = 500
"""Requests that create content which GitHub takes in an hour (https://docs.github.com/en/rest, rate limits)."""

USUAL = timedelta(minutes=15)
"""Distance of the ticks of the shipped workflow."""


def allowance(every: timedelta | None, shards: int) -> int:
    """Requests of one tick: its share of an hour's, if ticks come at this distance (None: the usual) in each shard."""
    distance = min(every or USUAL, timedelta(hours=1))
    return max(1, int(HOURLY * (distance / timedelta(hours=1)) / shards))


def put_off(actions: Iterable[Action]) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """What is done all the same, and what can wait: new pull requests with all that follows, texts and tidying.

    The gates and merges of pull requests that are there already never wait: they keep wrong changes out, and end what
    was begun. Branches that are left to delete are not worth a word.
    """
    now: list[Action] = []
    later: list[Action] = []
    opening = False
    for action in actions:
        opening = opening or isinstance(action, OpenPull)
        new = isinstance(action, SetGate | MergePull) and action.head is None
        if isinstance(action, DeleteBranch):
            continue
        waits = new or isinstance(action, OpenPull | UpdatePull | FinishPull)
        (later if waits or (opening and isinstance(action, StartWorkflow)) else now).append(action)
    return tuple(now), tuple(later)
