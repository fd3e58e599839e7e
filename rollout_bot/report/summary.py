"""The job summary of a tick in Markdown: what somebody reads who looks at a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState, PullRequest, PullState
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.verdict import Comparison, Outcome, Rate
from rollout_bot.core.wording import amount, count, duration, moment, percent, points
from rollout_bot.report.annotations import needs_attention
from rollout_bot.report.markdown import escape, table
from rollout_bot.report.terminal import describe, next_step
from rollout_bot.report.watched import watch_parts

_SIGNS = {
    Outcome.HEALTHY: "✅",
    Outcome.REGRESSED: "🔴",
    Outcome.INCONCLUSIVE: "⏳",
    Outcome.UNAVAILABLE: "⚠️",
    Outcome.SHARED: "⚠️",
}


def summary(record: TickRecord) -> str:
    """All rollouts, those that need somebody first. Everything from outside is escaped."""
    return "\n\n".join(_parts(record)) + "\n"


def _parts(record: TickRecord) -> Iterator[str]:
    dry = " (dry run: nothing was changed)" if record.dry_run else ""
    yield f"## Rollouts at {record.title}{dry}"
    if not record.rollouts:
        begin = "No rollouts here; begin one with: `rollout-bot init NAME`"
        yield begin if record.shard.whole else "No rollout here belongs to this shard."
    ordered = sorted(record.rollouts, key=lambda each: (not needs_attention(each), each.rollout))
    if len(ordered) > 1:
        yield table(("rollout", "stands at", "verdict", "decision"), [_row(each) for each in ordered])
    for each in ordered:
        yield from _section(each, record)
    yield from _list("Other pull requests", _steps(record.gates, dry_run=record.dry_run))
    yield f"{amount(record.requests, 'request')} spent on the forge."


def _row(record: RolloutRecord) -> tuple[str, ...]:
    situation = record.situation
    verdict = f"{_SIGNS[situation.verdict.outcome]} {situation.verdict.outcome}" if situation else "⚠️ not evaluated"
    return escape(record.rollout), _place(record), verdict, _decision(record)


def _place(record: RolloutRecord) -> str:
    if record.situation is None:
        return "unknown"
    return f"{escape(record.situation.state.stage)} {record.situation.state.percentage} %"


def _decision(record: RolloutRecord) -> str:
    decision = record.decision
    if decision is None:
        return "hold"
    if decision.refused:
        return "refused"
    what = decision.action.value.replace("_", " ")
    moves = decision.action.value in ("advance", "roll_back") and decision.to is not None
    return f"{what} to {escape(decision.to.name)} {decision.to.percentage} %" if moves and decision.to else what


def _section(record: RolloutRecord, tick: TickRecord) -> Iterator[str]:
    situation = record.situation
    place = f": {_place(record)}" if situation else ""
    yield f"### {escape(record.rollout)}{place}"
    if situation is None:
        yield "**This rollout cannot be evaluated; nothing was touched.**"
    else:
        yield from _standing(situation)
        yield from watch_parts(situation)
        yield _why(record)
    yield from _list("Would be done" if tick.dry_run else "Done", _steps(record.steps, dry_run=tick.dry_run))
    said = situation.verdict.reasons if situation else ()
    yield from _list("To look at", (escape(each) for each in (*record.problems, *record.notes) if each not in said))
    following = _next(record, tick)
    if following:
        yield f"**Next**: {escape(following)}"


def _list(title: str, lines: Iterable[str]) -> Iterator[str]:
    shown = [f"- {line}" for line in lines]
    if shown:
        yield "\n".join((f"**{title}**", "", *shown))


def _next(record: RolloutRecord, tick: TickRecord) -> str:
    """As in a terminal, but for commands that are for a forge on one's own machine."""
    pull = record.pull
    if pull is not None and record.waits_for_owner and not record.failed and not tick.dry_run:
        waited = duration(tick.now - pull.opened_at)
        return f"#{pull.number} ({pull.title}) has waited for the approval of a code owner for {waited}"
    if pull is not None and _mergeable(pull) and not record.failed and not tick.dry_run:
        return f"#{pull.number} ({pull.title}) can be merged"
    return next_step(record, dry_run=tick.dry_run)


def _mergeable(pull: PullRequest) -> bool:
    green = pull.gate is None or pull.gate.state is GateState.SUCCESS
    return pull.state is PullState.OPEN and pull.owners_approved and green


def _standing(situation: Situation) -> Iterator[str]:
    verdict, standing = situation.verdict, situation.standing
    age = duration(situation.now - standing.entered_at)
    since = f"since {moment(standing.entered_at)} ({age}), attempt {situation.state.attempt}"
    yield f"{_SIGNS[verdict.outcome]} **{verdict.outcome}**, {since}"
    if situation.stage != OFF:
        bounds = "–"
        if verdict.lower is not None and verdict.upper is not None:
            bounds = f"{percent(verdict.lower)} to {percent(verdict.upper)}"
        limit = percent(verdict.limit)
        rows: list[tuple[str, ...]] = [
            ("this stage", *_rate(verdict.stage), bounds, limit),
            ("last hour", *_rate(verdict.last_hour), "–", limit),
        ]
        rows += _beside(verdict.comparison)
        yield table(("", "error rate", "failed of requests", "likely between", "limit"), rows)
    yield "\n".join(f"- {escape(each)}" for each in (*verdict.reasons, *verdict.notes))


def _beside(comparison: Comparison | None) -> Iterator[tuple[str, ...]]:
    """The baseline, and what is more than that."""
    if comparison is None:
        return
    yield "baseline", *_rate(comparison.baseline), "–", "–"
    if comparison.increase is not None and comparison.lower is not None and comparison.upper is not None:
        bounds = f"{points(comparison.lower)} to {points(comparison.upper)}"
        yield "increase", points(comparison.increase), "–", bounds, points(comparison.tolerated)


def _rate(rate: Rate) -> tuple[str, str]:
    shown = "no requests" if rate.value is None else percent(rate.value)
    return shown, f"{count(rate.failures)} of {count(rate.requests)}"


def _why(record: RolloutRecord) -> str:
    """The decision, without the reasons that the verdict has just given."""
    verdict = record.situation.verdict if record.situation else None
    said = (*verdict.reasons, f"{verdict.outcome}: {verdict.reasons[0]}") if verdict else ()
    reasons = record.decision.reasons if record.decision else ()
    new = [f"- {escape(each)}" for each in reasons if each not in said]
    return "\n".join((f"**Decision**: {_decision(record)}", *([""] if new else []), *new))


def _steps(steps: Iterable[Step], *, dry_run: bool) -> Iterator[str]:
    for step in steps:
        text = escape(describe(step.action, step.pull))
        if step.error is not None:
            yield f"❌ **failed**: {text}: {escape(step.error)}"
        elif dry_run or step.changed:
            yield text
        if step.note is not None:
            yield f"⚠️ {escape(step.note)}"
