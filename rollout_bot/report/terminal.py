"""What a tick prints for people: one block for each rollout that a tired person understands."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rollout_bot.core.actions import Action, ClosePull, MergePull, OpenPull, SetGate, StartWorkflow, UpdatePull
from rollout_bot.core.decision import Decision, DecisionAction, Situation
from rollout_bot.core.policy import OFF
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.repository import GateState, PullRequest, PullState
from rollout_bot.core.verdict import Outcome, Rate
from rollout_bot.core.wording import amount, count, duration, moment, one_line, percent

Line = tuple[str, str, str]
"""A label, a text and the style of the text."""

_NOTHING: list[Line] = [("", "no rollouts here; begin one with: rollout-bot init NAME", "")]

_OUTCOME_STYLES = {
    Outcome.HEALTHY: "green",
    Outcome.REGRESSED: "bold red",
    Outcome.INCONCLUSIVE: "",
    Outcome.UNAVAILABLE: "yellow",
    Outcome.SHARED: "yellow",
}
_ACTION_STYLES = {DecisionAction.ROLL_BACK: "bold red", DecisionAction.ADVANCE: "bold green"}


def tick_text(record: TickRecord, *, color: bool = False, width: int = 100) -> str:
    """The blocks of all rollouts, and what was done for other people's pull requests."""
    head = f"{moment(record.now)}{'  dry run: nothing was changed' if record.dry_run else ''}"
    blocks = [_block(_title(each), _lines(each, record)) for each in record.rollouts]
    if record.gates:
        lines = [line for step in record.gates for line in _step_lines(step, dry_run=record.dry_run)]
        blocks.append(_block("other pull requests", lines))
    if not blocks:
        blocks.append(_NOTHING)
    return _render([[("", head, "dim")], *blocks], color=color, width=width)


def status_text(record: TickRecord, *, color: bool = False, width: int = 100) -> str:
    """Where the rollouts stand: the ladder of stages and what is measured, without what a tick would do."""
    blocks = [_block(_title(each), _status_lines(each, record)) for each in record.rollouts]
    return _render([[("", moment(record.now), "dim")], *(blocks or [_NOTHING])], color=color, width=width)


def _title(record: RolloutRecord) -> str:
    if record.situation is None:
        return record.rollout
    state = record.situation.state
    return f"{record.rollout}  {state.stage} {state.percentage} %"


def _block(title: str, lines: Iterable[Line]) -> list[Line]:
    return [("", title, "bold"), *lines]


def _status_lines(record: RolloutRecord, tick: TickRecord) -> Iterator[Line]:
    if record.situation is None:
        yield from _lines(record, tick)
        return
    yield from _ladder_lines(record.situation)
    yield from _standing_lines(record.situation)
    yield from _verdict_lines(record.situation)
    if record.decision is not None:
        for index, gate in enumerate(record.decision.waits):
            yield ("waits" if index == 0 else ""), f"{gate.name}: {gate.reason}", ""
    yield from _next_lines(record)


def _lines(record: RolloutRecord, tick: TickRecord) -> Iterator[Line]:
    if record.situation is None:
        yield "decision", "hold: this rollout cannot be evaluated, nothing was touched", "bold yellow"
        for problem in record.problems:
            yield "problem", problem, "yellow"
        return
    yield from _standing_lines(record.situation)
    yield from _verdict_lines(record.situation)
    if record.decision is not None:
        yield from _decision_lines(record.decision)
    for step in record.steps:
        yield from _step_lines(step, dry_run=tick.dry_run)
    for problem in record.problems:
        yield "problem", problem, "yellow"
    for note in record.notes:
        yield "note", note, "yellow"
    yield from _next_lines(record)


def _standing_lines(situation: Situation) -> Iterator[Line]:
    standing = situation.standing
    age = duration(situation.now - standing.entered_at)
    yield "stands", f"since {moment(standing.entered_at)} ({age}), attempt {situation.state.attempt}", ""
    if standing.evidence_since > standing.entered_at:
        yield "", f"its queries changed at {moment(standing.evidence_since)}: the evidence starts there", ""


def _ladder_lines(situation: Situation) -> Iterator[Line]:
    marks = (
        f"[{stage.name} {stage.percentage} %]" if stage == situation.stage else f"{stage.name} {stage.percentage} %"
        for stage in situation.policy.ladder
    )
    yield "stages", " → ".join(marks), ""


def _verdict_lines(situation: Situation) -> Iterator[Line]:
    verdict = situation.verdict
    if situation.stage != OFF:
        bounds = ""
        if verdict.lower is not None and verdict.upper is not None:
            bounds = f", likely {percent(verdict.lower)} to {percent(verdict.upper)}"
        limit = f"limit {percent(verdict.limit)}"
        yield "measured", f"{_rate(verdict.stage)}{bounds}; {limit}; last hour {_rate(verdict.last_hour)}", ""
    style = _OUTCOME_STYLES[verdict.outcome]
    yield "verdict", f"{verdict.outcome}: {verdict.reasons[0]}", style
    for reason in verdict.reasons[1:]:
        yield "", reason, ""
    for note in verdict.notes:
        yield "note", note, "yellow"


def _rate(rate: Rate) -> str:
    if rate.value is None:
        return "no requests"
    return f"{percent(rate.value)} of {amount(rate.requests, 'request')} failed ({count(rate.failures)})"


def _decision_lines(decision: Decision) -> Iterator[Line]:
    target = f" to {decision.to.name} {decision.to.percentage} %" if decision.to else ""
    if decision.action is DecisionAction.HOLD:
        target = ""
    what = "refused" if decision.refused else decision.action.value.replace("_", " ")
    style = _ACTION_STYLES.get(decision.action, "bold yellow" if decision.attention or decision.refused else "bold")
    yield "decision", f"{what}{target}", style
    for index, reason in enumerate(decision.reasons):
        yield ("why" if index == 0 else ""), reason, ""


def _step_lines(step: Step, *, dry_run: bool) -> Iterator[Line]:
    if step.error is not None:
        yield "FAILED", f"{describe(step.action, step.pull)}: {step.error}", "bold red"
    elif dry_run:
        yield "would", describe(step.action, step.pull), ""
    elif step.changed:
        yield "done", describe(step.action, step.pull), ""


def describe(action: Action, number: int | None = None) -> str:
    """An action in half a sentence."""
    pull = f"#{number}" if number is not None else "the pull request"
    match action:
        case OpenPull():
            return f"open {pull}: {action.title}"
        case UpdatePull():
            return f"refresh the text of #{action.number}"
        case SetGate():
            return f"set the gate of {pull} to {action.status.state}: {action.status.description}"
        case MergePull():
            return f"merge {pull}: {action.title}"
        case ClosePull():
            return f"close #{action.number}: {action.comment}"
        case StartWorkflow():
            return f"start the workflow {action.workflow}"


def _next_lines(record: RolloutRecord) -> Iterator[Line]:
    text = next_step(record)
    if text:
        yield "next", text, ""


def next_step(record: RolloutRecord) -> str:
    """What happens next to a rollout, and when."""
    situation, decision = record.situation, record.decision
    if situation is None or decision is None:
        return ""
    if record.failed:
        return "the next tick tries again"
    pull = record.pull
    if pull is not None and pull.state is PullState.OPEN:
        return _waiting(situation, pull)
    if record.merged or decision.proposal is not None:
        return "the next deployment brings it; its evidence starts anew"
    if decision.action is DecisionAction.COMPLETE:
        return "nothing; it stays watched and is rolled back if it regresses"
    if decision.opens_at is not None:
        return f"may go on to {_name(decision)} at {moment(decision.opens_at)}"
    forecast = situation.verdict.forecast
    if forecast is not None and forecast.duration.total_seconds() > 0:
        at = moment(situation.now + forecast.duration)
        return f"proof of health is expected at about {at}, if traffic and failures go on as in this stage"
    return "looks again at the next tick"


def _waiting(situation: Situation, pull: PullRequest) -> str:
    name = f"#{pull.number} ({pull.title})"
    if pull.gate is not None and pull.gate.state is not GateState.SUCCESS:
        return f"{name} cannot be merged now: {pull.gate.description}"
    if pull.owners_approved:
        return f"{name} is approved and can be merged: rollout-bot pulls merge {pull.number} --as NAME"
    waited = duration(situation.now - pull.opened_at)
    approve = f"rollout-bot pulls approve {pull.number} --as NAME"
    return f"{name} waits for a code owner since {waited}: {approve}"


def _name(decision: Decision) -> str:
    return decision.to.name if decision.to else "the next stage"


def _render(blocks: Iterable[Iterable[Line]], *, color: bool, width: int) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        file=io.StringIO(), force_terminal=color, no_color=not color, width=width, highlight=False, emoji=False
    )
    for index, block in enumerate(blocks):
        if index > 1:
            console.print()
        table = Table.grid(padding=(0, 2))
        table.add_column(width=8, no_wrap=True)
        table.add_column()
        for label, text, style in block:
            if not label and style in ("bold", "dim"):
                console.print(Text(one_line(text), style=style))
                continue
            table.add_row(Text(label, style="dim"), Text(one_line(text), style=style))
        console.print(table)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"  # type: ignore[attr-defined]
