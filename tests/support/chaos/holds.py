"""What must always hold (the nine properties), read off a repository after whatever has happened to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from rollout_bot.core.model.policy import Policy, Stage
from rollout_bot.core.model.repository import Revision, Snapshot, approval_path
from rollout_bot.core.model.state import ChangeKind, State
from rollout_bot.core.record import TickRecord
from rollout_bot.files.approval import read_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state
from support.chaos.hostings import Hosting
from support.ticks import NAME, POLICY, STATE

OWNER = "alice"


def check(hosting: Hosting) -> None:
    """Raises AssertionError where a property is broken: by a commit of the base branch, or by what is open."""
    snapshot = hosting.forge(hosting.now).snapshot()
    policy = read_policy(snapshot.files[POLICY], POLICY)
    moves = [(each, state) for each in reversed(snapshot.history[STATE]) if (state := _lawful(each, policy))]
    entered, rollbacks, last_rollback = moves[0][0].merged_at, 0, None
    for (_, before), (revision, after) in pairwise(moves):
        if after == before:
            continue
        assert after.generation == before.generation + 1, "a generation was passed over"
        assert after.change.proposed_at.utcoffset() == timedelta(0), "9: a time is not in UTC"
        if after.percentage > before.percentage:
            assert policy.above(_stage(policy, before)) == _stage(policy, after), "a stage was passed over"
            _rose_lawfully(hosting, policy, (before, entered), (revision, after))
            assert rollbacks < policy.max_rollbacks, "5: it goes up by itself after too many rollbacks"
            assert last_rollback is None or revision.merged_at - last_rollback >= policy.cooldown, "5: no cooldown"
        if after.percentage < before.percentage:
            rollbacks, last_rollback = rollbacks + 1, revision.merged_at
        if after.change.kind is ChangeKind.RESUME:
            rollbacks = 0
        if after.percentage != before.percentage:
            entered = revision.merged_at
    _one_open_advance(snapshot)


def _rose_lawfully(
    hosting: Hosting, policy: Policy, origin: tuple[State, datetime], rise: tuple[Revision, State]
) -> None:
    (before, entered), (revision, after) = origin, rise
    stage, at = _stage(policy, after), revision.merged_at
    if before.percentage:
        assert hosting.services.healthy(at), "1: it went up on bad evidence"
        assert at - entered >= _stage(policy, before).duration, "1: it went up too early"
    # At 0 % there is nothing to measure: an owner decides.
    if stage.requires_approval or not before.percentage:
        text = hosting.show(approval_path(NAME, after.stage), revision.commit)
        assert text is not None, "2: there is no marker"
        assert read_approval(text.encode(), "marker").fits(after), "2: the marker is for another stage or attempt"
        assert OWNER in revision.approvers, "2: no owner has approved"


def _one_open_advance(snapshot: Snapshot) -> None:
    kinds = [_kind(pull.changes.get(STATE)) for pull in snapshot.open_pulls() if pull.author == snapshot.actor]
    assert kinds.count(ChangeKind.ADVANCE) <= 1, "6: more than one open advance"


def told_why(record: TickRecord) -> None:
    """3, 4 and 7: a rollout that stays where it is says why; what could not be done is an error, never a bug."""
    for each in record.rollouts:
        assert not each.bug, each.problems
        assert each.problems or (each.decision and each.decision.reasons)


def _lawful(revision: Revision, policy: Policy) -> State | None:
    """None for what somebody pushed past the gate: 8 is about that, and an unchanged end shows it."""
    try:
        state = read_state(revision.content or b"", STATE)
    except InvalidFile:
        return None
    return state if state.percentage == _stage(policy, state).percentage else None


def _stage(policy: Policy, state: State) -> Stage:
    found = policy.stage(state.stage)
    assert found is not None
    return found


def _kind(content: bytes | None) -> ChangeKind | None:
    try:
        return read_state(content or b"", STATE).change.kind
    except InvalidFile:
        return None
