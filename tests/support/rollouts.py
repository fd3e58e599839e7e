"""Policies, states and situations for tests of the core: short to write, different only where a test says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.history import Entry, Standing
from rollout_bot.core.model.policy import Metrics, Policy, Stage
from rollout_bot.core.model.state import (
    Approval,
    Change,
    ChangeKind,
    Evidence,
    Hold,
    Override,
    State,
    held,
    moved,
    start,
)
from rollout_bot.core.verdict import Outcome, Rate, Verdict

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOT = "rollout-bot"

CANARY = Stage("canary", 10, 24 * HOUR, 0.005, requires_approval=False, max_wait=7 * 24 * HOUR)
HALF = Stage("half", 50, 48 * HOUR, 0.003, requires_approval=True)
MOST = Stage("most", 75, 24 * HOUR, 0.002, requires_approval=False)


def policy(*stages: Stage, **fields: Any) -> Policy:
    """canary 10 % → half 50 % (needs approval) → most 75 %, unless other stages are given."""
    return Policy("checkout", stages or (CANARY, HALF, MOST), Metrics("recording"), **fields)


def change(kind: ChangeKind, origin: str | None, *, by: str = BOT, at: datetime = NOW) -> Change:
    return Change(kind, origin, "because", by, at)


def state(stage: Stage = CANARY, *, attempt: int = 1, generation: int = 1, hold: Hold | None = None) -> State:
    """A state as START left it, whatever its numbers."""
    begun = start("checkout", stage, by="init", reason="begin", now=NOW)
    return State("checkout", stage.name, stage.percentage, attempt, generation, begun.change, hold)


def up(before: State, stage: Stage, evidence: Evidence | None = None) -> State:
    return moved(before, stage, change(ChangeKind.ADVANCE, before.stage), evidence)


def down(before: State, stage: Stage) -> State:
    return moved(before, stage, change(ChangeKind.ROLL_BACK, before.stage), None)


def on_hold(before: State, by: str = "bob") -> State:
    return held(before, change(ChangeKind.HOLD, before.stage, by=by), Hold("because", by))


def resumed(before: State, by: str = "bob") -> State:
    return held(before, change(ChangeKind.RESUME, before.stage, by=by), None)


def standing(committed: State, *, entered: timedelta = -100 * HOUR, **fields: Any) -> Standing:
    at = NOW + entered
    return Standing(committed, at, fields.pop("evidence_since", at), **fields)


def verdict(outcome: Outcome = Outcome.HEALTHY, reason: str = "the reason", **fields: Any) -> Verdict:
    return Verdict(outcome, (reason,), 0.005, Rate(1000.0, 1.0), **fields)


def situation(
    committed: State | None = None,
    outcome: Outcome = Outcome.HEALTHY,
    *,
    rules: Policy | None = None,
    where: Standing | None = None,
    **fields: Any,
) -> Situation:
    """In canary for long enough, healthy."""
    here = where or standing(committed or state())
    found = fields.pop("verdict", None) or verdict(outcome)
    return Situation(rules or policy(), here, found, NOW, BOT, **fields)


def asks(kind: ChangeKind, to: str | None = None, by: str = "bob") -> Request:
    return Request(kind, by, "a human asks", to)


def marker(of: State, *gates: str, by: str = "bob") -> Approval:
    """The approval of entering the stage that a state is in, passing over the gates named."""
    return Approval(of.rollout, of.stage, of.attempt, Override(gates, "known", by) if gates else None)


def entries(*states: State | str | None, step: timedelta = HOUR) -> list[Entry]:
    """A history from oldest to newest, an hour apart up to `NOW`, newest first; None is unreadable, a text deletes."""
    count = len(states)
    found = [
        Entry(each if isinstance(each, State) else None, NOW - (count - 1 - index) * step, f"c{index}", each == "gone")
        for index, each in enumerate(states)
    ]
    return found[::-1]
