"""Why a decision is what it is: a tree of reasons with their figures, so that "why not?" always has an answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rollout_bot.core.decision.decision import Decision, DecisionAction
from rollout_bot.core.explanation.evidence import evidence
from rollout_bot.core.explanation.particulars import BENEATH, FIGURES, guardrails
from rollout_bot.core.gates.conditions import Gate, GateName
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState, PullRequest, PullState
from rollout_bot.core.tree import Figure, Reason, Status
from rollout_bot.core.verdict import Outcome
from rollout_bot.core.wording import duration, moment

_OUTCOMES = {
    Outcome.HEALTHY: Status.PASSED,
    Outcome.REGRESSED: Status.FAILED,
    Outcome.INCONCLUSIVE: Status.WAITING,
    Outcome.UNAVAILABLE: Status.UNKNOWN,
    Outcome.SHARED: Status.WAITING,
}


def explain(situation: Situation, decision: Decision, pull: PullRequest | None = None) -> Reason:
    """The whole tree: the decision, the gates it was made by, and what the analysis rests on.

    A gate that this module has never heard of appears with its reason and its moment; `particulars` adds what is
    known of one alone. `pull` is the open pull request of the next transition.
    """
    children = tuple(_beneath(situation, decision, pull))
    figures: dict[str, Figure] = {
        "action": decision.action.value,
        "to": decision.to.name if decision.to else None,
        "expected_at": (at := _expected(situation, decision)),
    }
    return Reason("decision", _status(decision), _sentence(decision, at), figures, children)


def _expected(situation: Situation, decision: Decision) -> datetime | None:
    """When the next stage can be entered if traffic and failures go on as in this one; None if nobody can tell."""
    moments = []
    for gate in decision.waits:
        forecast = situation.verdict.forecast if gate.name is GateName.ANALYSIS else None
        at = gate.until if forecast is None else situation.now + forecast.duration
        if at is None:
            return None
        moments.append(at)
    return decision.opens_at or situation.policy.opening(max(moments)) if moments else None


def _status(decision: Decision) -> Status:
    if decision.refused or decision.action is DecisionAction.ROLL_BACK:
        return Status.FAILED
    if decision.action is DecisionAction.HOLD:
        return Status.FAILED if decision.attention else Status.WAITING
    return Status.PASSED


def _sentence(decision: Decision, at: datetime | None) -> str:
    target = f"{decision.to.name} {decision.to.percentage} %" if decision.to else ""
    if decision.refused:
        return f"refused: {decision.reasons[0]}"
    if decision.action is DecisionAction.ADVANCE:
        return f"advance to {target}: {decision.reasons[0]}"
    if decision.action is DecisionAction.ROLL_BACK:
        return f"roll back to {target}: {decision.reasons[0]}"
    if decision.action is DecisionAction.COMPLETE:
        return f"complete: {decision.reasons[0]}"
    shut = [gate.name.value for gate in decision.waits]
    if not shut:
        return f"hold: {decision.reasons[0]}"
    about = "" if decision.opens_at else "about "
    until = f", until {about}{moment(at)}" if at else ""
    return f"hold: {target or 'the rollout'} waits for {_listed(shut)}{until}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _beneath(situation: Situation, decision: Decision, pull: PullRequest | None) -> Iterator[Reason]:
    # What is in the way comes first: whoever asks is in a hurry.
    yield from (_gate(situation, gate) for gate in sorted(decision.gates, key=lambda gate: gate.passed))
    yield from _unasked(situation, {gate.name for gate in decision.gates})
    yield from _approval(situation, decision, pull)
    yield from (Reason("call", Status.FAILED, call) for call in decision.calls)
    yield _entry(situation)


def _unasked(situation: Situation, asked: set[GateName]) -> Iterator[Reason]:
    """What was judged although no gate asks for it, such as what takes a stage back."""
    if situation.stage == OFF:
        return
    verdict = situation.verdict
    if GateName.ANALYSIS not in asked:
        yield _analysis(situation, _OUTCOMES[verdict.outcome], f"{verdict.outcome}: {verdict.reasons[0]}")
    if GateName.GUARDRAILS not in asked and situation.watched:
        breached = [each.guardrail.name for each in situation.watched if each.rolls_back]
        text = f"{_listed(breached)} breached" if breached else "nothing that takes a stage back"
        status = Status.FAILED if breached else Status.NOTED
        yield Reason(GateName.GUARDRAILS.value, status, text, {}, guardrails(situation))


def _entry(situation: Situation) -> Reason:
    """What brought it where it is, with the evidence that was frozen then."""
    state = situation.state
    change, found = state.change, state.evidence
    figures: dict[str, Figure] = {"kind": change.kind.value, "from": change.from_stage, "by": change.by}
    figures["entered_at"] = situation.standing.entered_at
    if found is not None:
        figures |= {"error_rate": found.error_rate, "requests": found.requests, "failures": found.failures}
        figures |= {"lower": found.lower, "upper": found.upper, "limit": found.max_error_rate}
    origin = f" from {change.from_stage}" if change.from_stage else ""
    what = f"{change.kind.value.replace('_', ' ')}{origin} by {change.by}: {change.reason}"
    return Reason("last change", Status.NOTED, what, figures)


def _gate(situation: Situation, gate: Gate) -> Reason:
    status = Status.PASSED if gate.passed else Status.FAILED if gate.stuck else Status.WAITING
    if gate.name is GateName.ANALYSIS:
        status = Status.PASSED if gate.passed else _OUTCOMES[situation.verdict.outcome]
        return _analysis(situation, status, gate.reason)
    figures: dict[str, Figure] = {}
    if not gate.passed and gate.until is not None:
        figures = {"opens_at": gate.until, "to_go": gate.until - situation.now}
    details, beneath = FIGURES.get(gate.name), BENEATH.get(gate.name)
    if details is not None:
        figures |= details(situation)
    return Reason(gate.name.value, status, gate.reason, figures, beneath(situation) if beneath else ())


def _analysis(situation: Situation, status: Status, text: str) -> Reason:
    verdict = situation.verdict
    if situation.stage == OFF:
        return Reason("analysis", Status.WAITING, text)
    figures: dict[str, Figure] = {"outcome": verdict.outcome.value, "limit": verdict.limit}
    beneath = evidence(verdict, situation.policy.analysis, situation.now)
    return Reason("analysis", status, text, figures, beneath)


def _approval(situation: Situation, decision: Decision, pull: PullRequest | None) -> Iterator[Reason]:
    """Whether an owner is asked, and since when."""
    if decision.action is not DecisionAction.ADVANCE or decision.to is None:
        return
    name = decision.to.name
    if decision.proposal is None or decision.proposal.approval is None:
        why = "has been given" if decision.to.requires_approval else "is not asked for"
        yield Reason("approval", Status.PASSED, f"the approval of a code owner for {name} {why}")
        return
    text, figures = f"entering {name} needs the approval of a code owner", dict[str, Figure]()
    if pull is not None and pull.state is PullState.OPEN:
        text, figures = _asked(situation, pull)
    given = pull is not None and bool(pull.approvers) and pull.owners_approved
    yield Reason("approval", Status.PASSED if given else Status.WAITING, text, figures)


def _asked(situation: Situation, pull: PullRequest) -> tuple[str, dict[str, Figure]]:
    waited = situation.now - pull.opened_at
    figures: dict[str, Figure] = {"pull": pull.number, "since": pull.opened_at, "waited": waited}
    if pull.approvers and pull.owners_approved:
        shut = pull.gate is not None and pull.gate.state is not GateState.SUCCESS
        rest = f", but its gate is shut: {pull.gate.description}" if shut and pull.gate else "; it can be merged"
        return f"#{pull.number} is approved by {_listed(list(pull.approvers))}{rest}", figures
    return f"#{pull.number} has waited {duration(waited)} for the approval of a code owner", figures
