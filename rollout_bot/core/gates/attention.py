"""What asks for a human although nothing is wrong enough to move: waiting without end, silence, and what is watched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Watch
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.verdict import Outcome
from rollout_bot.core.wording import duration

SILENCE = timedelta(days=1)
"""Nights have no traffic everywhere; a whole day without a request is no night."""


def calls(situation: Situation) -> Iterator[str]:
    """Why somebody has to look, a sentence each. A rollout that a human holds waits for that human anyway."""
    if situation.state.hold is not None:
        return
    yield from _watched(situation)
    if situation.stage == OFF:
        return
    verdict, stage = situation.verdict, situation.stage
    if verdict.silent >= SILENCE:
        yield f"no requests for {duration(verdict.silent)}: does {stage.name} still serve?"
    compared = verdict.comparison
    if compared is not None and compared.silent >= SILENCE:
        yield f"nothing to compare {stage.name} with for {duration(compared.silent)}: does the baseline still serve?"
    waited = situation.now - situation.standing.entered_at
    last = situation.policy.above(stage) is None
    if not last and verdict.outcome is not Outcome.HEALTHY and waited >= stage.patience:
        longest = duration(stage.patience)
        yield f"no healthy verdict in {duration(waited)}; max_wait is {longest}. {_ways_out(situation)}"


def _watched(situation: Situation) -> Iterator[str]:
    fleet, convergence = situation.converging, situation.policy.convergence
    if fleet is not None and convergence is not None and fleet.overdue:
        share = f"{situation.state.percentage} %"
        yield (
            f"the fleet has not been seen to enforce {share} for more than {duration(convergence.max_wait)}: "
            "does the deployment bring what is committed?"
        )
    for each in situation.watched:
        if each.shuts and each.watch is Watch.BREACHED:
            yield f"guardrail {each.guardrail.name} is broken, and nothing goes up while it is"


def _ways_out(situation: Situation) -> str:
    name = situation.policy.rollout
    proof = f"a laxer max_error_rate or more traffic (rollout-bot validate {name} --live says what would do)"
    if situation.verdict.outcome is Outcome.UNAVAILABLE:
        proof = "metrics that can be read again"
    return (
        f"The ways out: {proof}; rollout-bot advance {name} --reason …, for an owner to approve; "
        f"or rollout-bot rollback {name} --reason …"
    )
