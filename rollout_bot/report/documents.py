"""What the bot prints for programs. The published schema is `schemas/tick.schema.json`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rollout_bot.core.decision.actions import (
    Action,
    ClosePull,
    DeleteBranch,
    FinishPull,
    MergePull,
    OpenPull,
    SetGate,
    StartWorkflow,
    UpdatePull,
)
from rollout_bot.core.decision.decision import Decision
from rollout_bot.core.explanation.explanation import explain
from rollout_bot.core.gates.convergence import Converging
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Watched
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import PullRequest
from rollout_bot.core.model.state import Evidence
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.tree import Figure, Reason
from rollout_bot.core.verdict import Bet, Comparison, Rate, Verdict

Json = dict[str, Any]


def time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(duration: timedelta) -> str:
    """Hours, minutes and seconds, such as "26h3m20s"; never negative."""
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    return f"{minutes // 60}h{minutes % 60}m{seconds}s"


def tick_document(record: TickRecord) -> Json:
    """One tick as one object."""
    return {
        "now": time(record.now),
        "requests": record.requests,
        "dry_run": record.dry_run,
        "shard": None if record.shard.whole else str(record.shard),
        "rollouts": [_rollout(each) for each in record.rollouts],
        "gates": [_step(step) for step in record.gates],
    }


def status_document(situation: Situation) -> Json:
    """The status of one rollout with the keys of the original specification; at `off`, `stage_index` is −1."""
    policy, stage, entered_at = situation.policy, situation.stage, situation.standing.entered_at
    hold = situation.state.hold
    return {
        "rollout": policy.rollout,
        "current_stage": {
            "name": stage.name,
            "percentage": stage.percentage,
            "max_error_rate": None if stage == OFF else stage.max_error_rate,
            "requires_approval": stage.requires_approval,
        },
        "stage_index": policy.ladder.index(stage) - 1,
        "total_stages": len(policy.stages),
        "elapsed_time": span(situation.now - entered_at),
        "min_duration": span(stage.duration),
        "started_at": time(entered_at),
        "converged_at": time(situation.converging.at) if situation.converging else None,
        "attempt": situation.state.attempt,
        "generation": situation.state.generation,
        "rollbacks": situation.standing.rollbacks,
        "hold": None if hold is None else {"reason": hold.reason, "by": hold.by},
    }


def transition_document(change: Transition) -> Json:
    """One change of a rollout, with who proposed and approved it. Rates are fractions."""
    state, evidence = change.state, change.state.evidence
    return {
        "at": time(change.at),
        "kind": state.change.kind.value,
        "from": state.change.from_stage,
        "stage": state.stage,
        "percentage": state.percentage,
        "attempt": state.attempt,
        "generation": state.generation,
        "by": state.change.by,
        "reason": state.change.reason,
        "approvers": list(change.approvers),
        "pull_request": change.pull,
        "commit": change.commit,
        "evidence": None if evidence is None else evidence_document(evidence),
    }


def evidence_document(evidence: Evidence) -> Json:
    """The evidence as it was frozen with a change."""
    return {
        "outcome": evidence.outcome.value,
        "error_rate": evidence.error_rate,
        "requests": evidence.requests,
        "failures": evidence.failures,
        "lower": evidence.lower,
        "upper": evidence.upper,
        "max_error_rate": evidence.max_error_rate,
        "start": time(evidence.start),
        "end": time(evidence.end),
    }


def _rollout(record: RolloutRecord) -> Json:
    situation = record.situation
    return {
        "rollout": record.rollout,
        "stage": situation.state.stage if situation else None,
        "percentage": situation.state.percentage if situation else None,
        "attempt": situation.state.attempt if situation else None,
        "generation": situation.state.generation if situation else None,
        "entered_at": time(situation.standing.entered_at) if situation else None,
        "verdict": verdict_document(situation.verdict) if situation else None,
        "guardrails": [guardrail_document(each) for each in situation.watched] if situation else [],
        "convergence": convergence_document(situation.converging) if situation and situation.converging else None,
        "decision": _decision(record.decision) if record.decision else _held(record),
        "explanation": reason_document(reason) if (reason := rollout_reason(record)) else None,
        "plan": [_step(step) for step in record.steps],
        "pull_request": pull_document(record.pull) if record.pull else None,
        "changed": record.merged,
        "problems": list(record.problems),
        "notes": list(record.notes),
    }


def verdict_document(verdict: Verdict) -> Json:
    """The verdict with its figures. Rates are fractions."""
    return {
        "outcome": verdict.outcome.value,
        "reasons": list(verdict.reasons),
        "error_rate": verdict.stage.value,
        "requests": verdict.stage.requests,
        "failures": verdict.stage.failures,
        "lower": verdict.lower,
        "upper": verdict.upper,
        "max_error_rate": verdict.limit,
        "last_hour": _rate(verdict.last_hour),
        "regression": _bet(verdict.regression),
        "health": _bet(verdict.health),
        "noise": verdict.noise,
        "start": time(verdict.start),
        "end": time(verdict.end),
        "intervals": verdict.intervals,
        "gaps": verdict.gaps,
        "notes": list(verdict.notes),
        "healthy_since": time(verdict.healthy_since),
        "regressing_since": time(verdict.regressing_since),
        "forecast": None
        if verdict.forecast is None
        else {"requests": verdict.forecast.requests, "seconds": verdict.forecast.duration.total_seconds()},
        "comparison": None if verdict.comparison is None else _comparison(verdict.comparison),
        "bets": {name: _bet(bet) for name, bet in verdict.bets.items()},
    }


def _comparison(found: Comparison) -> Json:
    return {
        "enforced": _rate(found.enforced),
        "baseline": _rate(found.baseline),
        "max_error_rate_increase": found.tolerated,
        "increase": found.increase,
        "lower": found.lower,
        "upper": found.upper,
        "silent_seconds": found.silent.total_seconds(),
    }


def guardrail_document(watched: Watched) -> Json:
    """A guardrail with its newest value."""
    guardrail, newest = watched.guardrail, watched.newest
    return {
        "name": guardrail.name,
        "state": watched.watch.value,
        "severity": guardrail.severity.value,
        "observe_only": guardrail.observe_only,
        "min": guardrail.min,
        "max": guardrail.max,
        "value": newest.value if newest else None,
        "at": time(newest.time) if newest else None,
        "streak": watched.streak,
        "since": time(watched.since),
        "reason": watched.reason,
    }


def convergence_document(converging: Converging) -> Json:
    """What share of traffic gets the change, in percent, and since when it is the committed one."""
    newest = converging.newest
    return {
        "holds": converging.holds,
        "at": time(converging.at),
        "observed": newest.value if newest else None,
        "observed_at": time(newest.time) if newest else None,
        "overdue": converging.overdue,
        "reason": converging.reason,
    }


def _rate(rate: Rate) -> Json:
    return {"error_rate": rate.value, "requests": rate.requests, "failures": rate.failures}


def _bet(bet: Bet | None) -> Json | None:
    return None if bet is None else {"capital": bet.capital, "bar": bet.bar}


def _held(record: RolloutRecord) -> Json:
    """What cannot be evaluated is held."""
    return {"action": "hold", "to": None, "reasons": list(record.problems), "attention": True, "gates": []}


def _decision(decision: Decision) -> Json:
    return {
        "action": decision.action.value,
        "to": decision.to.name if decision.to else None,
        "reasons": list(decision.reasons),
        "attention": decision.attention,
        "gates": [
            {"name": gate.name.value, "passed": gate.passed, "reason": gate.reason, "until": time(gate.until)}
            for gate in decision.gates
        ],
    }


def pull_document(pull: PullRequest) -> Json:
    """A pull request without its contents."""
    return {
        "number": pull.number,
        "title": pull.title,
        "branch": pull.branch,
        "head": pull.head,
        "author": pull.author,
        "state": pull.state.value,
        "opened_at": time(pull.opened_at),
        "closed_at": time(pull.closed_at),
        "closed_by": pull.closed_by,
        "labels": list(pull.labels),
        "paths": list(pull.paths),
        "approvers": list(pull.approvers),
        "owners_approved": pull.owners_approved,
        "gate": None if pull.gate is None else {"state": pull.gate.state.value, "description": pull.gate.description},
    }


def reason_document(reason: Reason) -> dict[str, Any]:
    """A reason with all beneath it. Rates are fractions, spans are in seconds, moments RFC 3339 in UTC."""
    return {
        "name": reason.name,
        "status": reason.status.value,
        "text": reason.text,
        "figures": {name: _figure(each) for name, each in reason.figures.items()},
        "children": [reason_document(child) for child in reason.children],
    }


def rollout_reason(record: RolloutRecord) -> Reason | None:
    """The tree of one rollout; None where it could not be evaluated."""
    if record.situation is None or record.decision is None:
        return None
    return explain(record.situation, record.decision, record.pull)


def _figure(value: Figure) -> float | str | None:
    if isinstance(value, datetime):
        return time(value)
    return value.total_seconds() if isinstance(value, timedelta) else value


def _step(step: Step) -> Json:
    return {**action_document(step.action), "changed": step.changed, "pull": step.pull, "error": step.error,
            "note": step.note}  # fmt: skip


def action_document(action: Action) -> Json:
    """An action by its name, with all it would write."""
    match action:
        case OpenPull():
            return {"action": "open_pull", "branch": action.branch, "base": action.base, "title": action.title,
                    "body": action.body, "message": action.message, "files": dict(action.files),
                    "labels": list(action.labels), "reviewers": list(action.reviewers)}  # fmt: skip
        case FinishPull():
            return {"action": "finish_pull", "number": action.number, "labels": list(action.labels),
                    "reviewers": list(action.reviewers)}  # fmt: skip
        case UpdatePull():
            return {"action": "update_pull", "number": action.number, "title": action.title, "body": action.body}
        case SetGate():
            return {"action": "set_gate", "branch": action.branch, "head": action.head,
                    "state": action.status.state.value, "description": action.status.description}  # fmt: skip
        case MergePull():
            return {"action": "merge_pull", "branch": action.branch, "head": action.head, "title": action.title,
                    "message": action.message}  # fmt: skip
        case ClosePull():
            return {"action": "close_pull", "number": action.number, "comment": action.comment}
        case StartWorkflow():
            return {"action": "start_workflow", "workflow": action.workflow, "inputs": dict(action.inputs)}
        case DeleteBranch():
            return {"action": "delete_branch", "branch": action.branch, "head": action.head}
