"""What a page of the site shows of one rollout, in words: pages only lay it out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.gates.conditions import Gate
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.links import Links
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import Stage
from rollout_bot.core.model.repository import PullState, is_name
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Outcome, Verdict
from rollout_bot.core.wording import duration, moment, one_line
from rollout_bot.report.annotations import needs_attention
from rollout_bot.report.sentences import evidence_sentences, transition_title
from rollout_bot.report.site.chart import Chart, chart
from rollout_bot.report.terminal import next_step

_TONES = {Outcome.HEALTHY: ("good", "✓"), Outcome.REGRESSED: ("bad", "✗"), Outcome.INCONCLUSIVE: ("wait", "…")}
_DOUBT = ("wait", "!")


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage of the ladder. `when` is passed, current or ahead; `words` say since when, or until."""

    stage: Stage
    when: str
    words: str


@dataclass(frozen=True, slots=True)
class Pull:
    number: int
    url: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """One transition of the timeline; `evidence` is a sentence, empty where none was frozen."""

    kind: str
    title: str
    at: datetime
    by: str
    reason: str
    evidence: str
    approvers: str
    pull: int | None
    pull_url: str | None


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A page. Everything that needs a situation is empty where the rollout cannot be evaluated."""

    name: str
    place: str
    tone: str
    sign: str
    verdict: str
    headline: str
    next: str
    attention: bool
    problems: tuple[str, ...]
    timeline: tuple[Event, ...]
    situation: Situation | None = None
    verdict_data: Verdict | None = None
    decision: str = ""
    above: Stage | None = None
    ladder: tuple[Rung, ...] = ()
    gates: tuple[Gate, ...] = ()
    trace: tuple[Point, ...] = ()
    chart: Chart | None = None
    pull: Pull | None = None
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One line of the overview; `percentage` is −1 where the state is unknown, `rate` a fraction.

    `page` says whether it leads to a page: a folder that cannot name a rollout has none.
    """

    name: str
    page: bool
    stage: str
    percentage: int
    tone: str
    sign: str
    verdict: str
    rate: float | None
    since: datetime | None
    next: str
    attention: bool


def view(record: RolloutRecord, changes: Sequence[Transition], links: Links) -> RolloutView:
    """What is known of a rollout, whether or not it can be evaluated."""
    timeline = tuple(_event(each, links) for each in changes)
    problems = tuple(map(one_line, (*record.problems, *record.notes)))
    situation, decision = record.situation, record.decision
    if situation is None or decision is None:
        headline = "Nothing is touched until that is mended."
        return RolloutView(
            record.rollout, "unknown", *_DOUBT, "cannot be evaluated", headline, "", True, problems, timeline
        )
    verdict = situation.verdict
    tone, sign = _TONES.get(verdict.outcome, _DOUBT)
    pull = record.pull
    return RolloutView(
        name=record.rollout,
        place=f"{situation.stage.name} {situation.stage.percentage} %",
        tone=tone,
        sign=sign,
        verdict=verdict.outcome.value,
        headline=f"{verdict.reasons[0]}.",
        next=_next(record),
        attention=needs_attention(record),
        problems=problems,
        timeline=timeline,
        situation=situation,
        verdict_data=verdict,
        decision=decision.reasons[0],
        above=situation.policy.above(situation.stage),
        ladder=tuple(_ladder(situation)),
        gates=decision.gates,
        trace=situation.trace,
        chart=chart(situation.trace, verdict.limit),
        pull=Pull(pull.number, links.pull(pull.number)) if pull is not None else None,
        links=tuple(situation.policy.links.items()),
    )


def overview_row(each: RolloutView) -> OverviewRow:
    situation = each.situation
    return OverviewRow(
        name=each.name,
        page=is_name(each.name),
        stage=situation.stage.name if situation else "unknown",
        percentage=situation.stage.percentage if situation else -1,
        tone=each.tone,
        sign=each.sign,
        verdict=each.verdict,
        rate=situation.verdict.stage.value if situation else None,
        since=situation.standing.entered_at if situation else None,
        next=each.next or each.headline,
        attention=each.attention,
    )


def _next(record: RolloutRecord) -> str:
    """As in a terminal, but for commands that are for a forge on one's own machine."""
    pull, decision = record.pull, record.decision
    if pull is not None and pull.state is PullState.OPEN and record.waits_for_owner:
        return f"#{pull.number} has waited for the approval of a code owner since {moment(pull.opened_at)}"
    if pull is None and decision is not None and decision.action is DecisionAction.ADVANCE and decision.to:
        return f"the next tick proposes {decision.to.name} {decision.to.percentage} %"
    return next_step(record)


def _ladder(situation: Situation) -> Iterator[Rung]:
    ladder = situation.policy.ladder
    here = ladder.index(situation.stage)
    for index, stage in enumerate(ladder):
        # Nobody needs to be told that everything begins at 0 %.
        if index == 0 and here > 0:
            continue
        if index == here:
            entered = situation.standing.entered_at
            yield Rung(stage, "current", f"since {moment(entered)} ({duration(situation.now - entered)})")
        else:
            when = "passed" if index < here else "ahead"
            yield Rung(stage, when, "next" if index == here + 1 else when)


def _event(change: Transition, links: Links) -> Event:
    state = change.state
    return Event(
        kind=state.change.kind.value,
        title=transition_title(state),
        at=change.at,
        by=one_line(state.change.by),
        reason=one_line(state.change.reason),
        evidence=" ".join(evidence_sentences(state.evidence)),
        approvers=", ".join(map(one_line, change.approvers)),
        pull=change.pull,
        pull_url=links.pull(change.pull) if change.pull is not None else None,
    )
