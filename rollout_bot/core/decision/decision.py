"""What should happen to a rollout now, always with the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rollout_bot.core.gates import attention
from rollout_bot.core.gates.conditions import (
    OVERRIDABLE,
    Gate,
    GateName,
    duration_gate,
    entry_gate,
    gates,
    hold_gate,
    opens_at,
)
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF, Stage
from rollout_bot.core.model.state import (
    Approval,
    BaselineEvidence,
    Change,
    ChangeKind,
    Evidence,
    Hold,
    Override,
    State,
    held,
    moved,
)
from rollout_bot.core.verdict import Outcome, Verdict


class DecisionAction(StrEnum):
    ADVANCE = "advance"
    ROLL_BACK = "roll_back"
    HOLD = "hold"
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Request:
    """What a human asks for. `to` names a stage and is for rollbacks only (None: one stage down).

    `role` is the human's in the repository; None on a forge that knows no roles.
    """

    kind: ChangeKind
    by: str
    reason: str
    to: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """The state to commit, and the marker to add for a code owner to approve; None where nobody needs to."""

    state: State
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`to` is the stage to enter; `refused` says that a human's request cannot be met, for the reasons given.

    `calls` are those of the reasons for which somebody has to look. `opens_at` is when the next stage can be entered,
    if time is all that is missing.
    """

    action: DecisionAction
    reasons: tuple[str, ...]
    to: Stage | None = None
    gates: tuple[Gate, ...] = ()
    proposal: Proposal | None = None
    attention: bool = False
    refused: bool = False
    calls: tuple[str, ...] = ()
    opens_at: datetime | None = None

    @property
    def waits(self) -> tuple[Gate, ...]:
        """The gates that are shut."""
        return tuple(gate for gate in self.gates if not gate.passed)


def decide(situation: Situation, request: Request | None = None) -> Decision:
    """The one decision for this rollout now; a human's request comes before everything but a regression's veto."""
    if request is not None:
        if not situation.policy.may_operate(request.by, request.role):
            allowed = ", ".join(situation.policy.operators)
            return _refuse(f"{request.by} has the role {request.role} here; allowed by the policy: {allowed}")
        return _REQUESTS[request.kind](situation, request)
    stage, verdict, policy = situation.stage, situation.verdict, situation.policy
    below = policy.below(stage)
    alarms = situation.alarms
    if alarms and below is not None:
        if not policy.rollback_on_error:
            reason = f"{stage.name} has regressed, but rollback_on_error is off: a human has to act"
            return Decision(DecisionAction.HOLD, (reason, *alarms), attention=True, gates=gates(situation))
        return _roll_back(situation, below, alarms[0], situation.actor, alarms)
    above = policy.above(stage)
    if above is None:
        return _at_the_top(situation)
    # At 0 % there is no analysis to wait for: an owner stands in for it.
    conditions = tuple(gate for gate in gates(situation) if stage != OFF or gate.name is not GateName.ANALYSIS)
    shut = tuple(gate for gate in conditions if not gate.passed)
    if shut:
        calls = tuple(attention.calls(situation))
        loud = verdict.outcome is Outcome.SHARED or any(gate.stuck for gate in shut) or bool(calls)
        reasons = (*(gate.reason for gate in shut), *calls)
        at = opens_at(situation, shut)
        return Decision(DecisionAction.HOLD, reasons, above, conditions, attention=loud, calls=calls, opens_at=at)
    return _advance(situation, above, f"{stage.name} is healthy: {verdict.reasons[0]}", situation.actor, None)


def _at_the_top(situation: Situation) -> Decision:
    stage, verdict = situation.stage, situation.verdict
    shut, calls = duration_gate(situation), tuple(attention.calls(situation))
    loud = bool(calls)
    entry = tuple(entry_gate(situation))
    if entry:
        reasons = (*(gate.reason for gate in entry), *calls)
        return Decision(DecisionAction.HOLD, reasons, None, (*entry, shut), attention=True, calls=calls)
    if not shut.passed:
        reasons = (shut.reason, *calls)
        return Decision(DecisionAction.HOLD, reasons, None, (shut,), attention=loud, calls=calls, opens_at=shut.until)
    done = f"{stage.name} ({stage.percentage} %) is the last stage; it stays watched"
    reasons = (done, f"{verdict.outcome}: {verdict.reasons[0]}", *calls)
    return Decision(DecisionAction.COMPLETE, reasons, attention=loud, calls=calls)


def _advance(situation: Situation, above: Stage, reason: str, by: str, override: Override | None) -> Decision:
    state = situation.state
    if override is None and situation.stage == OFF:
        reason = f"the cooldown is over; at 0 % nothing can be measured, so an owner decides to try {above.name} again"
        override = Override((GateName.ANALYSIS.value,), reason, by)
    change = Change(ChangeKind.ADVANCE, state.stage, reason, by, situation.now)
    after = moved(state, above, change, freeze(situation))
    approval = _approval(situation, after, above, override)
    reasons = [reason]
    if approval is not None:
        reasons.append(f"entering {above.name} needs the approval of a code owner")
    return Decision(DecisionAction.ADVANCE, tuple(reasons), above, gates(situation), Proposal(after, approval))


def _approval(situation: Situation, after: State, above: Stage, override: Override | None) -> Approval | None:
    """The marker that the pull request has to add; None if nobody is asked, or an owner has agreed beforehand."""
    given = situation.approvals.get(above.name)
    if given is not None and not given.fits(after):
        given = None
    if override is not None:
        agreed = given is not None and given.override is not None and given.override.covers(override)
        return None if agreed else Approval(after.rollout, above.name, after.attempt, override)
    if not above.requires_approval or given is not None:
        return None
    return Approval(after.rollout, above.name, after.attempt)


def _roll_back(situation: Situation, to: Stage, reason: str, by: str, reasons: tuple[str, ...]) -> Decision:
    change = Change(ChangeKind.ROLL_BACK, situation.state.stage, reason, by, situation.now)
    after = moved(situation.state, to, change, freeze(situation))
    return Decision(DecisionAction.ROLL_BACK, reasons, to, proposal=Proposal(after), attention=True)


def freeze(situation: Situation) -> Evidence:
    """The verdict's figures as they are written into the state."""
    verdict = situation.verdict
    return Evidence(
        outcome=verdict.outcome,
        max_error_rate=verdict.limit,
        requests=verdict.stage.requests,
        failures=verdict.stage.failures,
        error_rate=verdict.stage.value,
        lower=verdict.lower,
        upper=verdict.upper,
        baseline=_frozen(verdict),
        start=verdict.start,
        end=verdict.end,
        measured_at=situation.now,
        source=situation.source,
        queries=situation.queries,
    )


def _frozen(verdict: Verdict) -> BaselineEvidence | None:
    compared = verdict.comparison
    if compared is None:
        return None
    return BaselineEvidence(
        requests=compared.baseline.requests,
        failures=compared.baseline.failures,
        error_rate=compared.baseline.value,
        max_error_rate_increase=compared.tolerated,
        increase=compared.increase,
        increase_lower=compared.lower,
        increase_upper=compared.upper,
    )


def _refuse(reason: str) -> Decision:
    return Decision(DecisionAction.HOLD, (reason,), refused=True)


def _requested_advance(situation: Situation, request: Request) -> Decision:
    above = situation.policy.above(situation.stage)
    if above is None:
        return _refuse(f"{situation.stage.name} is the last stage; there is none above it")
    if situation.alarms:
        return _refuse(f"{situation.stage.name} has regressed: {situation.alarms[0]}")
    if situation.doubts:
        return _refuse("; ".join(situation.doubts))
    resume = f"rollout-bot resume {situation.policy.rollout} --reason …"
    if situation.state.hold is not None:
        return _refuse(f"{hold_gate(situation).reason}; lift it first: {resume}")
    shut = tuple(gate.name.value for gate in gates(situation) if not gate.passed and gate.name in OVERRIDABLE)
    override = Override(shut, request.reason, request.by) if shut else None
    return _advance(situation, above, request.reason, request.by, override)


def _requested_rollback(situation: Situation, request: Request) -> Decision:
    stage, policy = situation.stage, situation.policy
    lower = policy.ladder[: policy.ladder.index(stage)]
    if not lower:
        return _refuse("it is off already; there is nothing below 0 %")
    to = lower[-1] if request.to is None else next((each for each in lower if each.name == request.to), None)
    if to is None:
        allowed = ", ".join(each.name for each in lower)
        return _refuse(f"{request.to!r} is no stage below {stage.name}; allowed: {allowed}")
    return _roll_back(situation, to, request.reason, request.by, (request.reason,))


def _requested_hold(situation: Situation, request: Request) -> Decision:
    if situation.state.hold is not None:
        return _refuse(hold_gate(situation).reason)
    change = Change(ChangeKind.HOLD, situation.state.stage, request.reason, request.by, situation.now)
    after = held(situation.state, change, Hold(request.reason, request.by))
    return Decision(DecisionAction.HOLD, (f"held by {request.by}: {request.reason}",), proposal=Proposal(after))


def _requested_resume(situation: Situation, request: Request) -> Decision:
    if situation.state.hold is None and situation.standing.rollbacks == 0:
        return _refuse("nobody holds it and it was not rolled back; there is nothing to resume")
    change = Change(ChangeKind.RESUME, situation.state.stage, request.reason, request.by, situation.now)
    after = held(situation.state, change, None)
    reason = f"resumed by {request.by}: {request.reason}"
    return Decision(DecisionAction.HOLD, (reason,), proposal=Proposal(after))


_REQUESTS = {
    ChangeKind.ADVANCE: _requested_advance,
    ChangeKind.ROLL_BACK: _requested_rollback,
    ChangeKind.HOLD: _requested_hold,
    ChangeKind.RESUME: _requested_resume,
}
