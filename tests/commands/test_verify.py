"""`rollout-bot verify`: one pull request, judged as the next tick would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.repositories import START, Repository, make

from rollout_bot.cli import main
from rollout_bot.core.decision.actions import OpenPull
from rollout_bot.forge.local import LocalForge

NOW = ("--now", START.isoformat())
POLICY = "rollout-state/checkout/policy.yaml"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """A rollout at canary; #1 breaks its policy, #2 touches no rollout state."""
    made = make(tmp_path / "service")
    main(["init", "checkout", "--owner", "@alice", "--repository", str(made.path), *NOW])
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "Begin with checkout", when=START)
    policy = (made.path / POLICY).read_text()
    policy = policy.replace("percentage: 75", "percentage: 175").replace("max_rollbacks:", "max_rolbacks:")
    forge = LocalForge(made.path, now=START)
    forge.apply(OpenPull("broken", made.head(), {POLICY: policy}, "Go further", ""))
    forge.apply(OpenPull("words", made.head(), {"README.md": "A better service\n"}, "Say it better", ""))
    return made


def verify(repository: Repository, *arguments: str) -> int:
    return main(["verify", *arguments, "--repository", str(repository.path), *NOW])


def test_a_broken_policy_fails_with_every_error(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert verify(repository, "1") == 1
    first, *problems = capsys.readouterr().out.splitlines()
    assert first.startswith("#1 Go further: failure, rollout-state/checkout/policy.yaml:")
    fields = [problem.split(": ")[1] for problem in problems]
    assert fields == ["max_rolbacks", "stages[3].percentage", "stages[4].percentage"]
    gate = LocalForge(repository.path, now=START).pull(1).gate
    assert gate is not None
    assert gate.state == "failure"


def test_on_a_runner_each_error_is_an_annotation_at_its_line(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    capsys.readouterr()
    assert verify(repository, "1", "--forge", "local", "--dry-run") == 1
    printed = capsys.readouterr().out.splitlines()
    # What people wrote is printed while the runner listens to no commands; these come after it.
    commands = printed[printed.index(f"::{printed[0].removeprefix('::stop-commands::')}::") + 1 :]
    lines = LocalForge(repository.path, now=START).pull(1).changes[POLICY] or b""
    places = [n for n, line in enumerate(lines.decode().splitlines(), 1) if "rolbacks" in line or "175" in line]
    assert [line.split(",title=")[0] for line in commands[:2]] == [f"::error file={POLICY},line={n}" for n in places]


def test_what_touches_no_rollout_passes(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert verify(repository, "2", "--dry-run", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gate"] == {"state": "success", "description": "touches no rollout state"}
    assert found["problems"] == []


def test_a_number_must_be_given_and_be_open(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(repository) == 2
    assert "rollout-bot verify 12" in capsys.readouterr().err
    assert verify(repository, "7") == 3
    assert "no open pull request #7 to main" in capsys.readouterr().err
