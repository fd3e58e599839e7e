"""The text of the bot's pull requests: what a reviewer reads before deciding in a minute."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from urllib.parse import quote

from rollout_bot.core.decision.decision import Decision, Proposal
from rollout_bot.core.decision.impact import impact
from rollout_bot.core.decision.plan import PullText
from rollout_bot.core.gates.conditions import GateName
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.links import NOWHERE, Links
from rollout_bot.core.model.policy import OFF, Stage
from rollout_bot.core.model.state import Approval, ChangeKind, State
from rollout_bot.core.verdict import Comparison, Outcome, Verdict
from rollout_bot.core.wording import amount, count, duration, moment, percent, points
from rollout_bot.report.gate_table import gate_parts
from rollout_bot.report.markdown import code, escape, link, plain, table
from rollout_bot.report.mermaid import MOST, rate_chart
from rollout_bot.report.sentences import evidence_sentences
from rollout_bot.report.watched import watch_parts

_GRAPHS = "Prometheus"
"""The word of a policy's link that leads to a server on which its queries can be drawn."""


def pull_text(situation: Situation, decision: Decision, links: Links = NOWHERE) -> PullText:
    """Title and body for the decision's proposal. Everything from outside is escaped."""
    proposal = decision.proposal
    if proposal is None:
        raise ValueError("a decision without a proposal has no pull request")
    facts = _facts(situation, decision, proposal)
    body = "\n\n".join(part for part in (*_body(situation, decision, proposal, links), facts) if part)
    return PullText(plain(_title(situation, proposal)), body + "\n", facts)


def commit_message(proposal: Proposal) -> str:
    """The body of the merge's commit message: why, on which figures, and who asked."""
    change = proposal.state.change
    lines = [plain(change.reason)]
    lines += evidence_sentences(proposal.state.evidence)
    override = proposal.approval.override if proposal.approval else None
    if override is not None:
        lines.append(f"Passes over: {', '.join(plain(gate) for gate in override.gates)}.")
    lines.append(f"Proposed-by: {plain(change.by)}")
    return "\n\n".join(lines)


def _title(situation: Situation, proposal: Proposal) -> str:
    after, now = proposal.state, situation.stage
    here, there = f"{now.name} {now.percentage} %", f"{after.stage} {after.percentage} %"
    match after.change.kind:
        case ChangeKind.ADVANCE:
            return f"{after.rollout}: {here} → {there}"
        case ChangeKind.ROLL_BACK:
            return f"{after.rollout}: roll back {here} → {there}"
        case kind:
            return f"{after.rollout}: {kind.value} at {here}"


def _body(situation: Situation, decision: Decision, proposal: Proposal, links: Links) -> Iterator[str]:
    kind = proposal.state.change.kind
    yield f"**{_headline(situation, proposal)}**"
    if kind in (ChangeKind.HOLD, ChangeKind.RESUME):
        yield _pause(situation, kind)
        yield _further(situation, links)
        return
    if kind is ChangeKind.ROLL_BACK:
        yield _after_rollback(situation, proposal.state)
    if situation.stage != OFF:
        yield _evidence(situation.verdict, skip=kind is ChangeKind.ADVANCE and not _asked(situation, proposal))
    yield from watch_parts(situation)
    if kind is ChangeKind.ADVANCE:
        yield from _advance(situation, decision, proposal)
        yield rate_chart(situation.trace, situation.verdict.limit)
    else:
        # Of a stage that lasted for days, the end is what tells.
        yield rate_chart(situation.trace[-MOST:], situation.verdict.limit)
    yield _queries(situation)
    yield _further(situation, links)


def _asked(situation: Situation, proposal: Proposal) -> bool:
    """Whether a human asked for it."""
    return proposal.state.change.by != situation.actor


def _headline(situation: Situation, proposal: Proposal) -> str:
    change, verdict, stage = proposal.state.change, situation.verdict, situation.stage
    here = f"{escape(stage.name)} ({stage.percentage} %)"
    if _asked(situation, proposal):
        there = f"{escape(proposal.state.stage)} ({proposal.state.percentage} %)"
        what = f"from {here} to {there}" if proposal.state.stage != stage.name else f"at {here}"
        kind = change.kind.value.replace("_", " ")
        return f"{escape(change.by)} asks to {kind} {what}: {escape(change.reason)}"
    if change.kind is ChangeKind.ROLL_BACK and verdict.outcome is Outcome.REGRESSED:
        since = f" since {moment(verdict.regressing_since)}" if verdict.regressing_since else ""
        down = f"{escape(proposal.state.stage)} ({proposal.state.percentage} %)"
        return f"{here} has regressed{since}{_cost(situation)}; it goes back to {down}"
    if change.kind is ChangeKind.ROLL_BACK and situation.alarms:
        return f"{here} breaks {escape(situation.alarms[0])}"
    if stage == OFF:
        return escape(change.reason[:1].upper() + change.reason[1:])
    return f"{here} is {verdict.outcome}: {escape(verdict.reasons[0])}"


def _cost(situation: Situation) -> str:
    found = impact(situation)
    return f": {amount(round(found.excess), 'failed request')} more {found.yardstick}" if found.excess >= 1 else ""


def _pause(situation: Situation, kind: ChangeKind) -> str:
    name = situation.policy.rollout
    if kind is ChangeKind.RESUME:
        return "It advances again once every gate is open. The count of its rollbacks starts anew."
    guard = "A regression is still rolled back." if situation.policy.rollback_on_error else ""
    return f"It does not advance until somebody lifts the hold: `rollout-bot resume {name} --reason …`. {guard}".strip()


def _evidence(verdict: Verdict, *, skip: bool) -> str:
    """The figures, and the reasons; `skip` leaves out the first of them, where the headline has said it."""
    stage, hour = verdict.stage, verdict.last_hour
    if verdict.outcome is Outcome.UNAVAILABLE and stage.value is None:
        return f"Nothing could be measured: {escape('; '.join(verdict.reasons))}."
    bounds = "–"
    if verdict.lower is not None and verdict.upper is not None:
        bounds = f"{percent(verdict.lower)} to {percent(verdict.upper)}"
    rows: list[tuple[str, ...]] = [
        ("this stage", _rate(stage.value), bounds, percent(verdict.limit), _of(stage.failures, stage.requests)),
        ("last hour", _rate(hour.value), "–", percent(verdict.limit), _of(hour.failures, hour.requests)),
    ]
    rows += _beside(verdict.comparison)
    figures = table(("", "error rate", "likely between", "limit", "failed of requests"), rows)
    remarks = [f"- {escape(each)}" for each in (*verdict.reasons[skip:], *verdict.notes)]
    return "\n\n".join((figures, "\n".join(remarks))).strip()


def _beside(comparison: Comparison | None) -> Iterator[tuple[str, ...]]:
    """The baseline, and what is more than that."""
    if comparison is None:
        return
    baseline = comparison.baseline
    yield "baseline", _rate(baseline.value), "–", "–", _of(baseline.failures, baseline.requests)
    if comparison.increase is not None and comparison.lower is not None and comparison.upper is not None:
        bounds = f"{points(comparison.lower)} to {points(comparison.upper)}"
        yield "increase", points(comparison.increase), bounds, points(comparison.tolerated), "–"


def _rate(value: float | None) -> str:
    return "no requests" if value is None else percent(value)


def _of(failures: float, requests: float) -> str:
    return f"{count(failures)} of {count(requests)}"


def _advance(situation: Situation, decision: Decision, proposal: Proposal) -> Iterator[str]:
    to = situation.policy.stage(proposal.state.stage)
    override = proposal.approval.override if proposal.approval else None
    yield from gate_parts(situation, decision.gates)
    if override is not None:
        gates = ", ".join(escape(gate) for gate in override.gates)
        yield f"⚠️ **Whoever approves this passes over: {gates}.** Approval and reason stay on record."
    if to is not None:
        yield _consequences(situation, to, proposal.approval)


def _consequences(situation: Situation, to: Stage, approval: Approval | None) -> str:
    name, here = situation.policy.rollout, situation.stage
    then = "the bot merges it then" if situation.policy.merge_on_approval else "then anybody can merge it"
    merging = f"A code owner approves; {then}." if approval else "The bot merges it; nobody needs to approve."
    before, after = f"{escape(here.name)} ({here.percentage} %)", f"{escape(to.name)} ({to.percentage} %)"
    limit = percent(to.max_error_rate)
    last = situation.policy.above(to) is None
    stay = "it stays watched" if last else f"it stays there for at least {duration(to.duration)}"
    worse = f"if more than {limit} of requests are shown to fail, "
    worse += (
        "it is rolled back" if situation.policy.rollback_on_error else "people are called (rollback_on_error is off)"
    )
    passed_over = approval.passes_over if approval else frozenset()
    green = "has not regressed" if GateName.ANALYSIS.value in passed_over else "is healthy"
    if situation.watched and GateName.GUARDRAILS.value not in passed_over:
        green += " and keeps its guardrails"
    if situation.policy.window is not None and GateName.WINDOW.value not in passed_over:
        green += ", and only inside the window"
    hold, rollback = f"`rollout-bot hold {name} --reason …`", f"`rollout-bot rollback {name} --reason …`"
    lines = (
        f"**Merging** moves {escape(name)} from {before} to {after} with the next deployment. {merging}",
        f"**Afterwards** {stay}; {worse}.",
        *(
            []
            if here == OFF
            else [f"**What stops it**: `rollout/gate` is green only while {escape(here.name)} {green}."]
        ),
        f"**To say no**, close this pull request. To wait: {hold}. To go back later: {rollback}.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _after_rollback(situation: Situation, after: State) -> str:
    policy, tries = situation.policy, situation.standing.rollbacks + 1
    share = f"{after.percentage} % instead of {situation.stage.percentage} %"
    again = f"another try waits {duration(policy.cooldown_after(tries))} and needs new approvals."
    if tries >= policy.max_rollbacks:
        resume = f"`rollout-bot resume {after.rollout} --reason …`"
        again = f"rolled back {amount(tries, 'time')}: only a human lets it try again, with {resume}."
    return f"- **With the next deployment**: {share}. Nobody needs to approve.\n- **Afterwards**: {again}"


def _queries(situation: Situation) -> str:
    verdict = situation.verdict
    if verdict.start is None or verdict.end is None:
        return ""
    span = f"{moment(verdict.start)} to {moment(verdict.end)}, {amount(verdict.intervals, 'interval')}"
    server = situation.policy.links.get(_GRAPHS)
    lines = [f"- {escape(name)}: {code(query)}{_graph(server, query)}" for name, query in situation.queries.items()]
    # Inside of HTML nothing of Markdown counts.
    summary = f"Measured by {html.escape(situation.source)}, {span}"
    return "\n".join((f"<details><summary>{summary}</summary>", "", *lines, "", "</details>"))


def _graph(server: str | None, query: str) -> str:
    if server is None:
        return ""
    address = f"{server.rstrip('/')}/graph?g0.expr={quote(query, safe='')}&g0.tab=0&g0.range_input=1d"
    return f" ({link('graph', address)})"


def _further(situation: Situation, links: Links) -> str:
    """Where to look further: the policy's own links, and the log of the run that wrote this."""
    found = [link(words, address) for words, address in situation.policy.links.items()]
    if links.run is not None:
        found.append(link("the run that wrote this", links.run))
    return " · ".join(found)


def _facts(situation: Situation, decision: Decision, proposal: Proposal) -> str:
    """For programs, and to see whether the body has to be replaced: no figure in it changes with every tick."""
    rate = situation.verdict.stage.value
    facts = {
        "rollout": proposal.state.rollout,
        "from": situation.stage.name,
        "to": proposal.state.stage,
        "attempt": proposal.state.attempt,
        "generation": proposal.state.generation,
        "outcome": situation.verdict.outcome.value,
        "error_rate": None if rate is None else float(f"{rate:.2g}"),
        "limit": situation.verdict.limit,
        "shut": [gate.name.value for gate in decision.waits],
    }
    if proposal.approval is not None and proposal.approval.passes_over:
        facts["passes_over"] = sorted(proposal.approval.passes_over)
    if situation.watched:
        facts["guardrails"] = {each.guardrail.name: each.watch.value for each in situation.watched}
    return f"<!-- rollout-bot: {json.dumps(facts, sort_keys=True)} -->"
