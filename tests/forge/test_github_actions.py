"""What the GitHub forge does, on a GitHub served from a real git repository."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges import BRANCH, GREEN, MARKER, STATE, full_plan, opening
from support.github import FakeGitHub, strict
from support.github.faults import message
from support.github_forge import Connect

from rollout_bot.core.decision.actions import ClosePull, MergePull, SetGate, StartWorkflow, UpdatePull
from rollout_bot.core.model.repository import GateState, GateStatus, PullState
from rollout_bot.forge.github import GitHubForge
from rollout_bot.forge.github import opening as github_opening
from rollout_bot.forge.interface import Conflict, ForgeError, NotFound, NotMergeable, Unusable

RED = GateStatus(GateState.FAILURE, "the error rate is too high")


def carry_out(hub: GitHubForge) -> None:
    for action in full_plan(hub.snapshot().base):
        hub.apply(action)


def opened(hub: GitHubForge, **more: object) -> int:
    applied = hub.apply(opening(hub.snapshot().base, **more))  # type: ignore[arg-type]
    assert applied.pull is not None
    return applied.pull.number


def test_an_advance_costs_eight_requests_at_most(hub: GitHubForge, github: FakeGitHub) -> None:
    github.world.rules = strict(4711)
    carry_out(hub)
    assert hub.requests <= 8
    assert github.show(STATE) == "stage: half\n"
    seen = hub.snapshot()
    assert (seen.history[STATE][0].pull, seen.pulls) == (1, ())
    pull = github.pulls[1]
    assert [label.name for label in pull.labels] == ["rollout"]
    assert github.gate(1) == ("success", "healthy")


def test_the_commit_is_made_by_github_and_names_no_author(hub: GitHubForge, github: FakeGitHub) -> None:
    carry_out(hub)
    assert github.story()[0] == "guardian: quarter → half (#1)"
    assert "mutation createRef,createCommitOnBranch" in github.requests()


def test_everything_done_twice_is_done_once(connect: Connect, github: FakeGitHub) -> None:
    first, second = connect(), connect()
    plan = full_plan(first.snapshot().base)
    second.snapshot()
    for action in plan[:2]:
        assert first.apply(action).changed
        assert not first.apply(action).changed
    again = second.apply(plan[0])
    assert not again.changed
    assert again.pull is not None
    assert again.pull.number == 1
    assert second.apply(plan[2]).changed
    assert not first.apply(plan[2]).changed or len(github.pulls) == 1
    assert len(github.pulls) == 1
    assert github.story().count("guardian: quarter → half (#1)") == 1


@pytest.mark.parametrize("nth", range(1, 8))
@pytest.mark.parametrize("after", [True, False])
def test_survives_a_lost_answer_at_every_write(connect: Connect, github: FakeGitHub, nth: int, after: bool) -> None:
    github.fail(None, "write", nth=nth, after=after)
    for _ in range(3):
        hub = connect()
        try:
            seen = hub.snapshot()
            if seen.files[STATE] == b"stage: half\n":
                break
            for action in full_plan(seen.base):
                hub.apply(action)
        except ForgeError:
            continue
    assert github.show(STATE) == "stage: half\n"
    assert len(github.pulls) == 1


def test_a_branch_that_a_killed_run_left_is_made_anew(hub: GitHubForge, github: FakeGitHub) -> None:
    github.person("bob").push(BRANCH, {STATE: "stage: nonsense\n", "app.py": "1\n"})
    opened(hub)
    assert github.show(STATE, BRANCH) == "stage: half\n"
    assert github.show("app.py", BRANCH) is None


def test_another_content_under_the_same_name_is_a_conflict(connect: Connect) -> None:
    opened(connect())
    with pytest.raises(Conflict, match="another content"):
        opened(connect(), text="most")


def test_a_closed_one_is_not_opened_again_behind_somebodys_back(hub: GitHubForge, github: FakeGitHub) -> None:
    base = hub.snapshot().base
    bob = github.person("bob")
    number = bob.propose(BRANCH, {STATE: "stage: half\n"})
    bob.close(number)
    bob.delete_branch(BRANCH)
    with pytest.raises(Conflict):
        hub.apply(opening(base))
    assert github.branches() == ["main"]
    assert hub.apply(opening(base, after=number)).changed


def test_who_is_outrun_by_nobody_gives_up(hub: GitHubForge, monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub's answers say of each commit that somebody was faster, and of the branch that nobody was."""

    def outrun(*_: object) -> tuple[str, None]:
        raise github_opening._Outrun("somebody was faster")

    monkeypatch.setattr(github_opening, "_made", outrun)
    with pytest.raises(ForgeError, match="somebody was faster"):
        hub.apply(opening(hub.snapshot().base))
    assert hub.requests < 10


def test_what_changes_nothing_is_not_opened(hub: GitHubForge) -> None:
    with pytest.raises(Conflict, match="nothing"):
        opened(hub, text="quarter")


def test_a_file_that_moved_on_since_the_plan_is_a_conflict(hub: GitHubForge, github: FakeGitHub) -> None:
    old = hub.snapshot().base
    github.commit({"app.py": "1\n"})
    hub.snapshot()
    assert hub.apply(opening(old)).changed
    github.commit({STATE: "stage: most\n"})
    hub.snapshot()
    with pytest.raises(Conflict, match=STATE):
        hub.apply(opening(old, branch="rollout/guardian/3-half"))


def test_the_base_branch_takes_no_commit_of_its_own(hub: GitHubForge) -> None:
    with pytest.raises(ForgeError, match="base branch"):
        hub.apply(opening(hub.snapshot().base, branch="main"))


def test_a_text_is_replaced_only_if_it_differs(hub: GitHubForge, github: FakeGitHub) -> None:
    number = opened(hub)
    assert hub.apply(UpdatePull(number, "New", "Text")).changed
    assert (github.pulls[number].title, github.pulls[number].body) == ("New", "Text")
    before = hub.requests
    assert not hub.apply(UpdatePull(number, "New", "Text")).changed
    assert hub.requests == before
    github.person("bob").close(number)
    hub.snapshot()
    with pytest.raises(Conflict, match="not open"):
        hub.apply(UpdatePull(number, "Newer", "Text"))


def test_a_status_is_posted_only_if_it_differs(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub)
    assert hub.apply(SetGate(BRANCH, None, GREEN)).changed
    assert not hub.apply(SetGate(BRANCH, None, GREEN)).changed
    assert hub.apply(SetGate(BRANCH, None, replace(RED, description="x" * 200))).changed
    assert github.gate(1) == ("failure", "x" * 139 + "…")
    seen = hub.snapshot().pulls[0]
    assert seen.gate == GateStatus(GateState.FAILURE, "x" * 139 + "…")
    assert not hub.apply(SetGate(BRANCH, seen.head, replace(RED, description="x" * 200))).changed


def test_a_status_is_of_no_use_where_nothing_is_open(hub: GitHubForge, github: FakeGitHub) -> None:
    with pytest.raises(NotFound, match=BRANCH):
        hub.apply(SetGate(BRANCH, None, GREEN))
    number = opened(hub)
    github.person("bob").close(number)
    hub.snapshot()
    with pytest.raises(Conflict, match="closed"):
        hub.apply(SetGate(BRANCH, None, GREEN))


def test_closing_says_why_and_removes_the_branch_in_one_request(hub: GitHubForge, github: FakeGitHub) -> None:
    number = opened(hub)
    before = hub.requests
    assert hub.apply(ClosePull(number, "Superseded.")).changed
    assert hub.requests == before + 1
    assert github.branches() == ["main"]
    assert [comment.body for comment in github.pulls[number].comments] == ["Superseded."]
    assert not hub.apply(ClosePull(number, "Superseded.")).changed
    (pull,) = hub.snapshot().pulls
    assert (pull.state, pull.closed_by) == (PullState.CLOSED, "rollout-bot[bot]")


@pytest.mark.parametrize("after", [True, False])
def test_closing_survives_a_lost_answer(hub: GitHubForge, github: FakeGitHub, after: bool) -> None:
    number = opened(hub)
    github.fail(None, "closePullRequest", after=after)
    assert hub.apply(ClosePull(number, "Superseded.")).changed
    assert github.pulls[number].state == "CLOSED"
    assert github.branches() == ["main"]
    assert len(github.pulls[number].comments) == 1


def test_a_merged_one_cannot_be_closed(hub: GitHubForge, connect: Connect) -> None:
    other = connect()
    number = opened(hub)
    other.snapshot()
    carry_out(connect())
    for forge in (hub, other):
        with pytest.raises(Conflict, match="is merged"):
            forge.apply(ClosePull(number, "Superseded."))


def test_waits_while_github_works_out_the_mergeability(hub: GitHubForge, github: FakeGitHub) -> None:
    github.world.unknown_looks = 2
    carry_out(hub)
    assert github.show(STATE) == "stage: half\n"


def test_only_the_judged_head_is_merged(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub)
    head = github.pulls[1].head
    github.person("bob").push(BRANCH, {"app.py": "1\n"})
    with pytest.raises(Conflict):
        hub.apply(MergePull(BRANCH, None, "T", "M"))
    hub.snapshot()
    with pytest.raises(Conflict, match="judged"):
        hub.apply(MergePull(BRANCH, head, "T", "M"))
    assert github.pulls[1].state == "OPEN"


def test_what_the_rules_forbid_is_left_to_github_where_the_gate_is_required(
    hub: GitHubForge, github: FakeGitHub
) -> None:
    github.world.rules = strict(4711)
    opened(hub, owned=True)
    hub.apply(SetGate(BRANCH, None, GREEN))
    with pytest.raises(NotMergeable, match="armed now"):
        hub.apply(MergePull(BRANCH, None, "T", "M"))
    hub.snapshot()
    with pytest.raises(NotMergeable, match="is armed: GitHub"):
        hub.apply(MergePull(BRANCH, None, "T", "M"))
    github.person("alice").approve(1)
    assert github.pulls[1].state == "MERGED"
    assert hub.snapshot().history[STATE][0].approvers == ("alice",)


def test_nothing_is_left_to_github_where_the_gate_is_not_required(hub: GitHubForge, github: FakeGitHub) -> None:
    github.world.rules = replace(strict(), required_checks={})
    opened(hub, owned=True)
    with pytest.raises(NotMergeable, match="not required"):
        hub.apply(MergePull(BRANCH, None, "T", "M"))
    assert github.pulls[1].auto_merge is None


def test_each_refusal_of_auto_merge_has_its_way_out(hub: GitHubForge, github: FakeGitHub) -> None:
    github.world.rules = replace(strict(), auto_merge=False)
    opened(hub, owned=True)
    hub.apply(SetGate(BRANCH, None, GREEN))
    with pytest.raises(NotMergeable, match="Allow auto-merge"):
        hub.apply(MergePull(BRANCH, None, "T", "M"))


def test_a_merge_queue_is_named(hub: GitHubForge, github: FakeGitHub) -> None:
    github.world.rules = replace(strict(4711), queue=True)
    opened(hub)
    hub.apply(SetGate(BRANCH, None, GREEN))
    with pytest.raises(NotMergeable, match="merge queue"):
        hub.apply(MergePull(BRANCH, None, "T", "M"))


def test_files_changed_on_both_sides_are_a_conflict(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub)
    github.commit({STATE: "stage: most\n"})
    with pytest.raises(Conflict, match="changed on main"):
        hub.apply(MergePull(BRANCH, None, "T", "M"))


def test_an_owner_approves_and_nobody_else(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub, owned=True)
    github.person("bob").approve(1)
    pull = hub.snapshot().pulls[0]
    assert (pull.approvers, pull.owners_approved) == ((), False)
    github.person("alice").approve(1)
    pull = hub.snapshot().pulls[0]
    assert (pull.approvers, pull.owners_approved) == (("alice",), True)
    github.person("bob").push(BRANCH, {MARKER: "stage: full\n"})
    pull = hub.snapshot().pulls[0]
    assert (pull.approvers, pull.owners_approved) == ((), False)


def test_starts_the_deployment_on_the_base_branch(hub: GitHubForge, github: FakeGitHub) -> None:
    github.commit({".github/workflows/deploy.yml": "on: {workflow_dispatch: {inputs: {rollout: {}}}}\n"})
    assert hub.apply(StartWorkflow("deploy.yml", {"rollout": "guardian"})).changed
    assert [run.workflow for run in github.runs][-1].endswith("deploy.yml")
    with pytest.raises(NotFound, match=r"other\.yml"):
        hub.apply(StartWorkflow("other.yml"))


def test_roles(hub: GitHubForge, github: FakeGitHub) -> None:
    assert [hub.role(name) for name in ("alice", "bob", "carol", "nobody-at-all")] == ["admin", "write", "read", "none"]


def test_the_token_that_may_not_is_told_what_it_lacks(connect: Connect, github: FakeGitHub) -> None:
    with pytest.raises(Unusable, match="does not accept the token"):
        connect("ghs_expired").snapshot()
    hub = connect()
    base = hub.snapshot().base
    for on, permission in (
        ("createRef", "contents: write"),
        ("POST /repos/{owner}/{repo}/pulls", "pull-requests: write"),
    ):
        github.fail(message(403, "Resource not accessible by integration"), on)
        with pytest.raises(Unusable, match=permission):
            hub.apply(opening(base))
        github.heal()


def test_actions_may_not_open_pull_requests(connect: Connect, github: FakeGitHub) -> None:
    github.world.rules = replace(strict(), actions_may_open=False)
    hub = connect(github.actions_token())
    with pytest.raises(Unusable, match="Allow GitHub Actions to create"):
        opened(hub)


def test_the_set_up_is_examined(hub: GitHubForge) -> None:
    found = [finding.found for finding in hub.examine(["guardian"])]
    assert "acme/shop, base branch main, acting as rollout-bot[bot]" in found
