"""What an explanation tells of one gate alone: its figures, and the reasons beneath it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rollout_bot.core.conditions import GateName
from rollout_bot.core.guardrails import Watch, Watched
from rollout_bot.core.situation import Situation
from rollout_bot.core.tree import Figure, Reason, Status

_WATCHES = {
    Watch.KEPT: Status.PASSED,
    Watch.TOLERATED: Status.WAITING,
    Watch.BREACHED: Status.FAILED,
    Watch.UNKNOWN: Status.UNKNOWN,
}


def _duration(situation: Situation) -> Mapping[str, Figure]:
    entered = situation.standing.entered_at
    return {"since": entered, "in_stage": situation.now - entered, "least": situation.stage.duration}


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
}
"""Figures of a gate beyond when it opens."""

BENEATH: Mapping[GateName, Callable[[Situation], tuple[Reason, ...]]] = {GateName.GUARDRAILS: guardrails}
"""Reasons beneath a gate's own."""
