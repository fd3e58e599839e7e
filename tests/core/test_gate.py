"""The status of a pull request: what may be merged now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, time
from typing import Any

import pytest
from support.rollouts import (
    CANARY,
    HALF,
    HOUR,
    MOST,
    NOW,
    down,
    entries,
    marker,
    on_hold,
    policy,
    resumed,
    situation,
    standing,
    state,
    up,
)

from rollout_bot.core.decision.decision import decide
from rollout_bot.core.decision.gate import MAX_DESCRIPTION, UNTOUCHED, Base, Proposed, judge, judge_proposal, worst
from rollout_bot.core.gates.conditions import OVERRIDABLE
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.model.history import Standing, stand
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState, GateStatus
from rollout_bot.core.model.state import Approval, Hold, State
from rollout_bot.core.model.windows import Hours, Window
from rollout_bot.core.verdict import Outcome

SUCCESS, PENDING, FAILURE = GateState.SUCCESS, GateState.PENDING, GateState.FAILURE
FREE = policy(CANARY, MOST)
FIRST = state()


def after(committed: State | None, **fields: Any) -> Proposed:
    given = fields.pop("approval", None)
    if given is not None and committed is not None:
        fields["approvals"] = {committed.stage: given}
    fields = {"policy": policy(), "state_changes": True, **fields}
    return Proposed("checkout", state=committed, **fields)


def on(found: Situation) -> Base:
    return Base(found, found.state, found.state, exists=True)


def gate(found: Situation, committed: State | None, **fields: Any) -> GateStatus:
    return judge(on(found), after(committed, **fields))


def test_the_worst_part_counts() -> None:
    good, wait, bad = (GateStatus(each, "") for each in (SUCCESS, PENDING, FAILURE))
    assert worst([good, bad, wait]) == bad
    assert worst([good, wait]) == wait
    assert worst([]) == UNTOUCHED


def test_problems_come_first_and_are_counted() -> None:
    assert gate(situation(), FIRST, problems=("a",)) == GateStatus(FAILURE, "a")
    assert gate(situation(), FIRST, problems=("a", "b", "c")).description == "a (and 2 more)"


def test_descriptions_fit() -> None:
    status = gate(situation(), FIRST, problems=("x" * 300,))
    assert len(status.description) == MAX_DESCRIPTION
    assert status.description.endswith("…")


def test_a_rollout_has_both_files_or_neither() -> None:
    assert gate(situation(), None, policy=None) == GateStatus(SUCCESS, "checkout: the rollout is removed")
    assert "policy.yaml would be missing" in gate(situation(), FIRST, policy=None).description
    assert "state.yaml would be missing" in gate(situation(), None).description


def test_files_must_fit_their_folder_and_each_other() -> None:
    other = replace(policy(), rollout="other")
    status = gate(situation(), replace(FIRST, rollout="other"), policy=other)
    assert (status.state, "the policy is of rollout 'other'" in status.description) == (FAILURE, True)
    removed = gate(situation(state(HALF)), state(HALF), policy=FREE, state_changes=False)
    assert (removed.state, "stage 'half' is not in the policy" in removed.description) == (FAILURE, True)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (Approval("checkout", "half", 1), None),
        (Approval("checkout", "most", 1), "approvals/half.yaml approves 'most' of 'checkout'"),
        (Approval("other", "half", 1), "approvals/half.yaml approves 'half' of 'other'"),
        (Approval("checkout", "half", 2), "approvals/half.yaml is for attempt 2; allowed: 1, the present one"),
    ],
)
def test_any_marker_must_fit(given: Approval, wrong: str | None) -> None:
    status = gate(situation(), FIRST, state_changes=False, markers={"half": given})
    assert status.state is (FAILURE if wrong else SUCCESS)
    assert (wrong or "the stage stays canary") in status.description


def test_a_new_rollout_starts_low() -> None:
    nothing = Base(None, None, None, exists=False)
    assert judge(nothing, after(FIRST)) == GateStatus(SUCCESS, "checkout: starts at canary (10 %)")
    assert judge(nothing, after(state(OFF))).state is SUCCESS
    assert "starts at 'half'; allowed: off, canary" in judge(nothing, after(state(HALF))).description
    for wrong in (state(attempt=2), state(generation=2), on_hold(FIRST)):
        assert "starts with generation 1" in judge(nothing, after(wrong)).description


def test_the_last_lawful_state_is_put_back() -> None:
    broken = Base(None, None, up(FIRST, HALF), exists=True)
    assert judge(broken, after(up(FIRST, HALF))).description == "checkout: puts back the last lawful state, half"
    status = judge(broken, after(down(up(FIRST, HALF), CANARY)))
    assert (status.state, "not lawful; put back its last lawful content" in status.description) == (FAILURE, True)


def test_where_no_state_was_ever_lawful_the_rollout_starts() -> None:
    assert judge(Base(None, None, None, exists=True), after(FIRST)).state is SUCCESS


def test_with_a_broken_policy_on_the_base_one_can_still_go_down() -> None:
    base = Base(None, state(HALF), state(HALF), exists=True)
    assert judge(base, after(down(state(HALF), CANARY))).state is SUCCESS
    status = judge(base, after(up(state(HALF), MOST)))
    assert (status.state, "nothing goes up until that is mended" in status.description) == (FAILURE, True)
    gone = Base(None, replace(state(HALF), stage="gone"), state(HALF), exists=True)
    assert judge(gone, after(down(replace(state(HALF), stage="gone"), CANARY))).state is SUCCESS
    forged = replace(down(state(HALF), CANARY), attempt=1)
    assert judge(gone, after(forged)).state is FAILURE


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("hold", [None, Hold("a", "b")])
def test_a_move_down_is_always_legal(outcome: Outcome, hold: Hold | None) -> None:
    committed = state(MOST, hold=hold)
    for to in (HALF, CANARY, OFF):
        assert gate(situation(committed, outcome), down(committed, to)).state is SUCCESS


def test_a_hold_and_its_end_are_legal() -> None:
    assert gate(situation(), on_hold(FIRST)).state is SUCCESS
    assert gate(situation(on_hold(FIRST)), resumed(on_hold(FIRST))).state is SUCCESS


def test_an_illegal_jump_fails_with_its_reason() -> None:
    status = gate(situation(), up(FIRST, MOST))
    assert (status.state, "is no legal move" in status.description) == (FAILURE, True)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.HEALTHY, SUCCESS),
        (Outcome.REGRESSED, FAILURE),
        (Outcome.INCONCLUSIVE, PENDING),
        (Outcome.UNAVAILABLE, PENDING),
        (Outcome.SHARED, PENDING),
    ],
)
def test_a_move_up_needs_health_now(outcome: Outcome, expected: GateState) -> None:
    status = gate(situation(rules=FREE, outcome=outcome), up(FIRST, MOST), policy=FREE)
    assert status.state is expected
    if expected is PENDING:
        assert status.description == "checkout: canary → most: waits for analysis"


@pytest.mark.parametrize(
    "given", [None, Approval("checkout", "half", 2), Approval("checkout", "most", 1), Approval("other", "half", 1)]
)
def test_a_stage_that_needs_approval_needs_a_marker_that_fits(given: Approval | None) -> None:
    status = gate(situation(), up(FIRST, HALF), approval=given)
    assert (status.state, "needs approvals/half.yaml for attempt 1" in status.description) == (FAILURE, True)
    assert gate(situation(), up(FIRST, HALF), approval=Approval("checkout", "half", 1)).state is SUCCESS


def test_an_override_passes_over_what_it_names_and_nothing_else() -> None:
    found = situation(outcome=Outcome.INCONCLUSIVE, where=standing(FIRST, entered=-HOUR))
    step = up(FIRST, HALF)
    assert gate(found, step, approval=marker(step, "duration")).description.endswith("waits for analysis")
    both = gate(found, step, approval=marker(step, "duration", "analysis"))
    assert (both.state, "passes over duration, analysis with an owner's approval" in both.description) == (
        SUCCESS,
        True,
    )
    stale = gate(found, step, approval=replace(marker(step, "duration", "analysis"), attempt=2))
    assert stale.state is FAILURE


def test_an_override_that_does_not_fit_counts_for_nothing_where_no_approval_is_needed() -> None:
    found = situation(rules=FREE, outcome=Outcome.INCONCLUSIVE)
    stale = replace(marker(up(FIRST, MOST), "analysis"), attempt=9)
    assert gate(found, up(FIRST, MOST), policy=FREE, approval=stale).state is PENDING


def test_outside_of_the_window_a_move_up_waits_until_it_opens() -> None:
    rules = policy(CANARY, MOST, window=Window("UTC", UTC, hours=(Hours(time(9), time(12)),)))
    found, step = situation(rules=rules), up(FIRST, MOST)
    waiting = gate(found, step, policy=rules)
    assert waiting == GateStatus(PENDING, "checkout: canary → most: waits for window until 2026-03-11 09:00 UTC")
    assert gate(replace(found, now=NOW - HOUR), step, policy=rules).state is SUCCESS
    assert gate(found, step, policy=rules, approval=marker(step, "window")).state is SUCCESS
    assert gate(found, down(FIRST, OFF), policy=rules).state is SUCCESS
    assert gate(found, on_hold(FIRST), policy=rules).state is SUCCESS


def test_no_override_passes_over_a_hold_or_a_regression() -> None:
    step = up(on_hold(FIRST), HALF)
    given = marker(step, "hold", "analysis", "duration", "cooldown", "attempts")
    assert gate(situation(on_hold(FIRST)), step, approval=given).description.endswith("waits for hold")
    step = up(FIRST, HALF)
    assert gate(situation(outcome=Outcome.REGRESSED), step, approval=given).state is FAILURE


def test_a_refusal_binds_the_bot_only() -> None:
    found = situation(rules=FREE, refusal=Refusal(1, "alice", NOW))
    assert gate(found, up(FIRST, MOST), policy=FREE).state is SUCCESS


def test_nothing_goes_up_together_with_a_change_of_the_policy() -> None:
    laxer = replace(FREE, max_rollbacks=9)
    status = gate(situation(rules=FREE), up(FIRST, MOST), policy=laxer, policy_changes=True)
    assert (status.state, "use two pull requests" in status.description) == (FAILURE, True)
    assert gate(situation(rules=FREE), up(FIRST, MOST), policy=FREE, policy_changes=True).state is SUCCESS
    assert gate(situation(rules=FREE), down(FIRST, OFF), policy=laxer, policy_changes=True).state is SUCCESS


def test_the_bot_is_bound_by_the_same_rules() -> None:
    for found in (situation(), situation(rules=FREE), situation(state(OFF, attempt=2))):
        proposal = decide(found).proposal
        assert proposal is not None
        assert judge_proposal(found, proposal).state is SUCCESS
    beforehand = situation(approvals={"half": Approval("checkout", "half", 1)})
    proposal = decide(beforehand).proposal
    assert proposal is not None
    assert proposal.approval is None
    assert judge_proposal(beforehand, proposal).state is SUCCESS


def entered(*states: State) -> Standing:
    found = stand(entries(*states))
    assert isinstance(found, Standing)
    return found


IN_HALF = up(FIRST, HALF)
GIVEN = {"half": marker(IN_HALF)}
BARED = GateStatus(
    FAILURE, "checkout: half needs approvals/half.yaml for attempt 1, as the present stage rests on it; bring it along"
)


@pytest.mark.parametrize("markers", [{}, {"half": Approval("checkout", "half", 2)}, {"most": marker(IN_HALF)}])
def test_the_marker_that_a_stage_rests_on_stays(markers: dict[str, Approval]) -> None:
    found = situation(where=entered(FIRST, IN_HALF), approvals=GIVEN)
    assert gate(found, IN_HALF, state_changes=False, approvals=markers) == BARED
    assert gate(found, on_hold(IN_HALF), approvals=markers) == BARED
    assert gate(found, up(IN_HALF, MOST), approvals=markers) == BARED
    assert gate(found, IN_HALF, state_changes=False, approvals=GIVEN).state is SUCCESS
    # Down is always allowed, and voids the marker anyway.
    assert gate(found, down(IN_HALF, CANARY), approvals=markers).state is SUCCESS


def test_the_marker_of_a_stage_passed_in_this_attempt_stays_as_well() -> None:
    top = up(IN_HALF, MOST)
    found = situation(where=entered(FIRST, IN_HALF, top), approvals=GIVEN)
    assert gate(found, top, state_changes=False) == BARED
    assert gate(found, top, state_changes=False, approvals=GIVEN).state is SUCCESS


def test_a_policy_that_asks_for_an_approval_of_the_stage_in_force_brings_it_along() -> None:
    lax = policy(CANARY, replace(HALF, requires_approval=False), MOST)
    found = situation(where=entered(FIRST, IN_HALF), rules=lax)
    assert gate(found, IN_HALF, state_changes=False, policy_changes=True) == BARED
    assert gate(found, IN_HALF, state_changes=False, policy_changes=True, approvals=GIVEN).state is SUCCESS


def test_what_lacks_its_marker_already_is_nobodys_fault_here() -> None:
    found = situation(where=entered(FIRST, IN_HALF))
    assert gate(found, IN_HALF, state_changes=False).state is SUCCESS
    assert gate(found, IN_HALF, state_changes=False, approvals=GIVEN).state is SUCCESS


def test_where_a_rollback_led_the_marker_of_before_stays() -> None:
    top = up(IN_HALF, MOST)
    back = down(top, HALF)
    found = situation(where=entered(FIRST, IN_HALF, top, back), approvals=GIVEN)
    assert gate(found, back, state_changes=False).description.startswith(
        "checkout: half needs approvals/half.yaml for attempt 2"
    )
    for attempt, lawful in ((1, True), (2, True), (3, False)):
        markers = {"half": Approval("checkout", "half", attempt)}
        assert (gate(found, back, state_changes=False, approvals=markers).state is SUCCESS) is lawful
    assert gate(found, down(back, CANARY)).state is SUCCESS


def test_nothing_goes_up_from_a_stage_that_is_in_doubt() -> None:
    found = situation(where=entered(FIRST, IN_HALF), doubts=("nobody has approved it",))
    step = up(IN_HALF, MOST)
    wide = marker(step, *(each.value for each in OVERRIDABLE), "entry")
    assert gate(found, step, approval=wide).description == "checkout: half → most: waits for entry"
    assert gate(found, down(IN_HALF, CANARY)).state is SUCCESS


def test_a_first_stage_that_requires_approval_is_started_with_its_marker_or_at_off() -> None:
    rules = policy(replace(CANARY, requires_approval=True), MOST)
    nothing = Base(None, None, None, exists=False)
    text = "checkout: canary needs approvals/canary.yaml for attempt 1; bring it along, or start at off"
    assert judge(nothing, after(FIRST, policy=rules)) == GateStatus(FAILURE, text)
    assert judge(nothing, after(FIRST, policy=rules, approval=marker(FIRST))).state is SUCCESS
    assert judge(nothing, after(state(OFF), policy=rules)).state is SUCCESS
