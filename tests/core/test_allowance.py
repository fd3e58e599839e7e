"""What waits for the next tick once enough was asked of the forge, and what never does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollout_bot.core.decision.actions import (
    ClosePull,
    DeleteBranch,
    FinishPull,
    MergePull,
    OpenPull,
    SetGate,
    StartWorkflow,
    UpdatePull,
)
from rollout_bot.core.decision.allowance import allowance, put_off
from rollout_bot.core.model.repository import GateState, GateStatus

STATUS = GateStatus(GateState.SUCCESS, "healthy")
OPEN, FINISH, UPDATE = OpenPull("b", "0", {}, "t", ""), FinishPull(7, ("rollout",)), UpdatePull(7, "t", "")
NEW_GATE, GATE = SetGate("b", None, STATUS), SetGate("b", "1", STATUS)
NEW_MERGE, MERGE = MergePull("b", None, "t", ""), MergePull("b", "1", "t", "")
CLOSE, DEPLOY, DELETE = ClosePull(6, "old"), StartWorkflow("deploy.yml"), DeleteBranch("a", "1")


@pytest.mark.parametrize(
    ("every", "shards", "requests"),
    [
        (None, 1, 125),
        (None, 4, 31),
        (timedelta(minutes=1), 1, 8),
        (timedelta(seconds=1), 256, 1),
        (timedelta(hours=1), 1, 500),
        (timedelta(days=1), 1, 500),
    ],
)
def test_an_hours_requests_are_shared(every: timedelta | None, shards: int, requests: int) -> None:
    assert allowance(every, shards) == requests


def test_a_new_pull_request_waits_with_all_that_follows_from_it() -> None:
    assert put_off([CLOSE, OPEN, NEW_GATE, NEW_MERGE, DEPLOY]) == ((CLOSE,), (OPEN, NEW_GATE, NEW_MERGE, DEPLOY))


def test_what_was_begun_is_gated_and_merged() -> None:
    assert put_off([UPDATE, GATE, FINISH, MERGE, DEPLOY, DELETE]) == ((GATE, MERGE, DEPLOY), (UPDATE, FINISH))


def test_tidying_is_left_without_a_word() -> None:
    assert put_off([DELETE]) == ((), ())
