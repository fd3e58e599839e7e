"""Every decision answers "why?" and "why not?" as a tree with figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.rollouts import (
    BOT,
    CANARY,
    HALF,
    HOUR,
    MOST,
    NOW,
    asks,
    on_hold,
    policy,
    situation,
    standing,
    state,
    verdict,
)

from rollout_bot.core.decision.decision import Decision, decide
from rollout_bot.core.explanation.explanation import explain
from rollout_bot.core.gates.conditions import GateName, gates
from rollout_bot.core.gates.convergence import Converging
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.model.dependencies import Prerequisite
from rollout_bot.core.model.guardrails import Guardrail, Severity, Watch, Watched
from rollout_bot.core.model.policy import OFF, AnalysisRule, AnalysisSettings, Convergence, Dependency
from rollout_bot.core.model.repository import GateState, GateStatus, PullRequest, PullState
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.model.windows import Hours, Window
from rollout_bot.core.samples import Reading
from rollout_bot.core.tree import Reason, Status
from rollout_bot.core.verdict import Bet, Comparison, Forecast, Outcome, Rate

MEASURED = {
    "stage": Rate(30_000.0, 90.0),
    "last_hour": Rate(1_200.0, 4.0),
    "lower": 0.0024,
    "upper": 0.0037,
    "regression": Bet(0.04, 100),
    "health": Bet(4, 20),
    "start": NOW - 100 * HOUR,
    "end": NOW,
    "intervals": 400,
}
LATENCY = Guardrail("latency", "p99", max=0.5)


def judged(outcome: Outcome = Outcome.INCONCLUSIVE, **fields: object) -> Situation:
    return situation(verdict=replace(verdict(outcome), **(MEASURED | fields)))


def tree(found: Situation, **fields: object) -> Reason:
    return explain(found, decide(found), **fields)  # type: ignore[arg-type]


def child(reason: Reason, name: str) -> Reason:
    return next(each for each in reason.walk() if each.name == name)


def test_every_gate_appears_with_its_reason_and_what_is_in_the_way_comes_first() -> None:
    found = replace(
        judged(),
        policy=policy(guardrails=(LATENCY,), convergence=Convergence("share")),
        standing=standing(state(), entered=-2 * HOUR),
        refusal=Refusal(3, "alice", NOW - HOUR),
    )
    decision = decide(found)
    root = explain(found, decision)
    reasons = {each.name: each for each in root.children}
    assert set(reasons) >= {gate.name.value for gate in gates(found)}
    for gate in decision.gates:
        assert reasons[gate.name.value].text == gate.reason
        assert (reasons[gate.name.value].status is Status.PASSED) == gate.passed
    passed = [each.status is Status.PASSED for each in root.children if each.name in set(GateName)]
    assert passed == sorted(passed)


def test_a_gate_that_waits_for_time_says_until_when_and_how_long() -> None:
    root = tree(situation(where=standing(state(), entered=-2 * HOUR)))
    shut = child(root, "duration")
    assert (shut.status, shut.figures["opens_at"], shut.figures["to_go"]) == (
        Status.WAITING, NOW + 22 * HOUR, 22 * HOUR,
    )  # fmt: skip
    assert root.text == "hold: half 50 % waits for duration, until 2026-03-11 10:00 UTC"
    assert (root.status, root.figures["expected_at"]) == (Status.WAITING, NOW + 22 * HOUR)


def test_the_expected_moment_is_that_of_the_slowest_gate() -> None:
    waiting = standing(state(), entered=-22 * HOUR)
    soon = replace(judged(forecast=Forecast(900, HOUR)), standing=waiting)
    late = replace(judged(forecast=Forecast(9000, 9 * HOUR)), standing=waiting)
    never = replace(judged(), standing=waiting)
    assert [tree(each).figures["expected_at"] for each in (soon, late, never)] == [
        NOW + 2 * HOUR, NOW + 9 * HOUR, None,
    ]  # fmt: skip
    assert tree(late).text == "hold: half 50 % waits for duration and analysis, until about 2026-03-10 21:00 UTC"
    assert tree(never).text == "hold: half 50 % waits for duration and analysis"


def test_health_tells_how_much_more_is_needed_and_when_that_is_expected() -> None:
    health = child(tree(judged(forecast=Forecast(900, 3 * HOUR))), "health")
    assert health.status is Status.WAITING
    assert health.text == (
        "evidence for health 4 (20 needed); about 3 h more (900 requests) at this traffic: 2026-03-10 15:00 UTC"
    )
    assert dict(health.figures) == {
        "evidence": 4, "needed": 20, "more_requests": 900,
        "to_go": 3 * HOUR, "expected_at": NOW + 3 * HOUR, "since": None,
    }  # fmt: skip
    assert child(tree(judged()), "health").text.endswith("it will not get there")
    won = child(tree(judged(Outcome.HEALTHY, health=Bet(200, 20), healthy_since=NOW - HOUR)), "health")
    assert (won.status, won.figures["since"]) == (Status.PASSED, NOW - HOUR)


@pytest.mark.parametrize(
    ("outcome", "bet", "status", "told"),
    [
        (Outcome.INCONCLUSIVE, Bet(0.04, 100), Status.PASSED, "under 0.1 (100 needed)"),
        (Outcome.INCONCLUSIVE, Bet(40, 100), Status.WAITING, "health needs less than 5"),
        (Outcome.INCONCLUSIVE, Bet(400, 100), Status.WAITING, "also takes 3 failures and 2 intervals in a row"),
        (Outcome.REGRESSED, Bet(400, 100), Status.FAILED, "400 (100 needed)"),
    ],
)
def test_the_evidence_of_a_regression(outcome: Outcome, bet: Bet, status: Status, told: str) -> None:
    found = child(tree(judged(outcome, regression=bet, regressing_since=NOW - HOUR)), "regression")
    assert (found.status, found.figures["evidence"], found.figures["needed"]) == (status, bet.capital, 100)
    assert told in found.text
    assert "most of it since 2026-03-10 11:00 UTC" in found.text


def test_a_baseline_shows_the_increase_and_every_bet() -> None:
    beside = Comparison(Rate(30_000.0, 90.0), Rate(270_000.0, 540.0), 0.001, 0.001, 0.0004, 0.0016, timedelta(hours=2))
    bets = {"over": Bet(1, 100), "worse": Bet(30, 100), "under": Bet(3, 20), "odds": Bet(1, 100), "new": Bet(1, 2)}
    root = tree(judged(comparison=beside, bets=bets, regression=Bet(30, 100)))
    baseline = child(root, "baseline")
    assert baseline.text == (
        "0.2 % of 270,000 requests failed (540); the increase is 0.1 points, "
        "likely between 0.04 points and 0.16 points; tolerated: 0.1 points; nothing to compare with for 2 h"
    )
    assert (baseline.figures["baseline_error_rate"], baseline.figures["increase"]) == (0.002, 0.001)
    regression = child(root, "regression")
    assert regression.text.endswith("but of late it is not likely to be over the limit")
    assert [each.name for each in regression.children] == ["over", "worse", "odds", "new"]
    near = child(
        tree(judged(comparison=beside, bets=bets | {"odds": Bet(12, 100)}, regression=Bet(400, 100))), "regression"
    )
    assert near.status is Status.WAITING
    assert near.text.endswith("that it is over the limit of late: 12 (100 needed), 3 stand in the way of health")
    assert [each.name for each in child(root, "health").children] == ["under"]
    empty = Comparison(Rate(0.0, 0.0), Rate(0.0, 0.0), 0.001)
    assert child(tree(judged(comparison=empty)), "baseline").status is Status.UNKNOWN
    shared = tree(judged(Outcome.SHARED, comparison=beside, bets=bets))
    assert child(shared, "baseline").status is Status.WAITING


@pytest.mark.parametrize(
    ("hour", "status"),
    [(Rate(1200, 12), Status.FAILED), (Rate(1200, 1), Status.PASSED), (Rate(0, 0), Status.WAITING)],
)
def test_under_the_threshold_rule_the_last_hour_decides(hour: Rate, status: Status) -> None:
    rule = AnalysisSettings(rule=AnalysisRule.THRESHOLD)
    found = replace(judged(health=None, regression=None, last_hour=hour), policy=policy(analysis=rule))
    root = tree(found)
    assert child(root, "last hour").status is status
    assert "it decides" in child(root, "last hour").text
    assert child(root, "requests").figures["requests"] == hour.requests
    assert child(tree(judged(last_hour=hour)), "last hour").status is Status.NOTED


def test_data_that_are_missing_are_told_as_such() -> None:
    blind = situation(verdict=verdict(Outcome.UNAVAILABLE, "the server did not answer"))
    root = tree(blind)
    assert (child(root, "analysis").status, child(root, "data").status) == (Status.UNKNOWN, Status.UNKNOWN)
    assert child(root, "data").text == "nothing could be measured"
    early = tree(situation(verdict=verdict(Outcome.INCONCLUSIVE)))
    assert child(early, "data").text == "no complete interval yet"
    holes = tree(judged(gaps=2, notes=("no data from a to b",), silent=3 * HOUR, noise=2.8))
    assert "2 intervals without data" in child(holes, "data").text
    assert child(holes, "note").text == "no data from a to b"
    assert child(holes, "silence").figures["silent"] == 3 * HOUR
    assert "2.8 times" in child(holes, "noise").text


def test_too_few_requests_are_a_reason_of_their_own() -> None:
    found = child(tree(judged(stage=Rate(20.0, 0.0))), "requests")
    assert (found.status, found.figures["more"]) == (Status.WAITING, 30)


def test_a_rollback_shows_the_analysis_that_asked_for_it() -> None:
    regressed = judged(Outcome.REGRESSED, regression=Bet(400, 100))
    root = tree(regressed)
    assert (root.status, root.text) == (Status.FAILED, "roll back to off 0 %: the reason")
    assert child(root, "analysis").status is Status.FAILED


@pytest.mark.parametrize(
    ("watch", "status"),
    [
        (Watch.KEPT, Status.PASSED),
        (Watch.TOLERATED, Status.WAITING),
        (Watch.BREACHED, Status.FAILED),
        (Watch.UNKNOWN, Status.UNKNOWN),
    ],
)
def test_guardrails_are_shown_one_by_one(watch: Watch, status: Status) -> None:
    watched = Watched(LATENCY, watch, "0.9, allowed: at most 0.5", Reading(NOW - HOUR, 0.9), 2, NOW - HOUR)
    found = replace(judged(Outcome.HEALTHY), policy=policy(guardrails=(LATENCY,)), watched=(watched,))
    latency = child(tree(found), "latency")
    assert (latency.status, latency.text) == (status, "0.9, allowed: at most 0.5")
    assert (latency.figures["value"], latency.figures["max"], latency.figures["breaches"]) == (0.9, 0.5, 2)


def test_a_guardrail_that_binds_nothing_is_noted() -> None:
    trial = replace(LATENCY, severity=Severity.WARN)
    watched = Watched(trial, Watch.BREACHED, "0.9, allowed: at most 0.5")
    found = replace(judged(Outcome.HEALTHY), policy=policy(guardrails=(trial,)), watched=(watched,))
    root = tree(found)
    assert (child(root, "guardrails").status, child(root, "latency").status) == (Status.NOTED, Status.NOTED)


def test_the_fleet_that_has_not_converged_is_shown_with_what_it_enforces() -> None:
    apart = Converging(False, "the fleet enforces 3 % of 10 %", None, Reading(NOW, 3))
    found = replace(judged(), policy=policy(convergence=Convergence("share")), converging=apart)
    figures = child(tree(found), "convergence").figures
    assert (figures["percentage"], figures["observed_percentage"], figures["since"]) == (10, 3, None)
    unasked = child(tree(replace(found, converging=None)), "convergence").figures
    assert unasked["observed_percentage"] is None


def opened(**fields: object) -> PullRequest:
    known = {"owners_approved": False, "gate": GateStatus(GateState.SUCCESS, "healthy")} | fields
    at = NOW - 3 * HOUR
    return PullRequest(7, "rollout/checkout/2-half", "c0ffee", BOT, "t", "b", PullState.OPEN, at, **known)  # type: ignore[arg-type]


def test_an_approval_is_waited_for_or_given() -> None:
    healthy = judged(Outcome.HEALTHY)
    asked = child(tree(healthy), "approval")
    assert (asked.status, asked.text) == (Status.WAITING, "entering half needs the approval of a code owner")
    waits = child(tree(healthy, pull=opened()), "approval")
    assert (waits.text, waits.figures["waited"]) == ("#7 has waited 3 h for the approval of a code owner", 3 * HOUR)
    given = child(tree(healthy, pull=opened(owners_approved=True, approvers=("alice", "bob"))), "approval")
    assert (given.status, given.text) == (Status.PASSED, "#7 is approved by alice and bob; it can be merged")
    red = GateStatus(GateState.PENDING, "waits for analysis")
    shut = child(tree(healthy, pull=opened(owners_approved=True, approvers=("alice",), gate=red)), "approval")
    assert shut.text == "#7 is approved by alice, but its gate is shut: waits for analysis"
    free = child(tree(situation(state(HALF, generation=2))), "approval")
    assert (free.status, free.text) == (Status.PASSED, "the approval of a code owner for most is not asked for")


def test_what_somebody_has_to_look_at_fails() -> None:
    silent = replace(judged(silent=timedelta(days=2)))
    root = tree(silent)
    assert root.status is Status.FAILED
    assert "does canary still serve?" in child(root, "call").text
    stuck = replace(silent, standing=standing(state(), rollbacks=3, rolled_back_at=NOW - 90 * HOUR))
    attempts = child(tree(stuck), "attempts")
    assert (attempts.status, attempts.figures["rollbacks"], attempts.figures["most"]) == (Status.FAILED, 3, 3)
    assert attempts.figures["rolled_back_at"] == NOW - 90 * HOUR


def test_every_other_decision_has_its_sentence() -> None:
    held = situation(on_hold(state()))
    assert tree(held).text == "hold: half 50 % waits for hold"
    done = situation(state(MOST, generation=3))
    assert (tree(done).status, tree(done).text[:24]) == (Status.PASSED, "complete: most (75 %) is")
    switched_off = replace(judged(Outcome.REGRESSED), policy=policy(rollback_on_error=False))
    assert tree(switched_off).status is Status.FAILED
    refused = explain(judged(Outcome.REGRESSED), decide(judged(Outcome.REGRESSED), asks(ChangeKind.ADVANCE)))
    assert refused.text == "refused: canary has regressed: the reason"
    asked = explain(judged(), decide(judged(), asks(ChangeKind.HOLD)))
    assert asked.text.startswith("hold: held by")
    off = situation(where=standing(state(OFF, attempt=2, generation=2), rolled_back_at=NOW - HOUR, rollbacks=1))
    assert {each.name for each in tree(off).walk()} >= {"cooldown", "last change"}
    assert "analysis" not in {each.name for each in tree(off).walk()}
    bare = Decision(decide(held).action, ("because",), gates=gates(off))
    assert child(explain(off, bare), "analysis").children == ()


def test_the_last_change_brings_the_evidence_of_then() -> None:
    last = child(tree(judged()), "last change")
    assert last.text == f"start by init: {state().change.reason}"
    assert last.figures["entered_at"] == NOW - 100 * HOUR
    assert last.status is Status.NOTED


def test_other_rollouts_are_shown_one_by_one() -> None:
    needed = (Dependency("search", "half"), Dependency("basket", "full"), Dependency("login", "full"))
    known = (
        Prerequisite(True, "search stands at half"),
        Prerequisite(False, "waits for basket"),
        Prerequisite(False, "login is gone", wrong=True),
    )
    found = replace(judged(), policy=policy(after=needed), prerequisites=known)
    after = child(tree(found), "after")
    assert [(each.name, each.status) for each in after.children] == [
        ("search@half", Status.PASSED), ("basket@full", Status.WAITING), ("login@full", Status.FAILED),
    ]  # fmt: skip


def test_a_window_and_the_moment_of_a_call_are_figures() -> None:
    window = Window("Europe/Berlin", ZoneInfo("Europe/Berlin"), frozenset({0}), (Hours(time(9), time(12)),))
    root = tree(replace(judged(Outcome.HEALTHY), policy=policy(window=window)))
    assert child(root, "window").figures["zone"] == "Europe/Berlin"
    assert child(root, "window").figures["opens_at"] > NOW
    assert child(root, "duration").figures["called_at"] == NOW - 100 * HOUR + CANARY.patience
    unknown = replace(judged(), policy=policy(convergence=Convergence("share")))
    assert child(tree(unknown), "duration").figures["in_stage"] is None


def test_the_baseline_has_its_bounds_only_where_they_are_known() -> None:
    bare = Comparison(Rate(30_000.0, 90.0), Rate(270_000.0, 540.0), 0.001, 0.001)
    assert child(tree(judged(comparison=bare)), "baseline").text.endswith(
        "increase is 0.1 points; tolerated: 0.1 points"
    )


def test_rollbacks_for_guardrails_name_them() -> None:
    broken = Watched(LATENCY, Watch.BREACHED, "0.9, allowed: at most 0.5", Reading(NOW, 0.9), 2, NOW - HOUR)
    root = tree(replace(judged(Outcome.HEALTHY), policy=policy(guardrails=(LATENCY,)), watched=(broken,)))
    assert root.text.startswith("roll back to off")
    assert child(root, "guardrails").text == "latency breached"
