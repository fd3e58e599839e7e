"""On a runner a tick leaves outputs, a job summary and remarks, and what it prints is nobody's command."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from support.repositories import START
from support.ticks import POLICY, POLICY_TEXT, World

from rollout_bot.cli import main

NOW = START + timedelta(hours=5)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A rollout that has regressed, on a runner whose forge is the repository itself."""
    made = World.made(tmp_path / "repository")
    made.serve(NOW, bad_since=START)
    for name in ("output", "summary"):
        monkeypatch.setenv({"output": "GITHUB_OUTPUT", "summary": "GITHUB_STEP_SUMMARY"}[name], str(tmp_path / name))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    return made


def run(world: World, command: str, *options: str) -> int:
    path = str(world.repository.path)
    return main([command, "--repository", path, "--forge", "local", "--now", NOW.isoformat(), *options])


def test_a_tick_reports(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world, "tick") == 0
    lines = capsys.readouterr().out.splitlines()
    token = re.fullmatch("::stop-commands::([0-9a-f]{64})", lines[0])
    assert token
    end = lines.index(f"::{token[1]}::")
    assert any("roll back" in line for line in lines[1:end])
    assert lines[end + 1].startswith("::error title=checkout%3A canary 10 %25 has regressed (rolled back)::")
    assert "🔴 **regressed**" in (tmp_path / "summary").read_text()
    output = (tmp_path / "output").read_text()
    assert re.search("^percentage<<(.*)\n0\n\\1\nstage<<(.*)\noff\n\\2$", output, re.MULTILINE)
    assert re.search("^changed<<(.*)\ntrue\n\\1$", output, re.MULTILINE)


def test_json_stays_json(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world, "tick", "--format", "json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["rollouts"][0]["rollout"] == "checkout"
    assert captured.err.startswith("::error title=")
    assert (tmp_path / "summary").exists()


def test_a_status_reports_as_well(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world, "status") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("::stop-commands::")
    assert "has regressed::" in printed
    assert "(dry run: nothing was changed)" in (tmp_path / "summary").read_text()
    assert run(world, "status", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["rollout"] == "checkout"


def test_an_invalid_policy_is_remarked_upon_at_its_line(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.repository.commit({POLICY: POLICY_TEXT.replace("2h", "soon")}, START)
    assert run(world, "tick") == 3
    assert re.search(rf"::error file={POLICY},line=\d+,title=checkout%3A cannot be eval", capsys.readouterr().out)


def test_a_report_that_cannot_be_written_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary")
    assert run(world, "tick") == 0
    assert "the runner takes no report (No such file or directory)" in capsys.readouterr().err
