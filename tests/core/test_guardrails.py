"""Guardrails: when a value is broken for good, when nobody knows, and what that does to a rollout."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rollouts import CANARY, HALF, NOW, asks, marker, on_hold, policy, situation, state, up

from rollout_bot.core.decision.decision import DecisionAction, decide
from rollout_bot.core.decision.gate import Base, Proposed, judge
from rollout_bot.core.gates.conditions import GateName, gates
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Guardrail, Severity, Watch, Watched, watch
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.samples import Reading, Readings, Unmeasured
from rollout_bot.core.verdict import Outcome

QUARTER = timedelta(minutes=15)
SINCE = NOW - 8 * QUARTER
P99 = Guardrail("p99", "latency_p99", max=0.5)


def readings(*values: float | None, end: datetime = NOW) -> Readings:
    """A value for each of the latest quarter hours; None where there was none."""
    first = end - (len(values) - 1) * QUARTER
    points = (Reading(first + index * QUARTER, value) for index, value in enumerate(values) if value is not None)
    return Readings(tuple(points), ("a note",))


def stands(guardrail: Guardrail, found: Readings | Unmeasured, *, since: datetime = SINCE) -> Watched:
    (each,) = watch([guardrail], {guardrail.name: found}, since=since, now=NOW, interval=QUARTER)
    return each


@pytest.mark.parametrize(
    ("values", "state", "streak"),
    [
        ((0.1, 0.5), Watch.KEPT, 0),
        ((0.9, 0.9, 0.5), Watch.KEPT, 0),
        ((0.1, 0.6), Watch.TOLERATED, 1),
        ((0.6, 0.6), Watch.BREACHED, 2),
        ((0.6, None, 0.6), Watch.BREACHED, 2),
        ((0.6, 0.6, None), Watch.BREACHED, 2),
        ((0.6, 0.6, None, None), Watch.BREACHED, 2),
        ((0.6, 0.6, None, None, None), Watch.UNKNOWN, 0),
        ((None,), Watch.UNKNOWN, 0),
    ],
)
def test_only_breaches_in_a_row_up_to_the_newest_value_count(
    values: tuple[float | None, ...], state: Watch, streak: int
) -> None:
    found = stands(P99, readings(*values))
    assert (found.watch, found.streak) == (state, streak)


def test_bounds_may_be_above_below_or_both() -> None:
    both = replace(P99, min=0.1)
    assert [both.keeps(value) for value in (0.09, 0.1, 0.5, 0.51)] == [False, True, True, False]
    assert both.allowed == "0.1 to 0.5"
    assert replace(P99, max=None, min=-2.0).allowed == "at least -2"
    assert not replace(P99, max=None, min=-2.0).keeps(-3)


def test_reasons_say_what_was_found_and_since_when() -> None:
    assert stands(P99, readings(0.18)).reason == "0.18, allowed: at most 0.5"
    broken = stands(P99, readings(0.1, 0.7, 0.61))
    said = "0.61, allowed: at most 0.5; broken in 2 intervals in a row since 2026-03-10 11:30 UTC; 1 is tolerated"
    assert (broken.reason, broken.since, broken.notes) == (said, NOW - 2 * QUARTER, ("a note",))
    strict = stands(replace(P99, breaches=0), readings(0.1, 0.61))
    assert strict.reason == "0.61, allowed: at most 0.5; broken in 1 interval since 2026-03-10 11:45 UTC"
    assert strict.watch is Watch.BREACHED
    late = stands(P99, readings(0.9, 0.9, end=NOW - 3 * QUARTER))
    assert late.reason == "newest value is of 2026-03-10 11:15 UTC, 45 min ago; allowed: 30 min"
    assert (late.watch, late.blind, late.newest) == (Watch.UNKNOWN, True, Reading(NOW - 3 * QUARTER, 0.9))


def test_a_streak_may_reach_back_further_than_was_read() -> None:
    long = stands(P99, readings(0.9, 0.9), since=SINCE - timedelta(days=9))
    assert long.reason == "0.9, allowed: at most 0.5; broken in 2 intervals in a row or more; 1 is tolerated"
    assert long.since is None
    whole = stands(P99, readings(0.9, 0.9), since=NOW - 2 * QUARTER)
    assert whole.since == NOW - 2 * QUARTER


def test_what_cannot_be_measured_is_unknown() -> None:
    unmeasured = stands(P99, Unmeasured("the query gives 2 series"))
    assert (unmeasured.watch, unmeasured.blind) == (Watch.UNKNOWN, True)
    assert unmeasured.told == "guardrail p99: not measured: the query gives 2 series"
    (forgotten,) = watch([P99], {}, since=SINCE, now=NOW, interval=QUARTER)
    assert "delivered nothing for it" in forgotten.reason


def test_values_of_before_the_evidence_and_of_later_than_now_do_not_count() -> None:
    young = stands(P99, readings(0.9, 0.9, 0.9), since=NOW - QUARTER)
    assert (young.watch, young.streak) == (Watch.TOLERATED, 1)
    nothing = stands(P99, readings(0.9, end=NOW - QUARTER), since=NOW - QUARTER)
    assert (nothing.watch, nothing.blind) == (Watch.UNKNOWN, False)
    assert nothing.reason == "no value since 2026-03-10 11:45 UTC"
    assert stands(P99, readings(0.1, 0.9, end=NOW + QUARTER)).watch is Watch.KEPT


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=8), st.integers(0, 4), st.floats(0, 1e9))
def test_a_worse_value_never_makes_it_better(values: list[float], breaches: int, more: float) -> None:
    order = [Watch.KEPT, Watch.TOLERATED, Watch.BREACHED]
    guardrail = Guardrail("g", "g", max=0.0, breaches=breaches)
    before = stands(guardrail, readings(*values), since=SINCE - 9 * QUARTER)
    after = stands(guardrail, readings(*values[:-1], values[-1] + more), since=SINCE - 9 * QUARTER)
    assert order.index(after.watch) >= order.index(before.watch)


def here(guardrail: Guardrail, watch: Watch, outcome: Outcome = Outcome.HEALTHY, **fields: object) -> Situation:
    rules = policy(guardrails=(guardrail,), **fields)
    return situation(state(HALF, generation=2), outcome, rules=rules, watched=(Watched(guardrail, watch, "why"),))


def gate(situation: Situation) -> tuple[bool, str] | None:
    return next(((each.passed, each.reason) for each in gates(situation) if each.name is GateName.GUARDRAILS), None)


def test_a_broken_guardrail_rolls_back_whatever_the_error_rate_says() -> None:
    decision = decide(here(P99, Watch.BREACHED))
    assert (decision.action, decision.to, decision.attention) == (DecisionAction.ROLL_BACK, CANARY, True)
    assert decision.reasons == ("guardrail p99: why",)
    assert decision.proposal is not None
    assert decision.proposal.state.change.reason == "guardrail p99: why"


def test_without_rollback_on_error_it_holds_and_calls_somebody() -> None:
    decision = decide(here(P99, Watch.BREACHED, rollback_on_error=False))
    assert (decision.action, decision.attention) == (DecisionAction.HOLD, True)
    assert "guardrail p99: why" in decision.reasons


@pytest.mark.parametrize("watch", [Watch.TOLERATED, Watch.UNKNOWN])
@pytest.mark.parametrize("severity", [Severity.ROLLBACK, Severity.HOLD])
def test_what_is_not_known_to_be_kept_does_not_go_up(watch: Watch, severity: Severity) -> None:
    found = here(replace(P99, severity=severity), watch)
    assert gate(found) == (False, "guardrail p99: why")
    assert (decide(found).action, decide(found).attention) == (DecisionAction.HOLD, False)


def test_a_kept_guardrail_lets_it_go_up() -> None:
    found = here(P99, Watch.KEPT)
    assert gate(found) == (True, "1 guardrail kept")
    assert decide(found).action is DecisionAction.ADVANCE


def test_a_guardrail_that_nobody_has_looked_at_is_not_kept() -> None:
    found = replace(here(P99, Watch.KEPT), watched=())
    assert gate(found) == (False, "guardrail p99: nobody has looked at it")


def test_a_holding_guardrail_holds_and_calls_somebody() -> None:
    decision = decide(here(replace(P99, severity=Severity.HOLD), Watch.BREACHED))
    assert (decision.action, decision.attention) == (DecisionAction.HOLD, True)
    assert decision.calls == ("guardrail p99 is broken, and nothing goes up while it is",)


@pytest.mark.parametrize("watch", list(Watch))
@pytest.mark.parametrize("guardrail", [replace(P99, severity=Severity.WARN), replace(P99, observe_only=True)])
def test_one_that_warns_or_is_tried_out_changes_no_decision(guardrail: Guardrail, watch: Watch) -> None:
    found = here(guardrail, watch)
    assert gate(found) is None
    assert decide(found) == decide(replace(found, watched=(), policy=policy()))


@pytest.mark.parametrize(
    ("severity", "would"),
    [(Severity.ROLLBACK, "rolled back"), (Severity.HOLD, "held"), (Severity.WARN, "warned")],
)
def test_a_trial_says_what_it_would_have_done(severity: Severity, would: str) -> None:
    trial = Watched(replace(P99, severity=severity, observe_only=True), Watch.BREACHED, "why")
    assert trial.told == f"guardrail p99: why; would have {would} (observe_only)"
    assert replace(trial, watch=Watch.KEPT).told == "guardrail p99: why"


def test_from_off_there_is_nothing_to_guard() -> None:
    found = situation(state(OFF, generation=2), Outcome.INCONCLUSIVE, rules=policy(guardrails=(P99,)))
    assert gate(found) == (True, "at 0 % there is nothing to guard")
    assert decide(found).action is DecisionAction.ADVANCE


def test_a_held_rollout_is_rolled_back_and_calls_nobody_for_less() -> None:
    rolls = here(P99, Watch.BREACHED)
    held = replace(rolls, standing=replace(rolls.standing, state=on_hold(rolls.state)))
    assert decide(held).action is DecisionAction.ROLL_BACK
    holds = here(replace(P99, severity=Severity.HOLD), Watch.BREACHED)
    assert decide(replace(holds, standing=replace(holds.standing, state=on_hold(holds.state)))).calls == ()


def judged(found: Situation, *passed_over: str) -> tuple[GateState, str]:
    """The gate of a pull request from canary to half that passes over gates with an owner's approval."""
    after = up(found.state, HALF)
    proposed = Proposed("checkout", found.policy, after, {after.stage: marker(after, *passed_over)}, state_changes=True)
    status = judge(Base(found, found.state, found.state, exists=True), proposed)
    return status.state, status.description


def in_canary(guardrail: Guardrail, watch: Watch) -> Situation:
    found = here(guardrail, watch)
    return replace(found, standing=replace(found.standing, state=state()))


def test_an_owner_passes_over_what_holds_and_never_over_what_rolls_back() -> None:
    holding = in_canary(replace(P99, severity=Severity.HOLD), Watch.BREACHED)
    assert judged(holding) == (GateState.PENDING, "checkout: canary → half: waits for guardrails")
    assert judged(holding, "guardrails")[0] is GateState.SUCCESS
    rolling = in_canary(P99, Watch.BREACHED)
    assert judged(rolling, "guardrails") == (GateState.FAILURE, "checkout: canary → half: canary has regressed")
    assert judged(in_canary(P99, Watch.UNKNOWN), "guardrails")[0] is GateState.SUCCESS


def test_who_asks_for_the_next_stage_is_told_of_a_broken_guardrail() -> None:
    rolling = decide(in_canary(P99, Watch.BREACHED), asks(ChangeKind.ADVANCE))
    assert (rolling.refused, rolling.reasons) == (True, ("canary has regressed: guardrail p99: why",))
    holding = decide(in_canary(replace(P99, severity=Severity.HOLD), Watch.BREACHED), asks(ChangeKind.ADVANCE))
    assert holding.proposal is not None
    assert holding.proposal.approval is not None
    assert holding.proposal.approval.override is not None
    assert holding.proposal.approval.override.gates == ("guardrails",)
