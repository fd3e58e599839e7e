"""The texts that are the product: what a tick prints and what a reviewer reads, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.repositories import START
from support.rollouts import BOT, HALF, HOUR, NOW, asks, on_hold, policy, situation, standing, state, verdict

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.decision.actions import (
    ClosePull,
    DeleteBranch,
    FinishPull,
    MergePull,
    OpenPull,
    SetGate,
    UpdatePull,
)
from rollout_bot.core.decision.decision import Decision, Request, decide
from rollout_bot.core.decision.plan import PullText
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.links import Links
from rollout_bot.core.model.approved import missing
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState, GateStatus, PullRequest, PullState
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.model.windows import Hours, Window
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.verdict import Bet, Comparison, Forecast, Outcome, Rate, Verdict
from rollout_bot.report.pull_request import commit_message, pull_text
from rollout_bot.report.terminal import status_text, tick_text

Golden = Callable[[str, str], None]
QUARTER = timedelta(minutes=15)


def measured(outcome: Outcome, *reasons: str, failures: float = 12, **fields: object) -> Verdict:
    """30,000 requests in the 100 h of the stage."""
    rate, hour = Rate(30_000.0, failures), Rate(1_200.0, failures / 25)
    shown: dict[str, object] = {
        "lower": failures / 45_000,
        "upper": failures / 18_000,
        "regression": Bet(0.04, 100),
        "health": Bet(200, 20),
        "start": NOW - 100 * HOUR,
        "end": NOW,
        "intervals": 400,
    }
    return Verdict(outcome, reasons, 0.005, rate, hour, **(shown | fields))  # type: ignore[arg-type]


HEALTHY = measured(
    Outcome.HEALTHY,
    "0.04 % of 30,000 requests failed (12), within the limit of 0.5 %",
    "evidence for health 200 (20 needed), evidence for a regression under 0.1 (100 needed)",
)
REGRESSED = measured(
    Outcome.REGRESSED,
    "3.1 % of 17,000 requests failed (527) since 2026-03-10 11:30 UTC, over the limit of 0.5 %",
    "evidence for a regression over 1,000,000 (100 needed)",
    failures=532,
    regressing_since=NOW - 2 * QUARTER,
)
UNSURE = measured(
    Outcome.INCONCLUSIVE,
    "0.3 % of 30,000 requests failed (90), within the limit of 0.5 %",
    "evidence for health 4 (20 needed); at this traffic about 3 h more (900 requests)",
    failures=90,
    health=Bet(4, 20),
    forecast=Forecast(900, 3 * HOUR),
    notes=("no data from 2026-03-10 09:00 UTC to 2026-03-10 09:15 UTC (the server did not answer)",),
)
BLIND = Verdict(Outcome.UNAVAILABLE, ("the server did not answer within 30 s",), 0.005)
BESIDE = Comparison(Rate(30_000.0, 12), Rate(270_000.0, 110), 0.001, -0.0000074, -0.0002, 0.00031)
WORSE = Comparison(Rate(30_000.0, 532), Rate(270_000.0, 110), 0.001, 0.01733, 0.0159, 0.0189)
APART = Comparison(Rate(0.0, 0.0), Rate(0.0, 0.0), 0.001)
QUERIES = {"total": 'checkout_total{cohort="enforced"}', "failed": 'checkout_failed_total{cohort="enforced"}'}
MEASURED_BY = {"source": "prometheus", "queries": QUERIES}
LINKS = {"Prometheus": "https://prometheus.example/", "Runbook": "https://wiki.example/checkout (rollout)"}


def drawn(*failures: float | None) -> tuple[Point, ...]:
    """Spans of two hours up to now, of 1,000 requests each; None could not be measured."""
    spans = range(-len(failures), 0)
    found = [None if each is None else Rate(1_000.0, each) for each in failures]
    return tuple(
        Point(NOW + span * 2 * HOUR, NOW + (span + 1) * 2 * HOUR, here, None, 0.0002, 0.0011)
        for span, here in zip(spans, found, strict=True)
    )


def owned() -> Situation:
    return situation(verdict=HEALTHY, **MEASURED_BY)


def unowned() -> Situation:
    return situation(state(HALF, generation=2), verdict=HEALTHY, **MEASURED_BY)


def bad(**rules: object) -> Situation:
    return situation(state(HALF, generation=2), verdict=REGRESSED, rules=policy(**rules), **MEASURED_BY)


def compared(here: Situation, beside: Comparison) -> Situation:
    return replace(here, verdict=replace(here.verdict, comparison=beside))


def unsure() -> Situation:
    return situation(where=standing(state(), entered=-2 * HOUR), verdict=UNSURE, **MEASURED_BY)


def off() -> Situation:
    fallen = standing(state(OFF, attempt=2, generation=2), rolled_back_at=NOW - 30 * HOUR, rollbacks=1)
    nothing = Verdict(Outcome.INCONCLUSIVE, ("at 0 % there is nothing to measure",), 1.0)
    return situation(where=fallen, verdict=nothing)


OFFICE = Window("Europe/Berlin", ZoneInfo("Europe/Berlin"), frozenset({0, 1, 2, 3}), (Hours(time(9), time(12)),))

PULLS: dict[str, tuple[Situation, Request | None]] = {
    "advance": (unowned(), None),
    "advance-with-approval": (owned(), None),
    "advance-in-a-window": (
        replace(owned(), policy=policy(window=replace(OFFICE, hours=(Hours(time(9), time(17)),)))),
        None,
    ),
    "advance-merged-on-approval": (replace(owned(), policy=policy(merge_on_approval=True)), None),
    "advance-without-rollback": (replace(owned(), policy=policy(rollback_on_error=False)), None),
    "advance-with-override": (unsure(), asks(ChangeKind.ADVANCE)),
    "advance-asked-for": (owned(), asks(ChangeKind.ADVANCE)),
    "advance-from-off": (off(), None),
    "rollback": (bad(), None),
    "rollback-once-too-often": (bad(max_rollbacks=1), None),
    "rollback-again": (replace(bad(), standing=replace(bad().standing, rollbacks=1)), None),
    "rollback-asked-for": (unowned(), asks(ChangeKind.ROLL_BACK, "off")),
    "rollback-blind": (replace(unowned(), verdict=BLIND), asks(ChangeKind.ROLL_BACK)),
    "advance-with-baseline": (compared(owned(), BESIDE), None),
    "rollback-with-baseline": (compared(bad(), WORSE), None),
    "advance-with-chart": (replace(owned(), trace=drawn(*[1, 0, 2, 0] * 10, None, 1, 0)), None),
    "advance-with-links": (replace(owned(), policy=policy(links=LINKS)), None),
    "rollback-with-chart": (replace(bad(), trace=drawn(1, 0, 2, 0, 1, 31)), None),
    "hold": (owned(), asks(ChangeKind.HOLD)),
    "resume": (situation(on_hold(state()), verdict=HEALTHY), asks(ChangeKind.RESUME)),
}


def text_of(here: Situation, request: Request | None) -> tuple[PullText, str]:
    decision = decide(here, request)
    assert decision.proposal is not None
    run = "https://github.com/acme/shop/actions/runs/17" if here.policy.links else None
    return pull_text(here, decision, Links(run=run)), commit_message(decision.proposal)


@pytest.mark.parametrize("kind", PULLS)
def test_a_pull_request_reads_as_agreed(kind: str, golden: Golden) -> None:
    text, message = text_of(*PULLS[kind])
    golden(f"pull-{kind}.md", f"# {text.title}\n\n{text.body}\n## Commit message\n\n{message}\n")
    assert text.body.endswith(f"{text.facts}\n")


@pytest.mark.parametrize("kind", PULLS)
def test_its_facts_stay_while_only_figures_move(kind: str) -> None:
    here, request = PULLS[kind]
    later = replace(here, now=here.now + QUARTER, verdict=replace(here.verdict, intervals=401, end=NOW + QUARTER))
    assert text_of(later, request)[0].facts == text_of(here, request)[0].facts


def test_a_decision_without_a_proposal_has_no_text() -> None:
    here = situation(outcome=Outcome.INCONCLUSIVE)
    with pytest.raises(ValueError, match="without a proposal"):
        pull_text(here, decide(here))


def pull(here: Situation, **fields: object) -> PullRequest:
    green = GateStatus(GateState.SUCCESS, "checkout: canary → half: canary is healthy")
    title = pull_text(here, decide(here)).title if decide(here).proposal else "checkout: canary 10 % → half 50 %"
    known = {"number": 3, "branch": "rollout/checkout/2-half", "head": "c0ffee", "author": BOT, "title": title}
    known |= {"body": "", "state": PullState.OPEN, "opened_at": NOW - HOUR, "owners_approved": False, "gate": green}
    return PullRequest(**(known | fields))  # type: ignore[arg-type]


OPEN = OpenPull("rollout/checkout/2-half", "base", {}, "checkout: canary 10 % → half 50 %", "body")
GATE = SetGate("rollout/checkout/2-half", None, GateStatus(GateState.SUCCESS, "checkout: canary → half: healthy"))
MERGE = MergePull("rollout/checkout/2-half", None, "checkout: canary 10 % → half 50 %", "message")


def record(here: Situation, request: Request | None = None, **fields: object) -> RolloutRecord:
    return RolloutRecord(here.policy.rollout, here, decide(here, request), **fields)  # type: ignore[arg-type]


def done(*actions: object, changed: bool | None = True) -> tuple[Step, ...]:
    return tuple(Step(action, changed, 3) for action in actions)  # type: ignore[arg-type]


def _refused() -> Situation:
    return replace(owned(), refusal=Refusal(3, "alice", NOW - HOUR))


def stuck() -> Situation:
    where = standing(state(HALF, generation=2), entered=-140 * HOUR)
    return situation(where=where, verdict=replace(UNSURE, forecast=None, silent=26 * HOUR), **MEASURED_BY)


def doubted() -> Situation:
    """In half, which nobody has approved."""
    here = state(HALF, generation=2)
    return situation(here, verdict=HEALTHY, doubts=(missing(here, 1),))


RED = GateStatus(GateState.PENDING, "checkout: canary → half: waits for analysis")
TICKS: dict[str, TickRecord] = {
    "opens": TickRecord(NOW, 0, (record(owned(), steps=done(OPEN, GATE), pull=pull(owned(), opened_at=NOW)),)),
    "waits-for-owner": TickRecord(NOW, 0, (record(owned(), pull=pull(owned())),)),
    "approved": TickRecord(NOW, 0, (record(owned(), pull=pull(owned(), owners_approved=True)),)),
    "gate-shut": TickRecord(NOW, 0, (record(unsure(), steps=done(GATE), pull=pull(unsure(), gate=RED)),)),
    "merges": TickRecord(NOW, 0, (record(unowned(), steps=done(OPEN, GATE, MERGE)),)),
    "rolls-back": TickRecord(NOW, 0, (record(bad(), steps=done(OPEN, GATE, MERGE, ClosePull(2, "Superseded."))),)),
    "regressed-switched-off": TickRecord(NOW, 0, (record(bad(rollback_on_error=False)),)),
    "unsure": TickRecord(NOW, 0, (record(unsure()),)),
    "blind": TickRecord(NOW, 0, (record(replace(owned(), verdict=BLIND), problems=BLIND.reasons),)),
    "held": TickRecord(NOW, 0, (record(situation(on_hold(state()), verdict=HEALTHY)),)),
    "hold-asked-for": TickRecord(NOW, 0, (record(owned(), asks(ChangeKind.HOLD), steps=done(OPEN, GATE, MERGE)),)),
    "resume-asked-for": TickRecord(
        NOW, 0, (record(situation(on_hold(state())), asks(ChangeKind.RESUME), steps=done(OPEN, GATE, MERGE)),)
    ),
    "refused-request": TickRecord(NOW, 0, (record(bad(), asks(ChangeKind.ADVANCE)),)),
    "refused-by-owner": TickRecord(NOW, 0, (record(_refused()),)),
    "finished-before": TickRecord(
        NOW, 0, (record(_refused(), steps=done(UpdatePull(3, "t", "b"), MERGE), notes=("a note",)),)
    ),
    "fails": TickRecord(NOW, 0, (record(owned(), steps=(*done(OPEN), Step(GATE, error="the disk is full"))),)),
    "dry-run": TickRecord(NOW, 0, (record(owned(), steps=done(OPEN, GATE, changed=None)),), dry_run=True),
    "broken": TickRecord(NOW, 0, (RolloutRecord("checkout", problems=("state.yaml is missing", "so is policy.yaml")),)),
    "complete": TickRecord(NOW, 0, (record(situation(state(policy().stages[-1], generation=3), verdict=HEALTHY)),)),
    "waits-for-time": TickRecord(
        NOW, 0, (record(situation(where=standing(state(), entered=-2 * HOUR), verdict=HEALTHY)),)
    ),
    "off": TickRecord(NOW, 0, (record(replace(off(), standing=replace(off().standing, rolled_back_at=NOW - HOUR))),)),
    "stuck": TickRecord(NOW, 0, (record(stuck()),)),
    "doubted": TickRecord(NOW, 0, (record(doubted(), problems=doubted().doubts),)),
    "outside-of-the-window": TickRecord(NOW, 0, (record(replace(owned(), policy=policy(window=OFFICE))),)),
    "with-baseline": TickRecord(NOW, 0, (record(compared(bad(), WORSE)),)),
    "without-its-baseline": TickRecord(NOW, 0, (record(compared(unsure(), APART)),)),
    "other-pulls": TickRecord(NOW, 0, (record(owned()),), gates=done(GATE)),
    "finishes": TickRecord(
        NOW,
        4,
        (
            record(
                owned(),
                steps=(
                    Step(FinishPull(3, ("rollout",), ("@alice", "@org/team")), True, 3, note="cannot label #3: no"),
                    *done(DeleteBranch("rollout/checkout/1-canary", "c0ffee")),
                ),
                pull=pull(owned()),
            ),
        ),
    ),
    "asks": TickRecord(
        NOW, 0, (record(owned(), steps=done(replace(OPEN, reviewers=("@alice",))), pull=pull(owned())),)
    ),
    "nothing": TickRecord(NOW, 0, ()),
}


@pytest.mark.parametrize("kind", TICKS)
def test_a_tick_reads_as_agreed(kind: str, golden: Golden) -> None:
    golden(f"tick-{kind}.txt", tick_text(TICKS[kind], width=160))


@pytest.mark.parametrize(
    "kind", ["waits-for-owner", "unsure", "stuck", "doubted", "blind", "broken", "off", "complete", "nothing"]
)
def test_a_status_reads_as_agreed(kind: str, golden: Golden) -> None:
    golden(f"status-{kind}.txt", status_text(TICKS[kind], width=160))


def test_only_a_terminal_gets_colour() -> None:
    assert "\x1b[" in tick_text(TICKS["rolls-back"], color=True)
    assert "\x1b" not in tick_text(TICKS["rolls-back"], width=80)


def test_two_rollouts_are_two_blocks() -> None:
    both = replace(TICKS["unsure"], rollouts=TICKS["unsure"].rollouts * 2)
    assert tick_text(both).count("\n\n") == 1


def test_texts_from_outside_cannot_steer_a_terminal() -> None:
    hostile = replace(owned(), verdict=verdict(reason="\x1b[2J\u202egood\nnews"))
    text = tick_text(
        TickRecord(START, 0, (RolloutRecord("checkout", hostile, Decision(decide(hostile).action, ("x",))),))
    )
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "good news" in text


def test_long_lines_are_broken_under_their_beginning() -> None:
    lines = tick_text(TICKS["refused-by-owner"], width=60).splitlines()
    assert max(map(len, lines)) <= 60
    why = next(index for index, line in enumerate(lines) if line.startswith("why"))
    assert lines[why + 1].startswith(" " * 10)
    painted = tick_text(TICKS["refused-by-owner"], width=60, color=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", painted).splitlines() == lines
