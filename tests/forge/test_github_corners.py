"""What rarely happens between the GitHub forge and GitHub."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.forges import BRANCH, GREEN, POLICY, STATE, full_plan, opening
from support.github import FakeGitHub, strict
from support.github.faults import message
from support.github_forge import Connect

from rollout_bot.core.decision.actions import ClosePull, MergePull, SetGate, UpdatePull
from rollout_bot.core.model.repository import PullState
from rollout_bot.forge.github import GitHubForge
from rollout_bot.forge.github import opening as github_opening
from rollout_bot.forge.github.transport import Answer, Transport
from rollout_bot.forge.interface import Applied, Conflict, ForgeError, NotFound, NotMergeable, Unusable

Change = Callable[[dict[str, Any]], None]
MERGE = MergePull(BRANCH, None, "T [skip ci]", "M\nskip-checks: true")


def opened(hub: GitHubForge, **more: Any) -> int:
    applied = hub.apply(opening(hub.snapshot().base, **more))
    assert applied.pull is not None
    return applied.pull.number


@pytest.fixture
def tamper(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Change], None]:
    """Changes the answers to queries whose repository part holds a name."""

    def install(name: str, change: Change) -> None:
        whole = Transport.query

        def query(self: Transport, document: str, *more: Any, **options: Any) -> Any:
            data = whole(self, document, *more, **options)
            if name in (data.get("repository") or {}):
                change(data["repository"])
            return data

        monkeypatch.setattr(Transport, "query", query)

    return install


def test_a_renamed_file_is_asked_for_where_one_is_missing(
    hub: GitHubForge, github: FakeGitHub, tamper: Callable[[str, Change], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    github.person("bob").propose("change", {POLICY: None, "elsewhere.yaml": "stages: []\n"})

    def as_rename(repository: dict[str, Any]) -> None:
        for node in repository["open"]["nodes"]:
            node["files"]["nodes"] = [{"path": "elsewhere.yaml", "changeType": "RENAMED"}]
            node["changedFiles"] = 1

    def files(self: Transport, path: str, *more: Any, page: str, **_: Any) -> list[dict[str, str]]:
        assert path == "/repos/acme/shop/pulls/1/files"
        own = {"filename": "elsewhere.yaml", "status": "renamed", "previous_filename": POLICY}
        other = {"filename": "b", "status": "renamed", "previous_filename": "a"}
        return [other] * 100 if page == "1" else [own, {"filename": "c", "status": "added"}]

    tamper("open", as_rename)
    monkeypatch.setattr(Transport, "get", files)
    (pull,) = hub.snapshot().pulls
    assert pull.changes == {POLICY: None}
    assert set(pull.paths) == {"elsewhere.yaml", POLICY}


def test_a_rename_elsewhere_costs_nothing_more(
    hub: GitHubForge, github: FakeGitHub, tamper: Callable[[str, Change], None]
) -> None:
    github.person("bob").propose("change", {"a.py": "1\n"})
    github.commit({POLICY: "stages: [1]\n"})

    def as_rename(repository: dict[str, Any]) -> None:
        repository["open"]["nodes"][0]["files"]["nodes"][0]["changeType"] = "RENAMED"

    tamper("open", as_rename)
    (pull,) = hub.snapshot().pulls
    assert pull.changes == {}
    assert hub.requests == 2
    hub.snapshot()
    assert hub.requests == 3


def test_a_base_without_rollouts(connect: Connect, github: FakeGitHub) -> None:
    github.commit({STATE: None, POLICY: None})
    hub = connect()
    seen = hub.snapshot()
    assert (seen.files, seen.history) == ({}, {})
    assert hub.requests == 1


def test_names_of_new_rollouts_have_no_history(hub: GitHubForge, github: FakeGitHub) -> None:
    github.person("bob").propose("new", {"rollout-state/new/state.yaml": "x\n", "rollout-state/README.md": "x\n"})
    assert set(hub.snapshot().history) == {STATE, POLICY}
    hub.snapshot()
    assert hub.requests == 3


def test_actions_need_no_snapshot_before_them(connect: Connect, github: FakeGitHub) -> None:
    first = connect()
    number = opened(first)
    assert connect().apply(SetGate(BRANCH, None, GREEN)).changed
    assert connect().apply(UpdatePull(number, "New", "Text")).changed
    assert connect().apply(MERGE).changed
    assert github.story()[0] == f"T (#{number})"
    assert not connect().apply(MERGE).changed
    assert not connect().apply(SetGate(BRANCH, None, GREEN)).changed
    for action in (ClosePull(number, ""), UpdatePull(number, "T", "B")):
        with pytest.raises(Conflict):
            connect().apply(action)
    with pytest.raises(NotFound):
        connect().apply(MergePull("rollout/none/1-a", None, "T", "M"))
    with pytest.raises(NotFound, match="#99"):
        connect().apply(ClosePull(99, ""))


def test_a_branch_left_by_a_close_that_was_cut_short_goes(connect: Connect, github: FakeGitHub) -> None:
    number = opened(connect())
    github.bot("rollout-bot").close(number)
    assert github.branches() == ["main", BRANCH]
    github.fail(message(502, ""), "deleteRef")
    assert not connect().apply(ClosePull(number, "")).changed
    assert not connect().apply(ClosePull(number, "")).changed
    assert github.branches() == ["main"]
    assert not connect().apply(ClosePull(number, "")).changed


def test_a_branch_that_somebody_kept_after_closing_stays(connect: Connect, github: FakeGitHub) -> None:
    number = opened(connect())
    github.person("bob").close(number)
    with pytest.raises(Conflict, match="closed meanwhile"):
        opened(connect())
    assert github.branches() == ["main", BRANCH]
    assert opened(connect(), after=number) == number + 1
    hub = connect()
    hub.snapshot()
    github.person("bob").close(number + 1)
    with pytest.raises(Conflict, match="was closed"):
        hub.apply(MERGE)


def test_closing_meets_a_merge(hub: GitHubForge, github: FakeGitHub) -> None:
    number = opened(hub)
    github.person("bob").merge(number)
    github.fail(None, "closePullRequest")
    with pytest.raises(Conflict, match="is merged"):
        hub.apply(ClosePull(number, "Superseded."))


def test_a_close_that_github_does_not_confirm(hub: GitHubForge, monkeypatch: pytest.MonkeyPatch) -> None:
    number = opened(hub)
    error = Unusable("cannot close #1: no")
    monkeypatch.setattr(Transport, "mutate", lambda *_: Answer({"closePullRequest": None}, error))
    with pytest.raises(Unusable):
        hub.apply(ClosePull(number, ""))


def test_another_run_merged_what_this_one_is_about_to_open(connect: Connect, github: FakeGitHub) -> None:
    github.rules.delete_branch = True
    slow = connect()
    base = slow.snapshot().base
    quick = connect()
    for action in full_plan(quick.snapshot().base):
        quick.apply(action)
    applied = slow.apply(opening(base))
    assert applied.pull is not None
    assert (applied.changed, applied.pull.state) == (False, PullState.MERGED)
    assert github.branches() == ["main"]


def test_merging_meets_a_lost_answer_and_a_merge_by_somebody_else(connect: Connect, github: FakeGitHub) -> None:
    github.world.unknown_looks = 0
    hub = connect()
    number = opened(hub)
    github.person("bob").merge(number)
    assert hub.apply(MERGE) == Applied(changed=False, pull=hub.apply(MERGE).pull)


def test_a_merge_that_is_never_answered(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub)
    github.fail(None, "merge", times=9)
    with pytest.raises(ForgeError, match="connection"):
        hub.apply(MERGE)


@pytest.mark.parametrize(
    ("changes", "kind", "told"),
    [
        ({"isDraft": True}, NotMergeable, "draft"),
        ({"mergeStateStatus": "BEHIND"}, NotMergeable, "up to date"),
        ({"mergeable": "CONFLICTING"}, Conflict, "changed on main"),
        ({"checked": None}, NotMergeable, "not required"),
        ({"checked": {"nodes": []}}, NotMergeable, "not required"),
        ({"reviewDecision": "CHANGES_REQUESTED"}, NotMergeable, "asked for changes"),
        ({"reviewDecision": None}, NotMergeable, "cannot merge #1"),
    ],
)
def test_obstacles(
    hub: GitHubForge,
    github: FakeGitHub,
    tamper: Callable[[str, Change], None],
    changes: dict[str, Any],
    kind: type[ForgeError],
    told: str,
) -> None:
    github.world.rules = replace(strict(4711), auto_merge=False)
    opened(hub, owned=True)
    hub.apply(SetGate(BRANCH, None, GREEN))
    tamper("pullRequest", lambda repository: repository["pullRequest"].update(changes))
    with pytest.raises(kind, match=told):
        hub.apply(MERGE)


def test_auto_merge_that_is_not_answered(hub: GitHubForge, github: FakeGitHub) -> None:
    github.world.rules = strict(4711)
    opened(hub, owned=True)
    hub.apply(SetGate(BRANCH, None, GREEN))
    github.fail(None, "enablePullRequestAutoMerge")
    with pytest.raises(NotMergeable, match="connection"):
        hub.apply(MERGE)


def test_no_labels_cost_no_request(hub: GitHubForge, github: FakeGitHub) -> None:
    action = replace(opening(hub.snapshot().base), labels=())
    hub.apply(action)
    assert not any("labels" in operation for operation in github.requests())


def test_a_status_whose_answer_is_lost_is_posted_again(hub: GitHubForge, github: FakeGitHub) -> None:
    opened(hub)
    github.fail(None, "statuses", after=True)
    assert hub.apply(SetGate(BRANCH, None, GREEN)).changed
    assert github.gate(1) == ("success", "healthy")


@pytest.mark.parametrize("data", [{"createCommitOnBranch": None}, {"createCommitOnBranch": {"commit": None}}, {}])
def test_a_commit_that_github_does_not_confirm(
    hub: GitHubForge, monkeypatch: pytest.MonkeyPatch, data: dict[str, Any]
) -> None:
    base = hub.snapshot().base
    monkeypatch.setattr(Transport, "mutate", lambda *_: Answer(data, None))
    with pytest.raises(ForgeError, match="no commit"):
        hub.apply(opening(base))


def test_an_opening_that_github_refuses(hub: GitHubForge, github: FakeGitHub) -> None:
    base = hub.snapshot().base
    github.fail(message(422, "No commits between main and x"), "POST /repos/{owner}/{repo}/pulls")
    with pytest.raises(Conflict, match="nothing"):
        hub.apply(opening(base))
    github.fail(message(422, "Validation Failed"), "POST /repos/{owner}/{repo}/pulls")
    with pytest.raises(ForgeError, match="Validation Failed"):
        hub.apply(opening(base))


def test_texts_are_cut_and_cleaned() -> None:
    assert len(github_opening.body("x" * 70_000)) == 65_536
    assert github_opening.headline(" [CI skip]\n\x00 ") == "Change"
    assert github_opening.message("a\nskip-checks: true\n[no ci] b") == "a\n\n b"


def test_many_closed_ones_are_searched_for_page_by_page(
    hub: GitHubForge, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, tamper: Callable[[str, Change], None]
) -> None:
    bob = github.person("bob")
    numbers = [bob.propose(f"rollout/guardian/{n}-half", {STATE: f"stage: {n}\n"}) for n in range(2)]
    for number in numbers:
        bob.close(number)
    whole = Transport.query
    pages: list[Any] = []

    def query(self: Transport, document: str, variables: Any, *more: Any, **options: Any) -> Any:
        data = whole(self, document, variables, *more, **options)
        if "search" in data:
            pages.append(variables["after"])
            data["search"]["pageInfo"] = {"hasNextPage": len(pages) < 2, "endCursor": None}
        elif "closed" in data["repository"]:
            data["repository"]["closed"]["pageInfo"]["hasNextPage"] = True
            data["repository"]["closed"]["nodes"] = [None]
        return data

    monkeypatch.setattr(Transport, "query", query)
    assert [pull.number for pull in hub.snapshot().pulls] == numbers
    assert len(pages) == 2
