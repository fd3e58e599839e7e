"""`rollout-bot pulls`, as people use it."""

from __future__ import annotations

import json

import pytest
from support.forges import BRANCH, GREEN, MARKER, STATE, opening
from support.repositories import START, Repository, make

from rollout_bot.cli import main
from rollout_bot.core.decision.actions import OpenPull, SetGate
from rollout_bot.forge.local import LocalForge

NOW = ("--now", START.isoformat())


@pytest.fixture
def repository(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    made = make(tmp_path_factory.mktemp("service"), {STATE: "stage: quarter\n"})
    LocalForge(made.path, now=START).apply(opening(made.head(), owned=True))
    return made


def run(repository: Repository, *arguments: str) -> int:
    return main(["pulls", *arguments, "--repository", str(repository.path)])


def test_list_shows_what_is_open(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(repository, "list") == 0
    line = capsys.readouterr().out
    assert line.startswith("#1")
    assert "awaits a code owner" in line
    assert run(repository, "list", "--state", "merged") == 0
    assert capsys.readouterr().out == "no merged pull requests\n"
    assert run(repository, "list", "--state", "all", "--format", "json") == 0
    (pull,) = json.loads(capsys.readouterr().out)
    assert (pull["number"], pull["state"], pull["branch"], pull["gate"]) == (1, "open", BRANCH, None)
    assert pull["paths"] == [MARKER, STATE]


def test_a_pull_request_is_shown_approved_and_merged(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "ops/limits.yaml"
    repository = make(tmp_path_factory.mktemp("service"), {path: "limit: 4\n"}, owners="/ops/ @alice\n")
    change = OpenPull("raise", repository.head(), {path: "limit: 5\n"}, "Raise the limit", "", "")
    LocalForge(repository.path, now=START).apply(change)
    assert run(repository, "merge", "1", "--as", "alice", "--dry-run") == 1
    assert "needs: ops/limits.yaml needs the approval of @alice" in capsys.readouterr().out
    assert run(repository, "merge", "1", "--as", "alice") == 1
    assert run(repository, "approve", "#1", "--as", "mallory", *NOW) == 0
    assert "does not count" in capsys.readouterr().out
    assert run(repository, "approve", "1", "--as", "alice", "--dry-run") == 0
    assert "would approve #1" in capsys.readouterr().out
    assert run(repository, "approve", "1", "--as", "alice", *NOW) == 0
    assert run(repository, "show", "1") == 0
    shown = capsys.readouterr().out
    assert "gate success, approved by alice" in shown
    assert "+limit: 5" in shown
    assert run(repository, "merge", "1", "--as", "alice", "--dry-run") == 0
    assert run(repository, "merge", "1", "--as", "alice", *NOW) == 0
    assert (repository.path / path).read_text() == "limit: 5\n"
    assert run(repository, "show", "1") == 0
    assert "merged 2026-03-02 09:00 UTC by alice" in capsys.readouterr().out


def test_a_green_gate_of_yesterday_merges_nothing(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(repository, "approve", "1", "--as", "alice", *NOW) == 0
    LocalForge(repository.path, now=START).apply(SetGate(BRANCH, None, GREEN))
    assert run(repository, "merge", "1", "--as", "alice", *NOW) == 1
    assert "the status rollout/gate is failure: rollout-state/guardian/state.yaml:1:1" in capsys.readouterr().err
    assert (repository.path / STATE).read_text() == "stage: quarter\n"


def test_a_close_is_shown_with_its_reason(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(repository, "close", "1", "--as", "bob", "--comment", "not\x1b[2J now", *NOW) == 0
    assert run(repository, "close", "1", "--as", "bob") == 0
    assert "was closed before" in capsys.readouterr().out
    assert run(repository, "show", "1") == 0
    shown = capsys.readouterr().out
    assert "bob, 2026-03-02 09:00 UTC: not[2J now" in shown
    assert "\x1b" not in shown
    assert run(repository, "show", "1", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["closed_by"], document["comments"][0]["by"], document["missing"]) == ("bob", "bob", [])


@pytest.mark.parametrize("verb", ["approve", "merge", "close"])
def test_nobody_acts_without_a_name(repository: Repository, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert run(repository, verb, "1") == 2
    assert f"rollout-bot pulls {verb} 1 --as NAME" in capsys.readouterr().err


def test_what_is_not_there_is_told(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(repository, "show", "7") == 3
    assert "there is no pull request #7" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run(repository, "show", "x")
