"""More than a hundred of anything, and many rollouts in few requests."""

from __future__ import annotations

from typing import Any

import pytest
from support.forges import POLICY, STATE
from support.github import FakeGitHub
from support.github.faults import message

from rollout_bot.core.model.repository import PullState
from rollout_bot.forge.github import GitHubForge
from rollout_bot.forge.github.history import KEPT
from rollout_bot.forge.github.transport import Transport


def test_many_rollouts_cost_two_requests(hub: GitHubForge, github: FakeGitHub) -> None:
    github.commit({f"rollout-state/r{n}/{name}.yaml": f"{n}\n" for n in range(60) for name in ("state", "policy")})
    seen = hub.snapshot()
    assert len(seen.rollouts()) == 61
    assert len(seen.history) == 122
    assert hub.requests == 2


def test_where_github_gives_up_it_is_asked_for_half(hub: GitHubForge, github: FakeGitHub) -> None:
    github.commit({f"rollout-state/r{n}/state.yaml": f"{n}\n" for n in range(3)})
    github.fail(message(502, "Server Error"), "query repository")
    seen = hub.snapshot()
    assert len(seen.history) == 5
    assert hub.requests == 4


def test_every_revision_up_to_a_bound(hub: GitHubForge, github: FakeGitHub) -> None:
    for n in range(45):
        github.commit({STATE: f"stage: s{n}\n"})
    history = hub.snapshot().history[STATE]
    assert [revision.content for revision in history] == [
        *(f"stage: s{n}\n".encode() for n in reversed(range(45))),
        b"stage: quarter\n",
    ]
    assert KEPT == 200
    assert hub.requests == 3


def test_every_file_of_a_large_pull_request(hub: GitHubForge, github: FakeGitHub) -> None:
    files = {f"src/{n:03}.py": "1\n" for n in range(230)}
    github.person("bob").propose("large", {**files, "zzz.txt": "1\n", STATE: "stage: half\n"})
    (pull,) = hub.snapshot().pulls
    assert set(pull.paths) == {*files, "zzz.txt", STATE}
    assert pull.changes == {STATE: b"stage: half\n"}
    assert hub.requests == 4


def test_every_open_pull_request(hub: GitHubForge, github: FakeGitHub) -> None:
    bob = github.person("bob")
    bob.push("many", {STATE: "stage: half\n"})
    head = github.world.head("many")
    for n in range(105):
        github.world.create_branch(f"b{n}", head, bob.actor)
        bob.open(f"b{n}")
    seen = hub.snapshot()
    assert [pull.number for pull in seen.pulls] == list(range(1, 106))
    assert all(pull.changes == {STATE: b"stage: half\n"} for pull in seen.pulls)
    assert hub.requests == 3


def test_a_refusal_is_found_behind_hundreds_of_others(hub: GitHubForge, github: FakeGitHub) -> None:
    bob = github.person("bob")
    refused = bob.propose("rollout/guardian/2-half", {STATE: "stage: half\n"})
    bob.close(refused)
    head = github.world.head("rollout/guardian/2-half")
    for n in range(120):
        github.world.create_branch(f"b{n}", head, bob.actor)
        bob.close(bob.open(f"b{n}"))
    (pull,) = hub.snapshot().pulls
    assert (pull.number, pull.state, pull.closed_by) == (refused, PullState.CLOSED, "bob")
    assert hub.requests == 3


@pytest.mark.parametrize("moved", [True, False])
def test_more_files_than_github_lists_are_not_waved_through(
    hub: GitHubForge, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    def cut(self: Transport, document: str, *more: Any, **options: Any) -> Any:
        data = whole(self, document, *more, **options)
        for node in data["repository"].get("open", {}).get("nodes", ()):
            node["files"]["nodes"], node["changedFiles"] = [], 3001
        return data

    whole = Transport.query
    monkeypatch.setattr(Transport, "query", cut)
    github.person("bob").propose("large", {"a.py": "1\n", **({POLICY: "stages: [1]\n"} if moved else {})})
    (pull,) = hub.snapshot().pulls
    assert pull.changes == ({POLICY: b"\0"} if moved else {})
