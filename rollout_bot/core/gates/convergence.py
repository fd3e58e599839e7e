"""Convergence: whether the fleet really enforces the committed percentage, and since when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollout_bot.core.model.guardrails import LATE, missing
from rollout_bot.core.model.policy import Convergence
from rollout_bot.core.samples import Reading, Readings, Unmeasured
from rollout_bot.core.verdict import Outcome, Verdict
from rollout_bot.core.wording import figure, moment


@dataclass(frozen=True, slots=True)
class Converging:
    """How far the fleet is.

    `at` is the first moment since the stage was entered at which it enforced the committed percentage; the stage's
    clock and its evidence start there. `holds` says that it does so now. `newest` is the newest reading, late or not.
    `overdue` says that it has not been seen to do so for longer than the policy waits, `blind` that a value is missing
    that should be there.
    """

    holds: bool
    reason: str
    at: datetime | None = None
    newest: Reading | None = None
    overdue: bool = False
    blind: bool = False
    notes: tuple[str, ...] = ()


def converge(
    settings: Convergence,
    readings: Readings | Unmeasured,
    *,
    percentage: int,
    since: datetime,
    now: datetime,
    interval: timedelta,
) -> Converging:
    """Judges the readings since the stage was entered, or since the policy last asked for them otherwise.

    A fleet that enforces nothing may report nothing, so at 0 % no value is as good as one of 0.
    """
    if isinstance(readings, Unmeasured):
        overdue = now - since > settings.max_wait
        return Converging(False, f"not measured: {readings.reason}", overdue=overdue, blind=True)
    points = [each for each in readings.points if since < each.time <= now]
    near = [each for each in points if abs(each.value - percentage) <= settings.tolerance]
    newest = points[-1] if points else None
    age = now - (newest.time if newest else since)
    blind = age > LATE * interval
    if percentage == 0 and (newest is None or blind):
        reason = f"{missing(newest, since, age, LATE * interval)}; at 0 % nothing has to report one"
        return Converging(True, reason, since, newest, notes=readings.notes)
    overdue = now - (near[-1].time if near else since) > settings.max_wait
    at = near[0].time if near else None
    if newest is None or blind:
        reason = missing(newest, since, age, LATE * interval)
    else:
        reason = (
            f"the fleet enforces {figure(newest.value)} % of {percentage} % (tolerance {figure(settings.tolerance)})"
        )
    holds = at is not None and newest == near[-1] and not blind
    said = f"{reason}, since {moment(at)}" if holds and at else reason
    return Converging(holds, said, at, newest, overdue, blind, readings.notes)


def combined(entry: Verdict, proof: Verdict | None, converging: Converging) -> Verdict:
    """One verdict from two: `entry` on all since the stage was entered, `proof` on what came since it converged.

    A regression is one whenever it began, and is told from the first; health is shown by the second alone, which is
    None until the fleet has converged.
    """
    if entry.outcome is Outcome.REGRESSED:
        return entry
    if proof is None:
        return _unproved(entry, f"evidence for health starts when the fleet has converged: {converging.reason}")
    if proof.outcome is Outcome.REGRESSED:
        return _unproved(entry, "since the fleet has converged it looks like a regression", *proof.reasons)
    return proof


def _unproved(verdict: Verdict, *reasons: str) -> Verdict:
    if verdict.outcome is not Outcome.HEALTHY and verdict.outcome is not Outcome.INCONCLUSIVE:
        return replace(verdict, healthy_since=None, forecast=None)
    return replace(
        verdict,
        outcome=Outcome.INCONCLUSIVE,
        reasons=(*reasons, *verdict.reasons),
        healthy_since=None,
        forecast=None,
    )
