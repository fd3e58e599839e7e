"""Reviews, labels and left branches on GitHub: what no rollout depends on, and what is never done twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.forges import BRANCH, STATE, full_plan, opening
from support.github import FakeGitHub
from support.github.faults import SECONDARY, UNICORN, Answer, message
from support.github.model import Pull
from support.github_forge import Connect

from rollout_bot.core.decision.actions import DeleteBranch, FinishPull
from rollout_bot.forge.github import GitHubForge
from rollout_bot.forge.interface import Applied

LABELS = "POST /repos/{owner}/{repo}/issues/{number}/labels"
ASKED = "/repos/{owner}/{repo}/pulls/{number}/requested_reviewers"
REVIEWERS = ("@bob", "@acme/release")


def opened(hub: GitHubForge, *reviewers: str, owned: bool = True) -> Applied:
    return hub.apply(replace(opening(hub.snapshot().base, owned=owned), reviewers=reviewers))


@pytest.fixture
def team(github: FakeGitHub) -> None:
    github.world.teams["acme/release"] = frozenset({"alice"})


def labels(pull: Pull) -> list[str]:
    return [label.name for label in pull.labels]


def merged(hub: GitHubForge) -> str:
    for action in full_plan(hub.snapshot().base):
        applied = hub.apply(action)
    assert applied.pull is not None
    return applied.pull.head


@pytest.mark.usefixtures("team")
def test_people_and_teams_are_asked_in_one_request(hub: GitHubForge, github: FakeGitHub) -> None:
    applied = opened(hub, *REVIEWERS, "@BOB")
    assert (applied.changed, applied.note) == (True, None)
    # Alice owns the approval: GitHub has asked her by itself.
    assert github.pulls[1].requested == ["alice", "BOB", "acme/release"]
    assert labels(github.pulls[1]) == ["rollout"]
    assert github.requests().count(f"POST {ASKED}") == 1
    assert f"GET {ASKED}" not in github.requests()


def test_who_was_asked_is_not_asked_again(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub, "@Alice")
    assert not any(ASKED in each for each in github.requests())


def test_nobody_named_costs_no_request(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub)
    assert not any(ASKED in each for each in github.requests())


def test_a_team_that_the_token_may_not_see_keeps_nobody_else_from_being_asked(
    hub: GitHubForge, github: FakeGitHub
) -> None:
    applied = opened(hub, *REVIEWERS)
    assert github.pulls[1].requested == ["alice", "bob"]
    assert labels(github.pulls[1]) == ["rollout"]
    assert "not a collaborator" in (applied.note or "")
    assert "the people were asked" in (applied.note or "")
    assert hub.requests <= 8


@pytest.mark.parametrize("reviewers", [("@nobody-at-all",), ("@acme/none",), ("@nobody-at-all", "@acme/none")])
def test_a_refusal_is_noted_and_left(hub: GitHubForge, github: FakeGitHub, reviewers: tuple[str, ...]) -> None:
    applied = opened(hub, *reviewers)
    assert applied.changed
    assert "not a collaborator" in (applied.note or "")
    assert labels(github.pulls[1]) == ["rollout"]


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("on", [LABELS, f"POST {ASKED}"])
def test_a_lost_answer_is_asked_for_again(hub: GitHubForge, github: FakeGitHub, on: str, after: bool) -> None:
    github.fail(None, on, after=after)
    applied = opened(hub, "@bob")
    assert applied.note is None
    assert (github.pulls[1].requested, labels(github.pulls[1])) == (["alice", "bob"], ["rollout"])


@pytest.mark.parametrize("answer", [None, UNICORN, SECONDARY])
def test_reviews_that_could_not_be_asked_for_are_left_to_a_later_tick(
    connect: Connect, github: FakeGitHub, answer: Answer | None
) -> None:
    github.fail(answer, f"POST {ASKED}", times=2)
    hub = connect()
    applied = opened(hub, "@bob")
    assert applied.changed
    assert "ask for the review of #1" in (applied.note or "")
    assert (github.pulls[1].requested, labels(github.pulls[1])) == (["alice"], [])
    github.heal()
    later = connect()
    (seen,) = later.snapshot().pulls
    assert seen.labels == ()
    finish = FinishPull(1, ("rollout",), ("@bob",))
    assert later.apply(finish).changed
    assert (github.pulls[1].requested, labels(github.pulls[1])) == (["alice", "bob"], ["rollout"])
    before = len(github.log)
    later.apply(finish)
    assert github.requests(before) == [f"GET {ASKED}", LABELS]


def test_who_has_approved_is_not_asked(connect: Connect, github: FakeGitHub) -> None:
    github.fail(None, LABELS, times=2)
    opened(connect())
    github.pulls[1].requested.clear()
    github.person("alice").approve(1)
    assert connect().apply(FinishPull(1, ("rollout",), ("@alice",))).changed
    assert github.pulls[1].requested == []


def test_what_is_not_open_any_more_is_not_finished(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub, owned=False)
    github.person("bob").close(1)
    hub.snapshot()
    before = len(github.log)
    assert not hub.apply(FinishPull(1, ("late",))).changed
    assert len(github.log) == before


def test_labels_may_fail(hub: GitHubForge, github: FakeGitHub) -> None:
    github.fail(message(403, "no"), LABELS)
    applied = [hub.apply(action) for action in full_plan(hub.snapshot().base)]
    assert [each.changed for each in applied] == [True] * 3
    assert "label #1" in (applied[0].note or "")
    assert github.show(STATE) == "stage: half\n"


def test_a_slow_github_keeps_no_merge_waiting_for_labels(hub: GitHubForge, github: FakeGitHub) -> None:
    github.fail(UNICORN, LABELS, times=9)
    opened(hub)
    assert github.requests().count(LABELS) == 1


def test_the_branch_of_a_merged_pull_request_is_seen_and_deleted(hub: GitHubForge, github: FakeGitHub) -> None:
    head = merged(hub)
    assert github.branches() == ["main", BRANCH]
    assert hub.snapshot().left == {BRANCH: head}
    assert hub.apply(DeleteBranch(BRANCH, head)).changed
    assert github.branches() == ["main"]
    assert hub.snapshot().left == {}
    again = hub.apply(DeleteBranch(BRANCH, head))
    assert not again.changed
    assert BRANCH in (again.note or "")


def test_a_branch_that_somebody_goes_on_with_stays(hub: GitHubForge, github: FakeGitHub) -> None:
    head = merged(hub)
    hub.snapshot()
    github.person("bob").push(BRANCH, {"app.py": "1\n"})
    assert not hub.apply(DeleteBranch(BRANCH, head)).changed
    assert hub.snapshot().left == {}
    assert github.branches() == ["main", BRANCH]


def test_only_branches_that_the_bot_has_done_with_are_left(hub: GitHubForge, github: FakeGitHub) -> None:
    bob = github.person("bob")
    bob.push("rollout/guardian/7-none", {"a": "1\n"})
    bob.merge(bob.propose("rollout/guardian/8-theirs", {"b": "1\n"}))
    bob.close(bob.propose("rollout/guardian/9-closed", {"c": "1\n"}))
    opened(hub)
    assert hub.snapshot().left == {}


def test_a_deletion_that_is_not_answered_is_noted(hub: GitHubForge, github: FakeGitHub) -> None:
    head = merged(hub)
    github.fail(None, "updateRefs")
    assert "connection" in (hub.apply(DeleteBranch(BRANCH, head)).note or "")
