"""What a tick prints for people: one block for each rollout that a tired person understands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
from rollout_bot.core.decision.decision import Decision, DecisionAction
from rollout_bot.core.gates.conditions import GateName
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState, PullRequest, PullState
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.verdict import Comparison, Outcome, Rate
from rollout_bot.core.wording import amount, count, duration, moment, percent, points
from rollout_bot.report.blocks import Line, render
from rollout_bot.report.sentences import evidence_sentences, transition_title
from rollout_bot.report.watched import watch_lines

_NOTHING: list[Line] = [("", "no rollouts here; begin one with: rollout-bot init NAME", "")]
_NOTHING_OF_A_SHARD: list[Line] = [("", "no rollout here belongs to this shard", "")]

_OUTCOME_STYLES = {
    Outcome.HEALTHY: "green",
    Outcome.REGRESSED: "bold red",
    Outcome.INCONCLUSIVE: "",
    Outcome.UNAVAILABLE: "yellow",
    Outcome.SHARED: "yellow",
}
_VERDICTS = {
    Outcome.HEALTHY: "is healthy",
    Outcome.REGRESSED: "has regressed",
    Outcome.INCONCLUSIVE: "is not shown to be healthy yet",
    Outcome.UNAVAILABLE: "cannot be judged",
    Outcome.SHARED: "is no worse than its baseline, which is bad as well",
}
_ACTION_STYLES = {DecisionAction.ROLL_BACK: "bold red", DecisionAction.ADVANCE: "bold green"}


def tick_text(record: TickRecord, *, color: bool = False, width: int = 100) -> str:
    """The blocks of all rollouts, and what was done for other people's pull requests."""
    head = f"{record.title}{'  dry run: nothing was changed' if record.dry_run else ''}"
    blocks = [_block(_title(each), _lines(each, record)) for each in record.rollouts]
    if record.gates:
        lines = [line for step in record.gates for line in _step_lines(step, dry_run=record.dry_run)]
        blocks.append(_block("other pull requests", lines))
    if not blocks:
        blocks.append(_NOTHING if record.shard.whole else _NOTHING_OF_A_SHARD)
    return render([[("", head, "dim")], *blocks], color=color, width=width)


def status_text(record: TickRecord, *, color: bool = False, width: int = 100) -> str:
    """Where the rollouts stand: the ladder of stages and what is measured, without what a tick would do."""
    blocks = [_block(_title(each), _status_lines(each, record)) for each in record.rollouts]
    return render([[("", moment(record.now), "dim")], *(blocks or [_NOTHING])], color=color, width=width)


def history_text(rollout: str, changes: Sequence[Transition], *, color: bool = False, width: int = 100) -> str:
    """Every change of a rollout, newest first: who, why, and on which evidence."""
    blocks = [_block(f"{moment(each.at)}  {transition_title(each.state)}", _change_lines(each)) for each in changes]
    nothing: list[Line] = [("", "nothing was committed yet", "")]
    return render([[("", rollout, "dim")], *(blocks or [nothing])], color=color, width=width)


def _change_lines(change: Transition) -> Iterator[Line]:
    state = change.state
    approved = f", approved by {', '.join(change.approvers)}" if change.approvers else ""
    pull = f", #{change.pull}" if change.pull is not None else f", commit {change.commit[:12]}"
    yield "by", f"{state.change.by}{approved}{pull}, attempt {state.attempt}", ""
    yield "why", state.change.reason, ""
    for index, sentence in enumerate(evidence_sentences(state.evidence)):
        yield ("evidence" if index == 0 else ""), sentence.removeprefix("Evidence: "), ""


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
    yield from watch_lines(record.situation)
    if record.decision is not None:
        for index, gate in enumerate(record.decision.waits):
            yield ("waits" if index == 0 else ""), f"{gate.name}: {_brief(gate.reason, record.situation)}", ""
        for call in record.decision.calls:
            yield "look at", call, "yellow"
    yield from _remarks(record)
    yield from _next_lines(record, tick)
    if record.decision is not None and record.decision.action is DecisionAction.HOLD:
        yield "more", f"rollout-bot explain {record.rollout}", "dim"


def _lines(record: RolloutRecord, tick: TickRecord) -> Iterator[Line]:
    if record.situation is None:
        yield "decision", "hold: this rollout cannot be evaluated, nothing was touched", "bold yellow"
        for problem in record.problems:
            yield "problem", problem, "yellow"
        return
    yield from _standing_lines(record.situation)
    yield from _verdict_lines(record.situation)
    yield from watch_lines(record.situation)
    if record.decision is not None:
        yield from _decision_lines(record.decision, record.situation)
    for step in record.steps:
        yield from _step_lines(step, dry_run=tick.dry_run)
    yield from _remarks(record)
    yield from _next_lines(record, tick)


def _remarks(record: RolloutRecord) -> Iterator[Line]:
    said = {
        *(record.situation.verdict.reasons if record.situation else ()),
        *(record.decision.reasons if record.decision else ()),
    }
    for problem in record.problems:
        if problem not in said:
            yield "problem", problem, "yellow"
    for note in record.notes:
        yield "note", note, "yellow"


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
        if verdict.outcome is Outcome.UNAVAILABLE and verdict.stage.value is None:
            yield "measured", f"nothing; {limit}", ""
        else:
            yield "measured", f"{_rate(verdict.stage)}{bounds}; {limit}; last hour: {_rate(verdict.last_hour)}", ""
        if verdict.comparison is not None:
            yield "baseline", _beside(verdict.comparison), ""
    style = _OUTCOME_STYLES[verdict.outcome]
    yield "verdict", f"{verdict.outcome}: {verdict.reasons[0]}", style
    for reason in verdict.reasons[1:]:
        yield "", reason, ""
    for note in verdict.notes:
        yield "note", note, "yellow"


def _beside(comparison: Comparison) -> str:
    if comparison.increase is None or comparison.lower is None or comparison.upper is None:
        return f"{_rate(comparison.baseline)}; nothing to compare"
    bounds = f"likely {points(comparison.lower)} to {points(comparison.upper)}"
    tolerated = f"tolerated {points(comparison.tolerated)}"
    return f"{_rate(comparison.baseline)}; increase {points(comparison.increase)}, {bounds}; {tolerated}"


def _rate(rate: Rate) -> str:
    if rate.value is None:
        return "no requests"
    return f"{percent(rate.value)} of {amount(rate.requests, 'request')} failed ({count(rate.failures)})"


def _brief(reason: str, situation: Situation) -> str:
    """A reason without the sentence that the lines above have just said."""
    verdict = situation.verdict
    if reason == f"{verdict.outcome}: {verdict.reasons[0]}":
        return f"{situation.stage.name} {_VERDICTS[verdict.outcome]}"
    if situation.converging and reason == situation.converging.reason:
        return "the fleet is not seen to enforce this stage"
    return reason


def _decision_lines(decision: Decision, situation: Situation) -> Iterator[Line]:
    target = f" to {decision.to.name} {decision.to.percentage} %" if decision.to else ""
    if decision.action is DecisionAction.HOLD:
        target = ""
    what = "refused" if decision.refused else decision.action.value.replace("_", " ")
    style = _ACTION_STYLES.get(decision.action, "bold yellow" if decision.attention or decision.refused else "bold")
    yield "decision", f"{what}{target}", style
    verdict = situation.verdict
    said = [_brief(reason, situation) for reason in decision.reasons if reason not in verdict.reasons]
    for index, reason in enumerate(said or [f"{situation.stage.name} {_VERDICTS[verdict.outcome]}"]):
        yield ("why" if index == 0 else ""), reason, ""


def _step_lines(step: Step, *, dry_run: bool) -> Iterator[Line]:
    if step.error is not None:
        yield "FAILED", f"{describe(step.action, step.pull)}: {step.error}", "bold red"
    elif dry_run:
        yield "would", describe(step.action, step.pull), ""
    elif step.changed:
        yield "done", describe(step.action, step.pull), ""
    if step.note is not None:
        yield "note", step.note, "yellow"


def describe(action: Action, number: int | None = None) -> str:
    """An action in half a sentence."""
    pull = f"#{number}" if number is not None else "the pull request"
    match action:
        case OpenPull():
            asked = f" (asks {', '.join(action.reviewers)} for a review)" if action.reviewers else ""
            return f"open {pull}: {action.title}{asked}"
        case FinishPull():
            asked = f"ask {', '.join(action.reviewers)} for a review, " if action.reviewers else ""
            return f"finish opening #{action.number}: {asked}label it {', '.join(action.labels)}"
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
        case DeleteBranch():
            return f"delete the merged branch {action.branch}"


def _next_lines(record: RolloutRecord, tick: TickRecord) -> Iterator[Line]:
    text = next_step(record, dry_run=tick.dry_run)
    if text:
        yield "next", text, ""


def next_step(record: RolloutRecord, *, dry_run: bool = False) -> str:
    """What happens next to a rollout, and when."""
    situation, decision, pull = record.situation, record.decision, record.pull
    if situation is None or decision is None:
        return ""
    if decision.refused:
        return "nothing was changed"
    if record.failed:
        return "the next tick tries again"
    if dry_run and (record.steps or (decision.proposal is not None and pull is None)):
        return "a tick without a dry run does this"
    if record.merged:
        return _merged(record)
    if pull is not None and pull.state is PullState.OPEN:
        return _waiting(situation, pull)
    if decision.action is DecisionAction.COMPLETE:
        return "nothing; it stays watched"
    return _holding(situation, decision)


def _merged(record: RolloutRecord) -> str:
    """After a merge: `situation` is as it was before, so the pull request's own decision says what comes."""
    proposal = record.decision.proposal if record.decision else None
    if proposal is None:
        return "the next deployment brings what was merged"
    state = proposal.state
    if state.change.kind is ChangeKind.HOLD:
        return f"it does not advance before: rollout-bot resume {record.rollout} --reason …"
    if state.change.kind is ChangeKind.RESUME:
        return "it advances again once every gate is open"
    return f"the next deployment brings {state.percentage} %; the evidence starts anew"


def _waiting(situation: Situation, pull: PullRequest) -> str:
    name = f"#{pull.number} ({pull.title})"
    if pull.gate is not None and pull.gate.state is not GateState.SUCCESS:
        return f"{name} cannot be merged now: {pull.gate.description}"
    if pull.owners_approved:
        return f"{name} is approved and can be merged: rollout-bot pulls merge {pull.number} --as NAME"
    waited = duration(situation.now - pull.opened_at)
    waits = f"has waited {waited}" if situation.now > pull.opened_at else "waits"
    return f"{name} {waits} for a code owner: rollout-bot pulls approve {pull.number} --as NAME"


def _holding(situation: Situation, decision: Decision) -> str:
    if situation.doubts:
        back = f"rollout-bot rollback {situation.policy.rollout} --reason …"
        return f"waits for somebody: the approval that it was entered without, or {back}"
    human = {GateName.HOLD: "resume", GateName.ATTEMPTS: "resume", GateName.REFUSAL: "advance"}
    for gate in decision.waits:
        if gate.name in human:
            return f"waits for somebody: rollout-bot {human[gate.name]} {situation.policy.rollout} --reason …"
    if situation.alarms:
        return f"waits for somebody: rollout-bot rollback {situation.policy.rollout} --reason …"
    target = decision.to.name if decision.to else "the next stage"
    if decision.opens_at is not None:
        return f"{target} at {moment(decision.opens_at)}, if nothing changes"
    earliest = max((gate.until for gate in decision.waits if gate.until is not None), default=situation.now)
    forecast = situation.verdict.forecast
    if forecast is not None and forecast.duration.total_seconds() > 0:
        at = situation.policy.opening(max(earliest, situation.now + forecast.duration))
        if at is not None:
            return f"{target} at about {moment(at)}, if traffic and failures go on as in this stage"
    if earliest > situation.now:
        return f"{target} not before {moment(earliest)}; the next tick looks again"
    return "the next tick looks again"
