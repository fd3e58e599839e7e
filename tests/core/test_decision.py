"""What should happen now: the bot's own decisions, and what humans may ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
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
    marker,
    on_hold,
    policy,
    situation,
    standing,
    state,
    verdict,
)

from rollout_bot.core.decision.decision import Decision, DecisionAction, decide, freeze
from rollout_bot.core.gates.conditions import Gate, GateName, gates, opens_at
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.model.policy import OFF, Stage
from rollout_bot.core.model.state import Approval, BaselineEvidence, ChangeKind, Hold, Override, State
from rollout_bot.core.model.windows import Dates, Hours, Window
from rollout_bot.core.verdict import Comparison, Outcome, Rate

FREE = policy(CANARY, MOST)
"""Nobody needs to approve."""


def shut(found: Situation) -> set[GateName]:
    return {gate.name for gate in gates(found) if not gate.passed}


def proposed(decision: Decision) -> State:
    assert decision.proposal is not None
    return decision.proposal.state


def test_a_healthy_stage_advances_by_one() -> None:
    decision = decide(situation(rules=FREE))
    assert (decision.action, decision.to) == (DecisionAction.ADVANCE, MOST)
    assert decision.proposal is not None
    assert decision.proposal.approval is None
    after = proposed(decision)
    assert (after.stage, after.percentage, after.attempt, after.generation) == ("most", 75, 1, 2)
    assert (after.change.kind, after.change.from_stage, after.change.by) == (ChangeKind.ADVANCE, "canary", BOT)
    assert after.change.proposed_at == NOW
    assert decision.reasons == ("canary is healthy: the reason",)


def test_a_stage_that_needs_approval_gets_a_marker_to_approve() -> None:
    decision = decide(situation())
    assert decision.proposal is not None
    assert decision.proposal.approval == Approval("checkout", "half", 1)
    assert "needs the approval of a code owner" in decision.reasons[1]


@pytest.mark.parametrize(("attempt", "needed"), [(1, False), (2, True)])
def test_a_marker_on_the_base_approves_beforehand_in_its_attempt_only(attempt: int, needed: bool) -> None:
    given = {"half": Approval("checkout", "half", 1)}
    decision = decide(situation(state(attempt=attempt), approvals=given))
    assert decision.proposal is not None
    assert (decision.proposal.approval is not None) is needed


@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE, Outcome.SHARED])
def test_all_that_is_not_healthy_holds_with_its_reason(outcome: Outcome) -> None:
    decision = decide(situation(outcome=outcome))
    assert (decision.action, decision.proposal, decision.to) == (DecisionAction.HOLD, None, HALF)
    assert decision.reasons == (f"{outcome}: the reason",)
    assert decision.attention is (outcome is Outcome.SHARED)
    assert decision.opens_at is None


@pytest.mark.parametrize(("ago", "opens"), [(23.75, NOW + HOUR / 4), (24, None)])
def test_the_minimum_duration(ago: float, opens: object) -> None:
    decision = decide(situation(rules=FREE, where=standing(state(), entered=-ago * HOUR)))
    assert (decision.action is DecisionAction.HOLD) is (opens is not None)
    assert decision.opens_at == opens


def test_the_last_of_several_gates_says_when() -> None:
    where = standing(state(attempt=2), entered=-HOUR, rolled_back_at=NOW - 20 * HOUR, rollbacks=1)
    assert decide(situation(where=where)).opens_at == NOW + 23 * HOUR
    assert shut(situation(where=where)) == {GateName.DURATION, GateName.COOLDOWN}
    blind = situation(outcome=Outcome.UNAVAILABLE, where=where)
    assert decide(blind).opens_at is None


def test_a_hold_keeps_from_advancing_but_never_from_rolling_back() -> None:
    held = state(hold=Hold("freeze", "bob"))
    decision = decide(situation(held))
    assert (decision.action, decision.reasons) == (DecisionAction.HOLD, ("held by bob: freeze",))
    back = decide(situation(held, Outcome.REGRESSED))
    assert (back.action, back.to) == (DecisionAction.ROLL_BACK, OFF)
    assert proposed(back).hold == held.hold


@pytest.mark.parametrize(("stage", "to"), [(CANARY, OFF), (HALF, CANARY), (MOST, HALF)])
def test_a_regression_rolls_back_one_stage_at_once(stage: Stage, to: Stage) -> None:
    where = standing(state(stage, attempt=2, generation=7), entered=timedelta(0))
    decision = decide(situation(outcome=Outcome.REGRESSED, where=where))
    assert (decision.action, decision.to, decision.attention) == (DecisionAction.ROLL_BACK, to, True)
    after = proposed(decision)
    assert (after.stage, after.percentage, after.attempt, after.generation) == (to.name, to.percentage, 3, 8)
    assert after.change.kind is ChangeKind.ROLL_BACK


def test_with_rollback_switched_off_a_regression_holds_loudly() -> None:
    decision = decide(situation(outcome=Outcome.REGRESSED, rules=policy(rollback_on_error=False)))
    assert (decision.action, decision.attention, decision.proposal) == (DecisionAction.HOLD, True, None)
    assert "rollback_on_error is off: a human has to act" in decision.reasons[0]


def test_nothing_regresses_at_off() -> None:
    decision = decide(situation(state(OFF), Outcome.REGRESSED))
    assert decision.action is DecisionAction.ADVANCE


def test_off_is_left_only_by_an_override_for_an_owner_to_approve() -> None:
    decision = decide(situation(state(OFF, attempt=2), Outcome.INCONCLUSIVE, rules=FREE))
    assert decision.proposal is not None
    approval = decision.proposal.approval
    assert approval is not None
    assert approval.override is not None
    assert (approval.stage, approval.attempt, approval.override.gates) == ("canary", 2, ("analysis",))
    assert "an owner decides" in approval.override.reason


@pytest.mark.parametrize(
    ("gates_", "attempt", "enough"),
    [
        (("analysis",), 2, True),
        (("analysis", "cooldown"), 2, True),
        (("duration",), 2, False),
        (("analysis",), 1, False),
        ((), 2, False),
    ],
)
def test_an_override_on_the_base_must_cover_what_is_passed_over(
    gates_: tuple[str, ...], attempt: int, enough: bool
) -> None:
    given = marker(state(attempt=attempt), *gates_)
    decision = decide(situation(state(OFF, attempt=2), rules=FREE, approvals={"canary": given}))
    assert decision.proposal is not None
    assert (decision.proposal.approval is None) is enough


def test_off_waits_for_the_cooldown() -> None:
    where = standing(state(OFF, attempt=2), rolled_back_at=NOW - 23 * HOUR, rollbacks=1)
    decision = decide(situation(where=where))
    assert (decision.action, decision.opens_at) == (DecisionAction.HOLD, NOW + HOUR)
    assert "cools down after the rollback until" in decision.reasons[0]
    assert "(1 h to go)" in decision.reasons[0]


@pytest.mark.parametrize(
    ("rollbacks", "waits"), [(0, 24), (1, 24), (2, 48), (3, 96), (5, 384), (6, 720), (100, 720), (10**9, 720)]
)
def test_the_cooldown_doubles_with_every_rollback_up_to_a_month(rollbacks: int, waits: int) -> None:
    rules = policy(max_rollbacks=10**10)
    for early, open_ in ((timedelta(minutes=1), False), (timedelta(0), True)):
        where = standing(state(attempt=2), rolled_back_at=NOW - waits * HOUR + early, rollbacks=rollbacks)
        assert (GateName.COOLDOWN not in shut(situation(rules=rules, where=where))) is open_
    shown = next(gate for gate in gates(situation(rules=rules, where=where)) if gate.name is GateName.COOLDOWN)
    assert shown.reason == f"rolled back {waits // 24} d ago; cooldown {waits // 24} d"


def test_the_cooldown_grows_as_the_policy_says() -> None:
    assert policy(cooldown_backoff=1.0).cooldown_after(50) == 24 * HOUR
    assert policy(cooldown_backoff=1.5).cooldown_after(3) == 54 * HOUR
    assert policy(cooldown=timedelta(0)).cooldown_after(3) == timedelta(0)
    assert policy(cooldown=timedelta(days=40)).cooldown_after(3) == timedelta(days=40)
    where = standing(state(attempt=3), rolled_back_at=NOW, rollbacks=2)
    assert decide(situation(where=where)).reasons == (
        "cools down for 2 d after 2 rollbacks: until 2026-03-12 12:00 UTC (2 d to go)",
    )


@pytest.mark.parametrize(
    ("most", "rollbacks", "open_"),
    [(3, 2, True), (3, 3, False), (3, 4, False), (1, 1, False), (0, 0, True), (0, 1, False)],
)
def test_after_too_many_rollbacks_only_a_human_restarts(most: int, rollbacks: int, open_: bool) -> None:
    where = standing(state(attempt=5), rolled_back_at=NOW - 90 * HOUR, rollbacks=rollbacks)
    found = situation(rules=policy(max_rollbacks=most), where=where)
    assert (GateName.ATTEMPTS not in shut(found)) is open_
    decision = decide(found)
    assert (decision.action is DecisionAction.ADVANCE) is open_
    assert decision.attention is not open_
    if not open_:
        assert "only a human restarts it (rollout-bot resume checkout --reason …)" in decision.reasons[-1]


@pytest.mark.parametrize(("healthy", "reopened"), [(None, False), (-2 * HOUR, False), (HOUR, True)])
def test_a_refusal_stands_until_the_evidence_was_bad_and_is_good_again(
    healthy: timedelta | None, reopened: bool
) -> None:
    at = NOW - 3 * HOUR
    refusal = Refusal(7, "alice", at)
    since = None if healthy is None else at + healthy
    decision = decide(situation(verdict=verdict(healthy_since=since), refusal=refusal))
    assert (decision.action is DecisionAction.ADVANCE) is reopened
    if not reopened:
        assert "alice closed #7; not proposed again unless" in decision.reasons[0]


def test_the_last_stage_is_watched_until_it_is_complete_and_after() -> None:
    early = decide(situation(where=standing(state(MOST), entered=-HOUR)))
    assert (early.action, early.opens_at) == (DecisionAction.HOLD, NOW + 23 * HOUR)
    for outcome in (Outcome.HEALTHY, Outcome.UNAVAILABLE):
        done = decide(situation(state(MOST), outcome))
        assert (done.action, done.proposal) == (DecisionAction.COMPLETE, None)
        assert done.reasons[1] == f"{outcome}: the reason"


def test_evidence_is_frozen_as_it_was() -> None:
    found = situation(source="recording", queries={"path": "m.csv"})
    frozen = freeze(found)
    assert (frozen.outcome, frozen.requests, frozen.failures, frozen.error_rate) == (Outcome.HEALTHY, 1000, 1, 0.001)
    assert (frozen.measured_at, frozen.source, frozen.queries) == (NOW, "recording", {"path": "m.csv"})
    assert proposed(decide(found)).evidence == frozen
    assert frozen.baseline is None


def test_so_is_the_baseline_that_was_compared_with() -> None:
    compared = Comparison(Rate(900.0, 1.0), Rate(8000.0, 6.0), 0.001, 0.0003, -0.0004, 0.0055)
    frozen = freeze(situation(verdict=verdict(comparison=compared)))
    assert frozen.baseline == BaselineEvidence(8000.0, 6.0, 0.00075, 0.001, 0.0003, -0.0004, 0.0055)


def test_a_stage_that_the_policy_lacks_is_an_error_of_the_caller() -> None:
    with pytest.raises(ValueError, match="'half' is not in the policy"):
        decide(situation(state(HALF), rules=FREE))


# What humans ask for


@pytest.mark.parametrize("kind", [ChangeKind.ADVANCE, ChangeKind.ROLL_BACK, ChangeKind.HOLD, ChangeKind.RESUME])
def test_a_request_keeps_who_asked_and_why(kind: ChangeKind) -> None:
    committed = state(hold=Hold("x", "y")) if kind is ChangeKind.RESUME else state()
    after = proposed(decide(situation(committed), asks(kind)))
    assert (after.change.kind, after.change.by, after.change.reason) == (kind, "bob", "a human asks")
    assert after.generation == 2


@pytest.mark.parametrize(
    ("role", "operators", "may"),
    [
        (None, ("admin",), True),
        ("maintain", ("admin", "maintain"), True),
        ("write", ("admin", "maintain"), False),
        ("write", ("admin", "@Bob"), True),
        ("none", ("@alice",), False),
    ],
)
def test_only_operators_may_ask(role: str | None, operators: tuple[str, ...], may: bool) -> None:
    rules = policy(operators=operators)
    decision = decide(situation(rules=rules), replace(asks(ChangeKind.ROLL_BACK), role=role))
    assert decision.refused is not may
    if not may:
        assert decision.reasons[0].startswith(f"bob has the role {role} here; allowed by the policy: ")


def test_where_every_gate_is_open_a_request_needs_no_override() -> None:
    decision = decide(situation(rules=FREE), asks(ChangeKind.ADVANCE))
    assert decision.proposal is not None
    assert decision.proposal.approval is None


def test_shut_gates_become_an_override_for_an_owner() -> None:
    where = standing(state(attempt=4), entered=-HOUR, rolled_back_at=NOW - HOUR, rollbacks=3)
    decision = decide(situation(outcome=Outcome.UNAVAILABLE, rules=FREE, where=where), asks(ChangeKind.ADVANCE))
    assert decision.proposal is not None
    assert decision.proposal.approval is not None
    assert decision.proposal.approval.override == Override(
        ("duration", "analysis", "cooldown", "attempts"), "a human asks", "bob"
    )


def test_asking_overcomes_a_refusal() -> None:
    decision = decide(situation(rules=FREE, refusal=Refusal(7, "alice", NOW)), asks(ChangeKind.ADVANCE))
    assert decision.proposal is not None
    assert decision.proposal.approval is None


@pytest.mark.parametrize(
    ("found", "kind", "to", "reason"),
    [
        (situation(outcome=Outcome.REGRESSED), ChangeKind.ADVANCE, None, "canary has regressed: the reason"),
        (situation(state(MOST)), ChangeKind.ADVANCE, None, "most is the last stage; there is none above it"),
        (situation(state(hold=Hold("a", "b"))), ChangeKind.ADVANCE, None, "held by b: a; lift it first: rollout-bot"),
        (situation(state(OFF)), ChangeKind.ROLL_BACK, None, "it is off already"),
        (situation(state(HALF)), ChangeKind.ROLL_BACK, "most", "'most' is no stage below half; allowed: off, canary"),
        (situation(state(HALF)), ChangeKind.ROLL_BACK, "half", "'half' is no stage below half; allowed: off, canary"),
        (situation(state(hold=Hold("a", "b"))), ChangeKind.HOLD, None, "held by b: a"),
        (situation(), ChangeKind.RESUME, None, "there is nothing to resume"),
    ],
)
def test_what_cannot_be_met_is_refused_with_the_reason(
    found: Situation, kind: ChangeKind, to: str | None, reason: str
) -> None:
    decision = decide(found, asks(kind, to))
    assert (decision.refused, decision.proposal, decision.action) == (True, None, DecisionAction.HOLD)
    assert reason in decision.reasons[0]


@pytest.mark.parametrize(("to", "stage"), [(None, HALF), ("canary", CANARY), ("off", OFF)])
def test_a_rollback_goes_to_any_stage_below(to: str | None, stage: Stage) -> None:
    decision = decide(situation(state(MOST), Outcome.UNAVAILABLE), asks(ChangeKind.ROLL_BACK, to))
    assert (decision.action, decision.to) == (DecisionAction.ROLL_BACK, stage)


def test_resume_restarts_what_was_rolled_back_too_often() -> None:
    where = standing(state(OFF, attempt=4), rolled_back_at=NOW - HOUR, rollbacks=3)
    after = proposed(decide(situation(where=where), asks(ChangeKind.RESUME)))
    assert (after.change.kind, after.hold, after.attempt, after.stage) == (ChangeKind.RESUME, None, 4, "off")


def test_opens_at_needs_a_known_time_for_every_gate() -> None:
    timed, open_ = Gate(GateName.DURATION, False, "x", NOW), Gate(GateName.HOLD, True, "y")
    later, never = Gate(GateName.COOLDOWN, False, "x", NOW + HOUR), Gate(GateName.ANALYSIS, False, "z")
    assert opens_at(situation(), (later, timed, open_)) == NOW + HOUR
    assert opens_at(situation(), (later, never)) is None
    assert opens_at(situation(), (open_,)) is None


OFFICE = Window("Europe/Berlin", ZoneInfo("Europe/Berlin"), frozenset(range(4)), (Hours(time(9), time(12)),))
"""`NOW` is a Tuesday, 13:00 there: an hour too late."""

NEXT = NOW + 20 * HOUR


def test_outside_of_the_window_nothing_advances() -> None:
    rules = policy(CANARY, MOST, window=OFFICE)
    decision = decide(situation(rules=rules))
    assert (decision.action, decision.opens_at, decision.attention) == (DecisionAction.HOLD, NEXT, False)
    assert decision.reasons == (
        "outside of the window (tue 13:00 in Europe/Berlin): waits until 2026-03-11 08:00 UTC (20 h to go)",
    )
    inside = replace(situation(rules=rules), now=NEXT)
    assert decide(inside).action is DecisionAction.ADVANCE
    (gate,) = (each for each in gates(inside) if each.name is GateName.WINDOW)
    assert (gate.passed, gate.reason) == (True, "inside the window: wed 09:00 in Europe/Berlin")


def test_where_another_gate_opens_outside_of_the_window_it_is_the_next_opening_that_counts() -> None:
    for entered, opens in ((-HOUR, NEXT + 24 * HOUR), (-2 * HOUR - HOUR / 4, NOW + 21.75 * HOUR)):
        found = situation(rules=policy(window=OFFICE), where=standing(state(), entered=entered))
        decision = decide(replace(found, now=NOW - 2 * HOUR))
        assert [gate.name for gate in decision.waits] == [GateName.DURATION]
        assert decision.opens_at == opens


def test_a_window_stops_neither_rollbacks_nor_holds() -> None:
    rules = policy(window=OFFICE)
    assert decide(situation(outcome=Outcome.REGRESSED, rules=rules)).action is DecisionAction.ROLL_BACK
    for kind in (ChangeKind.ROLL_BACK, ChangeKind.HOLD):
        assert decide(situation(rules=rules), asks(kind)).proposal is not None
    assert decide(situation(on_hold(state()), rules=rules), asks(ChangeKind.RESUME)).proposal is not None


def test_an_owner_can_pass_over_the_window() -> None:
    decision = decide(situation(rules=policy(CANARY, MOST, window=OFFICE)), asks(ChangeKind.ADVANCE))
    assert decision.proposal is not None
    assert decision.proposal.approval is not None
    assert decision.proposal.approval.override == Override(("window",), "a human asks", "bob")


def test_a_restart_from_off_waits_for_the_window_too() -> None:
    decision = decide(situation(state(OFF, attempt=2), rules=policy(window=OFFICE)))
    assert (decision.action, decision.opens_at) == (DecisionAction.HOLD, NEXT)


def test_a_window_that_never_opens_asks_for_somebody() -> None:
    closed = replace(OFFICE, exclude=(Dates(date(2026, 1, 1), date(2030, 1, 1)),))
    decision = decide(situation(rules=policy(window=closed)))
    assert (decision.action, decision.opens_at, decision.attention) == (DecisionAction.HOLD, None, True)
    assert "does not open within a year: all is excluded in policy.yaml" in decision.reasons[0]


DOUBT = "nobody has approved it"


@pytest.mark.parametrize("stage", [CANARY, MOST])
def test_nothing_is_built_on_a_stage_that_is_in_doubt(stage: Stage) -> None:
    found = situation(state(stage), rules=FREE, doubts=(DOUBT,))
    decision = decide(found)
    assert (decision.action, decision.attention, decision.proposal) == (DecisionAction.HOLD, True, None)
    assert decision.reasons == (DOUBT,)
    assert [gate.name for gate in decision.waits] == [GateName.ENTRY]


def test_nobody_can_ask_to_go_up_from_there() -> None:
    decision = decide(situation(rules=FREE, doubts=(DOUBT,)), asks(ChangeKind.ADVANCE))
    assert (decision.refused, decision.reasons) == (True, (DOUBT,))


def test_from_there_one_can_still_go_down() -> None:
    regressed = decide(situation(outcome=Outcome.REGRESSED, doubts=(DOUBT,)))
    assert (regressed.action, regressed.to) == (DecisionAction.ROLL_BACK, OFF)
    by_hand = decide(situation(doubts=(DOUBT,)), asks(ChangeKind.ROLL_BACK))
    assert (by_hand.action, by_hand.refused) == (DecisionAction.ROLL_BACK, False)


def test_a_stage_without_doubts_has_no_gate_for_them() -> None:
    assert GateName.ENTRY not in {gate.name for gate in gates(situation())}
