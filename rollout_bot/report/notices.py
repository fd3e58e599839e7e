"""What people are told of a rollout, in words: of each change, and of each condition that now holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core.decision.actions import MergePull
from rollout_bot.core.decision.decision import Decision, DecisionAction
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import PullState, Revision
from rollout_bot.core.model.routes import Event, Urgency
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.notices import Notice, reminders
from rollout_bot.core.observation import Observation, stuck_after
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Outcome
from rollout_bot.core.wording import duration, moment, one_line, readable
from rollout_bot.report.terminal import describe

_LINES = 8
_LONGEST = 400


def change_notice(change: Transition, revision: Revision, policy: Policy, now: datetime) -> Notice | None:
    """What is told of a change that was merged; None of a hold and its end, which people set themselves."""
    state, kind = change.state, change.state.change.kind
    if kind in (ChangeKind.HOLD, ChangeKind.RESUME):
        return None
    origin = policy.stage(state.change.from_stage or "")
    here = f"{state.stage} {state.percentage} %"
    there = f"{origin.name} {origin.percentage} %" if origin else state.change.from_stage or ""
    event, urgency, title = {
        ChangeKind.START: (Event.ADVANCED, Urgency.INFO, f"{state.rollout} begins with {here}"),
        ChangeKind.ADVANCE: (Event.ADVANCED, Urgency.INFO, f"{state.rollout}: {there} → {here}"),
        ChangeKind.ROLL_BACK: (Event.ROLLED_BACK, Urgency.CRITICAL, f"{state.rollout}: rolled back {there} → {here}"),
    }[kind]
    lines = [
        state.change.reason,
        f"proposed by {state.change.by}, merged at {moment(change.at)}{_ago(now - change.at)}",
    ]
    if revision.approvers:
        lines.append(f"approved by {', '.join(revision.approvers)}")
    if kind is ChangeKind.ROLL_BACK:
        lines.append("It is not tried again before its cooldown is over.")
    return Notice(
        state.rollout, event, urgency, one_line(title), _bounded(lines), pull=revision.pull, commit=change.commit
    )


def standing_notices(observation: Observation) -> tuple[Notice, ...]:
    """What holds now and is worth telling, the gravest first. After a merge nobody has judged anything yet."""
    record = observation.record
    found = (*_troubles(record), *(() if record.merged else _standing(observation)))
    # The name may be that of any folder, and a title hold the name of any person.
    told = (replace(each, rollout=one_line(each.rollout), title=one_line(each.title)) for each in found)
    return tuple(sorted(told, key=lambda each: -each.urgency.rank))


def _troubles(record: RolloutRecord) -> Iterator[Notice]:
    name = record.rollout
    if record.bug or record.situation is None:
        what = f"{name}: a bug in the bot" if record.bug else f"{name} cannot be evaluated, so nothing is touched"
        urgency = Urgency.CRITICAL if record.bug else Urgency.WARNING
        yield Notice(name, Event.BOT_FAILED, urgency, what, _bounded(record.problems), "cannot be evaluated")
        return
    failed = next((step for step in record.steps if step.error is not None), None)
    if failed is None:
        return
    lines = _bounded((f"{describe(failed.action, failed.pull)}: {failed.error}", "The next tick tries again."))
    rolls_back = record.decision is not None and record.decision.action is DecisionAction.ROLL_BACK
    if rolls_back and not record.merged:
        # A rollback that does not happen is called out again and again.
        age = record.situation.now - record.pull.opened_at if record.pull else timedelta(0)
        title, key = f"{name} has to be rolled back, and cannot be", f"rollback failed {_cries(age)}"
        yield Notice(name, Event.BOT_FAILED, Urgency.CRITICAL, title, lines, key, _number(record))
        return
    what = "merge" if isinstance(failed.action, MergePull) else "action"
    yield Notice(name, Event.BOT_FAILED, Urgency.WARNING, f"{name}: an action failed", lines, f"{what} failed",
                 _number(record))  # fmt: skip


def _cries(age: timedelta) -> int:
    """How often a failing rollback is told of: at once, after 1 h, and with each reminder."""
    return (age >= timedelta(hours=1)) + reminders(age)


def _number(record: RolloutRecord) -> int | None:
    return record.pull.number if record.pull else None


def _standing(observation: Observation) -> Iterator[Notice]:
    record = observation.record
    situation, decision = record.situation, record.decision
    if situation is None or decision is None or decision.refused:
        return
    yield from _judged(record.rollout, situation, decision)
    yield from _approval(record, situation, decision)
    yield from _progress(observation, situation, decision)


def _judged(name: str, situation: Situation, decision: Decision) -> Iterator[Notice]:
    verdict, here = situation.verdict, f"{situation.stage.name} {situation.stage.percentage} %"
    if verdict.outcome is Outcome.REGRESSED and decision.action is not DecisionAction.ROLL_BACK:
        lines = (*verdict.reasons, f"Nothing rolls it back by itself: rollout-bot rollback {name} --reason …")
        title = f"{name} has regressed at {here} and is not rolled back"
        yield Notice(name, Event.REGRESSED, Urgency.CRITICAL, title, _bounded(lines), "regressed")
    elif verdict.outcome is Outcome.UNAVAILABLE:
        lines = (*verdict.reasons, "It holds; a regression would not be seen.")
        title = f"{name} cannot be measured at {here}"
        yield Notice(name, Event.CANNOT_MEASURE, Urgency.WARNING, title, _bounded(lines), "cannot measure")
    elif decision.attention and decision.action is DecisionAction.HOLD:
        title = f"{name} needs somebody at {here}"
        yield Notice(name, Event.STUCK, Urgency.WARNING, title, _bounded(decision.reasons), "needs somebody")


def _approval(record: RolloutRecord, situation: Situation, decision: Decision) -> Iterator[Notice]:
    name, pull = record.rollout, record.pull
    if pull is None or not record.waits_for_owner:
        return
    to = decision.to
    what = f"{name} needs an approval" + (f" to enter {to.name} {to.percentage} %" if to else "")
    lines = (*decision.reasons[:1], f"Approve #{pull.number} to go on, or close it to say no.")
    yield Notice(name, Event.APPROVAL_NEEDED, Urgency.WARNING, what, _bounded(lines), f"approval of #{pull.number}",
                 pull.number)  # fmt: skip
    age = situation.now - pull.opened_at
    if count := reminders(age):
        lines = (f"#{pull.number} ({pull.title}) has waited for a code owner for {duration(age)}.",)
        yield Notice(name, Event.REMINDER, Urgency.WARNING, what.replace("needs", "still needs"), _bounded(lines),
                     f"reminder {count} of #{pull.number}", pull.number)  # fmt: skip


def _progress(observation: Observation, situation: Situation, decision: Decision) -> Iterator[Notice]:
    name, stage = observation.rollout, situation.stage
    here = f"{stage.name} {stage.percentage} %"
    refusal = situation.refusal
    if refusal is not None:
        reasons = [gate.reason for gate in decision.waits if gate.name == "refusal"]
        yield Notice(name, Event.REFUSED, Urgency.INFO, f"{name}: {refusal.by} refused #{refusal.number}",
                     _bounded(reasons), f"refusal of #{refusal.number}", refusal.number)  # fmt: skip
    if decision.action is DecisionAction.COMPLETE:
        title = f"{name} is complete: {here}"
        yield Notice(name, Event.COMPLETED, Urgency.INFO, title, _bounded(decision.reasons), "completed")
    age = situation.now - situation.standing.entered_at
    if age > stuck_after(situation.policy) and situation.policy.above(stage) is not None:
        title = f"{name} has been at {here} for {duration(age)}"
        yield Notice(name, Event.STUCK, Urgency.WARNING, title, _bounded(decision.reasons), "stuck")


def open_pull(record: RolloutRecord) -> int | None:
    """The number of the pull request of the next transition, as long as it is open."""
    return record.pull.number if record.pull is not None and record.pull.state is PullState.OPEN else None


def _ago(span: timedelta) -> str:
    return f", {duration(span)} ago" if span >= timedelta(minutes=1) else ""


def _bounded(lines: Iterable[str]) -> tuple[str, ...]:
    """Text from outside on single lines, none of them long."""
    known = [text for line in lines if (text := readable(line, _LONGEST))]
    if len(known) > _LINES:
        known = [*known[: _LINES - 1], f"and {len(known) - _LINES + 1} more"]
    return tuple(known)
