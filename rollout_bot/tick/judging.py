"""The gates of open pull requests: which rollouts each touches, to which it belongs, and whether it may be merged."""

from __future__ import annotations

from collections.abc import Mapping

from rollout_bot.core.decision.gate import UNTOUCHED, Base, irregular, worst
from rollout_bot.core.decision.gate import judge as judge_gate
from rollout_bot.core.model.repository import GateState, GateStatus, PullRequest, Snapshot, rollout_of, state_path
from rollout_bot.core.record import RolloutRecord
from rollout_bot.tick.proposed import proposed
from rollout_bot.tick.reading import committed_states


def rollouts_touched(pull: PullRequest) -> frozenset[str]:
    """The rollouts whose folders a pull request changes."""
    return frozenset(path.split("/")[1] for path in pull.changes if path.count("/") >= 2)


def home_of(snapshot: Snapshot, pull: PullRequest) -> str | None:
    """The rollout that a pull request belongs to: the bot's own says it by its branch, others by what they touch."""
    own = rollout_of(pull.branch) if pull.author == snapshot.actor else None
    return own or min(rollouts_touched(pull), default=None)


def gate_of(snapshot: Snapshot, records: Mapping[str, RolloutRecord], pull: PullRequest) -> GateStatus:
    """The gate of an open pull request, by what is known of all rollouts that it touches."""
    try:
        return _gate(snapshot, records, pull)
    except Exception as error:  # noqa: BLE001 - nobody's pull request may stop a tick
        return GateStatus(GateState.FAILURE, f"bug in the bot: {type(error).__name__}")


def _gate(snapshot: Snapshot, records: Mapping[str, RolloutRecord], pull: PullRequest) -> GateStatus:
    statuses = [irregular(path) for path in pull.irregular]
    for name in sorted(rollouts_touched(pull)):
        record = records.get(name, RolloutRecord(name))
        state, lawful = committed_states(snapshot, name)
        base = Base(record.situation, state, lawful, exists=state_path(name) in snapshot.files)
        statuses.append(judge_gate(base, proposed(snapshot, pull, name)))
    return worst(statuses) if statuses else UNTOUCHED
