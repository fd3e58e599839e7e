"""The gates: every condition for entering the next stage, each passed or not, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.windows import WEEKDAYS
from rollout_bot.core.verdict import Outcome
from rollout_bot.core.wording import amount, duration, moment


class GateName(StrEnum):
    """The conditions for entering the next stage; `REFUSAL` binds the bot only, not a human who asks.

    `ENTRY` is about the way to the present stage: on one that nobody has approved nothing is built.
    """

    HOLD = "hold"
    ENTRY = "entry"
    DURATION = "duration"
    ANALYSIS = "analysis"
    COOLDOWN = "cooldown"
    ATTEMPTS = "attempts"
    AFTER = "after"
    WINDOW = "window"
    REFUSAL = "refusal"
    GUARDRAILS = "guardrails"
    CONVERGENCE = "convergence"


OVERRIDABLE = (
    GateName.DURATION,
    GateName.ANALYSIS,
    GateName.COOLDOWN,
    GateName.ATTEMPTS,
    GateName.AFTER,
    GateName.WINDOW,
    GateName.GUARDRAILS,
    GateName.CONVERGENCE,
)


@dataclass(frozen=True, slots=True)
class Gate:
    """`until` is when it opens by itself, if time is all it waits for; one that is `stuck` asks for somebody."""

    name: GateName
    passed: bool
    reason: str
    until: datetime | None = None
    stuck: bool = False


def gates(situation: Situation) -> tuple[Gate, ...]:
    """Every condition for entering the next stage but the approval, passed or not; what the policy lacks is none."""
    return (
        hold_gate(situation),
        *entry_gate(situation),
        duration_gate(situation),
        _analysis_gate(situation),
        _cooldown_gate(situation),
        _attempts_gate(situation),
        *_after_gate(situation),
        *_window_gate(situation),
        _refusal_gate(situation),
        *(_guardrail_gate(situation) if any(each.binding for each in situation.policy.guardrails) else ()),
        *(_convergence_gate(situation) if situation.policy.convergence else ()),
    )


def opens_at(situation: Situation, conditions: Iterable[Gate]) -> datetime | None:
    """When the last gate that is shut opens, inside the window; None if none is, or time is not all that is missing."""
    moments = [gate.until for gate in conditions if not gate.passed]
    known = [each for each in moments if each is not None]
    return situation.policy.opening(max(known)) if known and len(known) == len(moments) else None


def hold_gate(situation: Situation) -> Gate:
    hold = situation.state.hold
    if hold is None:
        return Gate(GateName.HOLD, True, "nobody holds it")
    return Gate(GateName.HOLD, False, f"held by {hold.by}: {hold.reason}")


def entry_gate(situation: Situation) -> Iterator[Gate]:
    """Shut where the present stage was reached without an approval; otherwise there is nothing to say."""
    if situation.doubts:
        yield Gate(GateName.ENTRY, False, "; ".join(situation.doubts), stuck=True)


def _until(name: GateName, at: datetime, now: datetime, passed: str, waiting: str) -> Gate:
    if now >= at:
        return Gate(name, True, passed)
    return Gate(name, False, f"{waiting} until {moment(at)} ({duration(at - now)} to go)", at)


def duration_gate(situation: Situation) -> Gate:
    least, since = situation.stage.duration, situation.clock_since
    if since is None:
        return Gate(GateName.DURATION, False, f"its time begins when the fleet enforces {situation.stage.percentage} %")
    asked = f"at least {duration(least)} asked for" if least else "no least time asked for"
    return _until(
        GateName.DURATION,
        since + least,
        situation.now,
        f"in {situation.stage.name} for {duration(situation.now - since)}; {asked}",
        f"stays in {situation.stage.name} for at least {duration(least)}:",
    )


def _analysis_gate(situation: Situation) -> Gate:
    if situation.stage == OFF:
        return Gate(GateName.ANALYSIS, False, "at 0 % nothing is enforced, so nothing can be measured")
    verdict = situation.verdict
    return Gate(GateName.ANALYSIS, verdict.outcome is Outcome.HEALTHY, f"{verdict.outcome}: {verdict.reasons[0]}")


def _cooldown_gate(situation: Situation) -> Gate:
    at, rollbacks = situation.standing.rolled_back_at, situation.standing.rollbacks
    if at is None:
        return Gate(GateName.COOLDOWN, True, "never rolled back")
    cooldown = situation.policy.cooldown_after(rollbacks)
    waiting = "cools down after the rollback"
    if rollbacks > 1:
        waiting = f"cools down for {duration(cooldown)} after {amount(rollbacks, 'rollback')}:"
    return _until(
        GateName.COOLDOWN,
        at + cooldown,
        situation.now,
        f"rolled back {duration(situation.now - at)} ago; cooldown {duration(cooldown)}",
        waiting,
    )


def _attempts_gate(situation: Situation) -> Gate:
    rollbacks, most = situation.standing.rollbacks, situation.policy.max_rollbacks
    # With a limit of 0 there must still have been something to restart from.
    if rollbacks < max(1, most):
        return Gate(GateName.ATTEMPTS, True, f"{rollbacks} of at most {most} rollbacks")
    resume = f"rollout-bot resume {situation.policy.rollout} --reason …"
    reason = f"rolled back {amount(rollbacks, 'time')}: only a human restarts it ({resume})"
    return Gate(GateName.ATTEMPTS, False, reason, stuck=True)


def _after_gate(situation: Situation) -> Iterator[Gate]:
    needed, known = situation.policy.after, situation.prerequisites
    if not needed:
        return
    if len(known) < len(needed):
        yield Gate(GateName.AFTER, False, f"nothing is known of {', '.join(map(str, needed))}")
        return
    shut = tuple(each for each in known if not each.passed)
    reason = "; ".join(each.reason for each in shut or known)
    yield Gate(GateName.AFTER, not shut, reason, stuck=any(each.wrong for each in shut))


def _window_gate(situation: Situation) -> Iterator[Gate]:
    window, now = situation.policy.window, situation.now
    if window is None:
        return
    local = now.astimezone(window.clock)
    here = f"{WEEKDAYS[local.weekday()]} {local:%H:%M} in {window.zone}"
    opens = window.opens_at(now)
    if opens is None:
        reason = f"outside of the window ({here}), and it does not open within a year: all is excluded in policy.yaml"
        yield Gate(GateName.WINDOW, False, reason, stuck=True)
        return
    yield _until(GateName.WINDOW, opens, now, f"inside the window: {here}", f"outside of the window ({here}): waits")


def _refusal_gate(situation: Situation) -> Gate:
    refusal, since = situation.refusal, situation.verdict.healthy_since
    if refusal is None:
        return Gate(GateName.REFUSAL, True, "nobody refused it")
    if since is not None and since > refusal.at:
        return Gate(GateName.REFUSAL, True, f"#{refusal.number} was refused, but the evidence has changed since")
    advance = f"rollout-bot advance {situation.policy.rollout} --reason …"
    return Gate(GateName.REFUSAL, False, f"{refusal.by} closed #{refusal.number}; not proposed again unless the "
                f"evidence or the policy changes, or somebody asks ({advance})")  # fmt: skip


def _guardrail_gate(situation: Situation) -> Iterator[Gate]:
    if situation.stage == OFF:
        yield Gate(GateName.GUARDRAILS, True, "at 0 % there is nothing to guard")
        return
    shut = [each.told for each in situation.watched if each.shuts]
    watched = {each.guardrail.name for each in situation.watched}
    binding = [each.name for each in situation.policy.guardrails if each.binding]
    shut += [f"guardrail {name}: nobody has looked at it" for name in binding if name not in watched]
    kept = len(binding)
    yield Gate(GateName.GUARDRAILS, not shut, "; ".join(shut) or f"{amount(kept, 'guardrail')} kept")


def _convergence_gate(situation: Situation) -> Iterator[Gate]:
    found = situation.converging
    holds, reason = (found.holds, found.reason) if found else (False, "nobody has asked what the fleet enforces")
    yield Gate(GateName.CONVERGENCE, holds, reason)
