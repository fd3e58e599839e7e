"""What an explanation tells of one gate alone: its figures, and the reasons beneath it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rollout_bot.core.gates.conditions import GateName
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.dependencies import Prerequisite
from rollout_bot.core.model.guardrails import Watch, Watched
from rollout_bot.core.tree import Figure, Reason, Status

_WATCHES = {
    Watch.KEPT: Status.PASSED,
    Watch.TOLERATED: Status.WAITING,
    Watch.BREACHED: Status.FAILED,
    Watch.UNKNOWN: Status.UNKNOWN,
}


def _duration(situation: Situation) -> Mapping[str, Figure]:
    since, stage = situation.clock_since, situation.stage
    return {
        "since": since,
        "in_stage": None if since is None else situation.now - since,
        "least": stage.duration,
        "called_at": situation.standing.entered_at + stage.patience,
    }


def _rollbacks(situation: Situation) -> Mapping[str, Figure]:
    standing, policy = situation.standing, situation.policy
    found: dict[str, Figure] = {"rollbacks": standing.rollbacks, "most": policy.max_rollbacks}
    if standing.rolled_back_at is not None:
        found |= {"rolled_back_at": standing.rolled_back_at, "cooldown": policy.cooldown_after(standing.rollbacks)}
    return found


def _refusal(situation: Situation) -> Mapping[str, Figure]:
    refusal = situation.refusal
    return {} if refusal is None else {"pull": refusal.number, "by": refusal.by, "refused_at": refusal.at}


def _convergence(situation: Situation) -> Mapping[str, Figure]:
    found, asked = situation.converging, situation.policy.convergence
    newest = found.newest if found else None
    return {
        "percentage": situation.stage.percentage,
        "observed_percentage": newest.value if newest else None,
        "observed_at": newest.time if newest else None,
        "tolerance": asked.tolerance if asked else None,
        "since": found.at if found else None,
    }


def _window(situation: Situation) -> Mapping[str, Figure]:
    window = situation.policy.window
    return {} if window is None else {"zone": window.zone}


def _others(situation: Situation) -> tuple[Reason, ...]:
    """Each rollout that has to be ahead of this one."""
    known = zip(situation.policy.after, situation.prerequisites, strict=False)
    return tuple(Reason(str(needed), _needed(found), found.reason) for needed, found in known)


def _needed(found: Prerequisite) -> Status:
    return Status.PASSED if found.passed else Status.FAILED if found.wrong else Status.WAITING


def guardrails(situation: Situation) -> tuple[Reason, ...]:
    """Each guardrail as it stands."""
    return tuple(_guardrail(each) for each in situation.watched)


def _guardrail(watched: Watched) -> Reason:
    guardrail, newest = watched.guardrail, watched.newest
    status = _WATCHES[watched.watch] if guardrail.binding else Status.NOTED
    figures: dict[str, Figure] = {
        "value": newest.value if newest else None,
        "read_at": newest.time if newest else None,
        "min": guardrail.min,
        "max": guardrail.max,
        "breaches": watched.streak,
        "tolerated_breaches": guardrail.breaches,
        "since": watched.since,
        "severity": guardrail.severity.value,
    }
    return Reason(guardrail.name, status, watched.told.partition(": ")[2], figures)


FIGURES: Mapping[GateName, Callable[[Situation], Mapping[str, Figure]]] = {
    GateName.DURATION: _duration,
    GateName.COOLDOWN: _rollbacks,
    GateName.ATTEMPTS: _rollbacks,
    GateName.REFUSAL: _refusal,
    GateName.CONVERGENCE: _convergence,
    GateName.WINDOW: _window,
}
"""Figures of a gate beyond when it opens."""

BENEATH: Mapping[GateName, Callable[[Situation], tuple[Reason, ...]]] = {
    GateName.GUARDRAILS: guardrails,
    GateName.AFTER: _others,
}
"""Reasons beneath a gate's own."""
