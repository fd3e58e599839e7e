"""What of a tick needs somebody's attention, one remark each, with its file and line where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rollout_bot.core.decision.decision import Decision
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Watch
from rollout_bot.core.model.repository import ROOT, policy_path
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.verdict import Outcome
from rollout_bot.core.wording import duration, one_line
from rollout_bot.report.markdown import plain
from rollout_bot.report.terminal import describe

_PLACE = re.compile(rf"({ROOT}/[^\s:]+)(?::(\d+):\d+)?: (.*)", re.DOTALL)


class Annotation(NamedTuple):
    """`level` is error, warning or notice; `line` counts from 1."""

    level: str
    title: str
    message: str
    file: str | None = None
    line: int | None = None


def remarks(record: TickRecord) -> list[Annotation]:
    """Regressions, what could not be measured, failed actions, invalid files and approvals that are waited for."""
    found = [remark for each in record.rollouts for remark in _of(each)]
    found += [_failed("", step) for step in record.gates if step.error is not None]
    # GitHub shows a handful: the gravest first.
    return sorted(found, key=lambda each: each.level != "error")


def problem_remarks(problems: Iterable[str]) -> list[Annotation]:
    """Errors of the files that a pull request changes, each at its place."""
    return list(_files("rollout-bot", "error", "this cannot be merged", problems))


def needs_attention(record: RolloutRecord) -> bool:
    """Whether there is anything to remark upon."""
    return any(True for _ in _of(record))


def _of(record: RolloutRecord) -> Iterator[Annotation]:
    name = record.rollout
    doubts = record.situation.doubts if record.situation is not None else ()
    wrong = [each for each in record.problems if each not in doubts]
    yield from _files(name, "error", "bug in rollout-bot" if record.bug else "cannot be evaluated", wrong)
    yield from _files(name, "error", "nothing may be built on its stage", doubts)
    yield from (_failed(name, step) for step in record.steps if step.error is not None)
    if record.situation is not None and record.decision is not None:
        yield from _judged(record, record.situation, record.decision)
    if record.waits_for_owner and record.pull is not None and record.situation is not None:
        waited = duration(record.situation.now - record.pull.opened_at)
        text = f"#{record.pull.number} ({record.pull.title}) has waited for a code owner for {waited}"
        yield _remark("warning", f"{name}: approval pending", text)
    yield from _files(name, "warning", "has a file that counts for nothing", record.notes)


def _judged(record: RolloutRecord, situation: Situation, decision: Decision) -> Iterator[Annotation]:
    name, verdict = record.rollout, situation.verdict
    here = f"{name}: {situation.stage.name} {situation.stage.percentage} %"
    reason = verdict.reasons[0]
    if verdict.outcome is Outcome.REGRESSED:
        done = " (rolled back)" if record.merged else ""
        yield _remark("error", f"{here} has regressed{done}", reason)
    elif verdict.outcome is Outcome.UNAVAILABLE and not record.problems:
        yield _remark("warning", f"{here} cannot be judged", reason, policy_path(name))
    yield from _watched(record, situation)
    if decision.refused:
        yield _remark("error", f"{name}: refused", "; ".join(decision.reasons))
    elif decision.attention and not situation.alarms and not situation.doubts:
        yield _remark("warning", f"{here} needs somebody", "; ".join(decision.reasons))


def _watched(record: RolloutRecord, situation: Situation) -> Iterator[Annotation]:
    here = f"{record.rollout}: {situation.stage.name} {situation.stage.percentage} %"
    done = " (rolled back)" if record.merged else ""
    for each in situation.watched:
        if each.rolls_back:
            yield _remark("error", f"{here} breaks a guardrail{done}", each.told)
        elif each.watch is Watch.BREACHED:
            yield _remark("warning", f"{here} breaks a guardrail", each.told)
        elif each.blind and not record.problems:
            yield _remark("warning", f"{here} cannot be guarded", each.told, policy_path(record.rollout))


def _failed(rollout: str, step: Step) -> Annotation:
    title = f"{rollout}: action failed" if rollout else "action failed"
    return _remark("error", title, f"{describe(step.action, step.pull)}: {step.error}")


def _files(rollout: str, level: str, what: str, texts: Iterable[str]) -> Iterator[Annotation]:
    for text in texts:
        place = _PLACE.fullmatch(text)
        file, line = (one_line(place[1]), int(place[2]) if place[2] else None) if place else (None, None)
        yield _remark(level, f"{rollout}: {what}", place[3] if place else text, file, line)


def _remark(level: str, title: str, message: str, file: str | None = None, line: int | None = None) -> Annotation:
    return Annotation(level, plain(title), plain(message), file, line)
