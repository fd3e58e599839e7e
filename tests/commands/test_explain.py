"""`rollout-bot explain` as somebody on call types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.repositories import START
from support.ticks import HOUR, POLICY, World

from rollout_bot.cli import main


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.made(tmp_path / "repository")


def explained(world: World, hours: int, *more: str) -> int:
    world.serve(START + hours * HOUR)
    now = (START + hours * HOUR).isoformat()
    return main(["explain", "checkout", "--repository", str(world.repository.path), "--now", now, *more])


def test_it_says_what_is_waited_for_and_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = world.repository.git("for-each-ref")
    assert explained(world, 1) == 0
    text = capsys.readouterr().out
    assert "hold: half 50 % waits for duration, until" in text
    assert "─ waits   duration: stays in canary" in text
    assert "evidence for health" in text
    assert world.repository.git("for-each-ref") == before


def test_programs_get_the_same_tree(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(world, 3, "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"now", "rollout", "explanation"}
    assert document["explanation"]["figures"]["action"] == "advance"
    assert main(["tick", "--repository", str(world.repository.path), "--now", (START + 3 * HOUR).isoformat(),
                 "--dry-run", "--format", "json"]) == 0  # fmt: skip
    (rollout,) = json.loads(capsys.readouterr().out)["rollouts"]
    assert rollout["explanation"] == document["explanation"]


def test_a_status_that_waits_points_to_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.serve(START + HOUR)
    now = (START + HOUR).isoformat()
    assert main(["status", "--repository", str(world.repository.path), "--now", now]) == 0
    assert "rollout-bot explain checkout" in capsys.readouterr().out


def test_what_cannot_be_evaluated_is_told_with_its_code(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.repository.commit({POLICY: "x"}, START + HOUR)
    assert explained(world, 2) == 3
    told = capsys.readouterr()
    assert POLICY in told.err
    assert told.out == ""


def test_an_unknown_rollout_is_refused_with_the_names_there_are(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    now = (START + HOUR).isoformat()
    assert main(["explain", "nope", "--repository", str(world.repository.path), "--now", now]) == 3
    assert "there are: checkout" in capsys.readouterr().err
