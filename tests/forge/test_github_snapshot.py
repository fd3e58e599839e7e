"""What the GitHub forge sees, on a GitHub served from a real git repository."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.forges import POLICY, STATE
from support.github import FakeGitHub
from support.github_forge import FILES, Connect
from support.repositories import START

from rollout_bot.core.model.repository import PullState
from rollout_bot.forge.github import GitHubForge
from rollout_bot.forge.interface import NotFound

DAY = timedelta(days=1)


def test_reads_files_and_history_in_two_requests(hub: GitHubForge, github: FakeGitHub) -> None:
    seen = hub.snapshot()
    assert (seen.base_branch, seen.actor, seen.pulls) == ("main", "rollout-bot[bot]", ())
    assert seen.files == {path: text.encode() for path, text in FILES.items()}
    assert [(one.merged_at, one.content) for one in seen.history[STATE]] == [(START, b"stage: quarter\n")]
    assert seen.history[STATE][0].commit == seen.base
    assert hub.requests == 2


def test_a_base_that_has_not_moved_costs_one_request(hub: GitHubForge) -> None:
    first = hub.snapshot()
    assert hub.snapshot() == first
    assert hub.requests == 3


def test_a_stage_begins_when_the_pull_request_was_merged(hub: GitHubForge, github: FakeGitHub) -> None:
    bob = github.person("bob")
    number = bob.propose("change", {STATE: "stage: half\n"})
    for method in ("squash", "merge", "rebase"):
        number = bob.propose(f"by-{method}", {STATE: f"stage: {method}\n"})
        merged_at = github.wait(7 * DAY)
        landed = bob.merge(number, method)
        newest, *_ = hub.snapshot().history[STATE]
        assert (newest.merged_at, newest.content, newest.pull) == (merged_at, f"stage: {method}\n".encode(), number)
        assert newest.commit == landed


def test_binary_large_and_linked_files_are_never_empty(hub: GitHubForge, github: FakeGitHub) -> None:
    github.commit({STATE: b"\xff\xfe\0", POLICY: b"x" * 2_000_000, "rollout-state/a/approvals/b.yaml": b"caf\xe9"})
    seen = hub.snapshot()
    assert seen.files[STATE] == b"\0"
    assert len(seen.files[POLICY]) == (1 << 20) + 1
    assert seen.files["rollout-state/a/approvals/b.yaml"] == b"\0"


def test_shows_a_pull_request_with_all_a_tick_needs(hub: GitHubForge, github: FakeGitHub) -> None:
    bob = github.person("bob")
    bob.push("change", {STATE: "stage: half\n", "app.py": "1\n", POLICY: None})
    number = bob.open("change", "Title", "Body")
    (pull,) = hub.snapshot().pulls
    assert (pull.number, pull.branch, pull.author, pull.title, pull.body) == (number, "change", "bob", "Title", "Body")
    assert pull.state is PullState.OPEN
    assert set(pull.paths) == {STATE, POLICY, "app.py"}
    assert pull.changes == {STATE: b"stage: half\n", POLICY: None}
    assert (pull.gate, pull.owners_approved, pull.approvers) == (None, False, ())


def test_a_renamed_file_leaves_its_old_path(hub: GitHubForge, github: FakeGitHub) -> None:
    content = "approved: yes\n" * 20
    marker = "rollout-state/guardian/approvals/half.yaml"
    github.commit({marker: content})
    github.person("bob").propose("change", {marker: None, "elsewhere.yaml": content})
    (pull,) = hub.snapshot().pulls
    assert pull.changes == {marker: None}


def test_refusals_are_told_with_their_author(hub: GitHubForge, github: FakeGitHub) -> None:
    bob = github.person("bob")
    for _ in range(2):
        number = bob.propose("rollout/guardian/2-half", {STATE: "stage: half\n"})
        bob.close(number)
        bob.delete_branch("rollout/guardian/2-half")
    bob.close(bob.propose("elsewhere", {STATE: "stage: half\n"}))
    (pull,) = hub.snapshot().pulls
    assert (pull.number, pull.state, pull.closed_by) == (number, PullState.CLOSED, "bob")


def test_a_branch_that_is_not_there_is_named(connect: Connect) -> None:
    with pytest.raises(NotFound, match="trunk"):
        connect(base_branch="trunk").snapshot()
