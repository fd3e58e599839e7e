"""From a decision to the actions of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.rollouts import (
    BOT,
    CANARY,
    HALF,
    HOUR,
    MOST,
    NOW,
    asks,
    change,
    down,
    marker,
    on_hold,
    policy,
    resumed,
    situation,
    standing,
    state,
    up,
)

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
from rollout_bot.core.decision.decision import Decision, Proposal, Request, decide
from rollout_bot.core.decision.gate import judge_proposal
from rollout_bot.core.decision.plan import Judged, PullText, own_pulls, plan, plan_gates, refusal
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import (
    GateState,
    GateStatus,
    PullRequest,
    PullState,
    Revision,
    Snapshot,
    approval_path,
    branch_name,
    state_path,
)
from rollout_bot.core.model.state import Approval, ChangeKind, State
from rollout_bot.core.verdict import Outcome

GREEN = GateStatus(GateState.SUCCESS, "fine")
RED = GateStatus(GateState.FAILURE, "bad")
FREE = policy(CANARY, MOST)
BODY = "<facts>"
OUTDATED = "This pull request no longer says what the bot would propose."


class Texts:
    def state(self, state: State) -> str:
        return f"state {state.stage} {state.generation}"

    def approval(self, approval: Approval) -> str:
        return f"approval {approval.stage}"

    def pull(self, situation: Situation, decision: Decision) -> PullText:
        assert decision.proposal is not None
        assert decision.to is not None or decision.proposal.state.stage == situation.stage.name
        return PullText("title", f"body {BODY}", BODY)

    def commit(self, proposal: Proposal) -> str:
        return f"to {proposal.state.stage}"


def snapshot(*pulls: PullRequest) -> Snapshot:
    return Snapshot("main", "base", BOT, {}, {}, pulls)


def pull(number: int, head: State, approval: Approval | None = None, **fields: Any) -> PullRequest:
    """The bot's pull request for a state."""
    paths = [state_path("checkout"), *([approval_path("checkout", head.stage)] if approval else [])]
    defaults: dict[str, Any] = {
        "branch": branch_name("checkout", head.generation, head.stage),
        "head": f"h{number}",
        "author": BOT,
        "title": "title",
        "body": f"body {BODY}",
        "state": PullState.OPEN,
        "opened_at": NOW - HOUR,
        "paths": tuple(paths),
        "gate": GREEN,
        "labels": ("rollout",),
    }
    return PullRequest(number, **(defaults | fields))


def judged(
    number: int, head: State | None, approval: Approval | None = None, gate: GateStatus = GREEN, **fields: Any
) -> Judged:
    return Judged(pull(number, head or state(generation=2), approval, **fields), gate, head, approval)


def acts(
    found: Situation, *own: Judged, request: Request | None = None, closed: tuple[PullRequest, ...] = ()
) -> list[Action]:
    here = snapshot(*(each.pull for each in own), *closed)
    return list(plan(here, found, decide(found, request), own, Texts()).actions)


def test_a_move_that_needs_nobody_is_opened_gated_and_merged() -> None:
    branch = "rollout/checkout/2-most"
    opened, gate, merge = acts(situation(rules=FREE))
    files, labels = {state_path("checkout"): "state most 2"}, ("rollout", "rollout: advance")
    assert opened == OpenPull(branch, "base", files, "title", f"body {BODY}", "to most", labels)
    assert gate == SetGate(branch, None, GateStatus(GateState.SUCCESS, "checkout: canary → most: canary is healthy"))
    assert merge == MergePull(branch, None, "title", "to most")


def test_the_bots_own_moves_start_the_deployment_and_its_holds_do_not() -> None:
    rules = replace(FREE, deploy_workflow="deploy.yml")
    start = StartWorkflow("deploy.yml", {"rollout": "checkout", "percentage": "75"})
    moved = acts(situation(rules=rules))
    assert isinstance(moved[-2], MergePull)
    assert moved[-1] == start
    waiting = judged(7, up(state(), MOST))
    assert acts(situation(rules=rules), waiting)[-1] == start
    assert isinstance(acts(situation(rules=rules), request=asks(ChangeKind.HOLD))[-1], MergePull)


def test_a_move_that_needs_an_owner_brings_the_marker_and_waits() -> None:
    opened, gate = acts(situation())
    assert isinstance(opened, OpenPull)
    assert opened.files == {state_path("checkout"): "state half 2", approval_path("checkout", "half"): "approval half"}
    assert opened.labels == ("rollout", "rollout: advance", "rollout: needs approval")
    assert isinstance(gate, SetGate)


def test_a_branch_that_was_closed_before_is_opened_after_the_last_one() -> None:
    old = [pull(number, up(state(), HALF), state=PullState.CLOSED, closed_by=BOT) for number in (3, 9, 4)]
    opened = acts(situation(), closed=tuple(old))[0]
    assert isinstance(opened, OpenPull)
    assert opened.after == 9


def test_nothing_is_done_twice() -> None:
    step = up(state(), HALF)
    there = judged(5, step, marker(step))
    assert acts(situation(), there) == []
    assert acts(situation(), replace(there, gate=RED)) == [SetGate(there.pull.branch, "h5", RED)]


def test_the_text_follows_the_facts() -> None:
    step = up(state(), HALF)
    there = judged(5, step, marker(step), body="old")
    assert acts(situation(), there) == [UpdatePull(5, "title", f"body {BODY}")]


def test_an_interrupted_move_is_merged_at_the_head_that_was_judged() -> None:
    there = judged(5, up(state(), MOST))
    assert acts(situation(rules=FREE), there) == [MergePull(there.pull.branch, "h5", "title", "to most")]
    assert not [each for each in acts(situation(rules=FREE), replace(there, gate=RED)) if isinstance(each, MergePull)]


@pytest.mark.parametrize(
    ("allowed", "owners_approved", "approvers", "merged"),
    [
        (True, True, ("alice",), True),
        (False, True, ("alice",), False),
        (True, False, ("alice",), False),
        (True, True, (), False),
    ],
)
def test_the_bot_merges_on_approval_only_if_asked_to_and_an_owner_did(
    allowed: bool, owners_approved: bool, approvers: tuple[str, ...], merged: bool
) -> None:
    step = up(state(), HALF)
    there = judged(5, step, marker(step), owners_approved=owners_approved, approvers=approvers)
    found = acts(situation(rules=policy(merge_on_approval=allowed)), there)
    assert bool(found) is merged


@pytest.mark.parametrize(
    "there",
    [
        judged(5, replace(up(state(), HALF), attempt=2), marker(up(state(), HALF))),
        judged(5, replace(up(state(), HALF), hold=on_hold(state()).hold), marker(up(state(), HALF))),
        judged(5, replace(up(state(), HALF), change=up(state(MOST), HALF).change), marker(up(state(), HALF))),
        judged(5, up(state(), HALF), None),
        judged(5, up(state(), HALF), Approval("checkout", "half", 2)),
        judged(5, None, branch="rollout/checkout/2-half"),
        judged(5, up(state(), HALF), marker(up(state(), HALF)), paths=(state_path("checkout"), "src/app.py")),
    ],
)
def test_a_pull_request_that_says_something_else_is_closed_and_opened_anew(there: Judged) -> None:
    closing, opened, *_ = acts(situation(), there)
    assert isinstance(closing, ClosePull)
    assert isinstance(opened, OpenPull)
    assert (closing.number, opened.after, opened.branch) == (5, 5, there.pull.branch)


@pytest.mark.parametrize(
    ("gates", "same"), [((), False), (("duration",), False), (("analysis",), True), (("analysis", "duration"), False)]
)
def test_an_override_passes_over_what_a_human_asks_for_now(gates: tuple[str, ...], same: bool) -> None:
    step = up(state(), HALF)
    there = judged(5, step, marker(step, *gates))
    found = acts(situation(outcome=Outcome.INCONCLUSIVE), there, request=asks(ChangeKind.ADVANCE))
    assert (found == []) is same


def test_an_override_stays_open_as_what_it_is_when_its_gates_have_opened() -> None:
    step = replace(up(state(), HALF), change=change(ChangeKind.ADVANCE, "canary", by="alice"))
    there = judged(5, step, marker(step, "analysis"), body="of last week")
    assert acts(situation(), there, request=asks(ChangeKind.ADVANCE))[0] == ClosePull(5, OUTDATED)
    shown: list[Proposal] = []

    class Seen(Texts):
        def pull(self, situation: Situation, decision: Decision) -> PullText:
            assert decision.proposal is not None
            shown.append(decision.proposal)
            return super().pull(situation, decision)

    now = situation()
    found = plan(snapshot(there.pull), now, decide(now), (there,), Seen()).actions
    assert found == (UpdatePull(5, "title", f"body {BODY}"),)
    # Who approves it approves the override, whatever the bot would propose by now.
    assert shown == [Proposal(step, there.approval)]


def test_other_pull_requests_of_the_rollout_are_superseded_after_the_merge() -> None:
    advance = judged(5, up(state(), HALF), marker(up(state(), HALF)))
    actions = acts(situation(outcome=Outcome.REGRESSED), advance)
    assert [type(each) for each in actions] == [OpenPull, SetGate, MergePull, ClosePull]
    assert actions[-1] == ClosePull(5, "Superseded by: roll back to off.")


def test_an_advance_closes_what_it_supersedes_first_so_that_two_are_never_open() -> None:
    outdated = judged(5, up(on_hold(state()), HALF), marker(up(state(), HALF)))
    closing, *rest = acts(situation(), outdated)
    assert closing == ClosePull(5, "Superseded by: advance to half.")
    assert [type(each) for each in rest] == [OpenPull, SetGate]


# Nothing new is proposed


BLIND = situation(outcome=Outcome.UNAVAILABLE)


@pytest.mark.parametrize(
    "there",
    [
        judged(5, None),
        judged(5, up(state(generation=3), HALF)),
        judged(5, replace(up(state(), HALF), stage="gone")),
        judged(5, up(state(), HALF), paths=(state_path("checkout"), "src/app.py")),
        judged(5, up(state(), MOST), branch="rollout/checkout/2-half"),
    ],
)
def test_what_fits_no_more_is_closed(there: Judged) -> None:
    assert acts(BLIND, there) == [
        ClosePull(5, "This pull request no longer fits the committed state or the policy."),
    ]


def test_what_may_still_become_right_stays_with_its_gate() -> None:
    there = judged(5, up(state(), HALF), marker(up(state(), HALF)), RED)
    assert acts(BLIND, there) == [SetGate(there.pull.branch, "h5", RED)]


def test_an_advance_that_somebody_asked_for_is_finished() -> None:
    refused = situation(rules=FREE, refusal=refusal(snapshot(), "checkout", "x", []))
    held_back = replace(refused, standing=standing(state(), entered=-HOUR))
    there = judged(5, up(state(), MOST))
    assert acts(held_back, there) == [MergePull(there.pull.branch, "h5", "title", "to most")]


@pytest.mark.parametrize("step", [on_hold(state()), resumed(state()), down(state(), OFF)])
@pytest.mark.parametrize("found", [situation(rules=FREE), BLIND])
def test_what_was_begun_is_finished_before_the_bot_goes_up(step: State, found: Situation) -> None:
    begun, advance = judged(6, step), judged(5, up(state(), MOST))
    actions = acts(found, advance, begun)
    assert actions[0] == MergePull(begun.pull.branch, "h6", "title", f"to {step.stage}")
    assert [each.number for each in actions[1:] if isinstance(each, ClosePull)] == [5]
    assert len(actions) == 2


def test_what_was_begun_waits_for_its_gate() -> None:
    begun = judged(6, on_hold(state()), gate=RED)
    assert any(isinstance(each, OpenPull) for each in acts(situation(rules=FREE), begun))


def test_the_deepest_rollback_is_finished_first() -> None:
    here = state(MOST, generation=4)
    deep, shallow, hold = judged(7, down(here, OFF)), judged(8, down(here, HALF)), judged(9, on_hold(here))
    actions = acts(situation(here), shallow, hold, deep)
    assert isinstance(actions[0], MergePull)
    assert actions[0].branch == deep.pull.branch


@pytest.mark.parametrize(("begun", "first"), [(OFF, "5-off"), (HALF, "5-half"), (None, "5-half")])
def test_a_regression_goes_down_at_least_as_far_as_what_was_begun(begun: Any, first: str) -> None:
    here = state(MOST, generation=4)
    own = judged(7, down(here, begun) if begun else on_hold(here))
    actions = acts(situation(here, Outcome.REGRESSED), own)
    merge = next(each for each in actions if isinstance(each, MergePull))
    assert merge.branch == f"rollout/checkout/{first}"


def test_what_a_human_asks_for_now_comes_first() -> None:
    actions = acts(situation(), judged(6, down(state(), OFF)), request=asks(ChangeKind.HOLD))
    assert [type(each) for each in actions] == [OpenPull, SetGate, MergePull, ClosePull]


# Whose pull request, and who refused it


def test_only_the_bots_own_branches_are_its_own() -> None:
    mine = pull(1, up(state(), HALF))
    theirs = replace(mine, number=2, author="mallory")
    other = replace(mine, number=3, branch="rollout/checkout-2/2-half")
    assert own_pulls(snapshot(mine, theirs, other), "checkout") == (mine,)


def refused(*pulls: PullRequest, policy_at: Any = None) -> Any:
    history = [] if policy_at is None else [Revision("c", policy_at, b"")]
    return refusal(snapshot(*pulls), "checkout", "rollout/checkout/2-half", history)


def closed(number: int, by: str | None, **fields: Any) -> PullRequest:
    fields = {"closed_at": NOW, **fields}
    return pull(number, up(state(), HALF), state=PullState.CLOSED, closed_by=by, **fields)


def test_refusals() -> None:
    assert refused() is None
    assert refused(closed(5, BOT)) is None
    found = refused(closed(5, "alice"))
    assert (found.number, found.by, found.at) == (5, "alice", NOW)
    assert refused(closed(5, "alice"), closed(6, BOT)) is None
    assert refused(closed(5, BOT), closed(6, "alice")).number == 6
    assert refused(closed(5, "alice", branch="rollout/checkout/2-most")) is None


def test_a_branch_deleted_by_hand_is_refused_by_somebody() -> None:
    found = refused(closed(5, None, closed_at=None))
    assert (found.by, found.at) == ("somebody", NOW - HOUR)


def test_a_refusal_ends_when_somebody_reopened_or_the_policy_changed() -> None:
    assert refused(closed(5, "alice"), pull(6, up(state(), HALF))) is None
    assert refused(closed(5, "alice"), policy_at=NOW + HOUR) is None
    assert refused(closed(5, "alice"), policy_at=NOW) is not None


def test_a_status_is_never_posted_twice() -> None:
    there = pull(1, up(state(), HALF))
    assert plan_gates([(there, GREEN), (there, RED)], BOT) == (SetGate(there.branch, "h1", RED),)
    own, foreign = replace(there, gate_by=BOT), replace(there, gate_by="mallory")
    assert plan_gates([(own, GREEN), (foreign, GREEN)], BOT) == (SetGate(there.branch, "h1", GREEN),)


def test_the_bot_does_not_merge_what_its_own_gate_refuses() -> None:
    found = situation(rules=FREE, outcome=Outcome.INCONCLUSIVE)
    good = decide(situation(rules=FREE))
    assert good.proposal is not None
    assert judge_proposal(found, good.proposal).state is GateState.PENDING
    actions = plan(snapshot(), found, good, (), Texts()).actions
    assert [type(each) for each in actions] == [OpenPull, SetGate]


# What an opening ends with, and what a merge leaves


def test_reviewers_are_asked_where_an_approval_is_needed_and_nowhere_else() -> None:
    asked = acts(situation(rules=policy(reviewers=("@alice",))))[0]
    assert isinstance(asked, OpenPull)
    assert asked.reviewers == ("@alice",)
    free = acts(situation(rules=replace(FREE, reviewers=("@alice",))))[0]
    assert isinstance(free, OpenPull)
    assert free.reviewers == ()


def test_a_pull_request_without_any_label_is_finished() -> None:
    step = up(state(), HALF)
    found = situation(rules=policy(reviewers=("@alice",)))
    bare = judged(5, step, marker(step), labels=())
    labels = ("rollout", "rollout: advance", "rollout: needs approval")
    assert acts(found, bare) == [FinishPull(5, labels, ("@alice",))]
    assert acts(found, judged(5, step, marker(step), labels=("bug",))) == [FinishPull(5, labels, ("@alice",))]
    assert acts(found, judged(5, step, marker(step), labels=("rollout: advance",))) == []


def test_a_merge_comes_after_the_labels_that_a_later_tick_could_not_add() -> None:
    actions = acts(situation(rules=FREE), judged(7, up(state(), MOST), labels=()))
    assert [type(each) for each in actions] == [FinishPull, MergePull]


def test_branches_that_merges_left_go_a_few_at_a_time_where_nothing_else_is_to_do() -> None:
    left = {f"rollout/checkout/{number}-half": f"h{number}" for number in range(9)} | {"rollout/other/1-half": "x"}
    here = replace(snapshot(), left=left)
    found = situation(outcome=Outcome.INCONCLUSIVE)
    actions = plan(here, found, decide(found), (), Texts()).actions
    assert actions == tuple(DeleteBranch(f"rollout/checkout/{number}-half", f"h{number}") for number in range(5))
    busy = situation(rules=FREE)
    assert not any(isinstance(each, DeleteBranch) for each in plan(here, busy, decide(busy), (), Texts()).actions)
