"""The published schema of `tick --format json`, held against what ticks print."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.repositories import START
from support.rollouts import asks
from support.ticks import HOUR, POLICY_TEXT, STATE, World, initial

from rollout_bot.cli import main
from rollout_bot.commands.schema import schema
from rollout_bot.core.decision.actions import DeleteBranch, FinishPull, StartWorkflow
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.report.documents import tick_document

NAMES = ("policy", "state", "approval", "tick", "backtest")


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema("tick")))


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_printed_and_is_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(document)
    assert document["$id"] == f"urn:rollout-bot:{name}:1"
    assert document["title"]
    assert document["description"]


def test_another_schema_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["schema", "rollout"])
    assert "policy" in capsys.readouterr().err


def story(world: World) -> list[TickRecord]:
    """Ticks that between them hold, advance, refresh, roll back, refuse, complete and fail to evaluate."""
    world.serve(START + 3 * HOUR)
    records = [world.tick(START + timedelta(minutes=5)), world.tick(START + 3 * HOUR)]
    records.append(world.tick(START + 3 * HOUR, asks(ChangeKind.HOLD)))
    records.append(world.tick(START + 3 * HOUR, asks(ChangeKind.HOLD)))
    records.append(world.tick(START + 3 * HOUR, asks(ChangeKind.RESUME)))
    records.append(world.tick(START + 3 * HOUR))
    world.serve(START + 5 * HOUR, bad_since=START + 3 * HOUR)
    records.append(world.tick(START + 5 * HOUR))
    records.append(world.tick(START + 6 * HOUR, asks(ChangeKind.ADVANCE)))
    world.repository.commit_on_main({STATE: "nonsense"}, START + 7 * HOUR)
    records.append(world.tick(START + 7 * HOUR))
    return records


def test_what_ticks_print_fits_the_schema(tmp_path: Path, validator: Draft202012Validator) -> None:
    documents = [tick_document(record) for record in story(World.made(tmp_path / "repository"))]
    for document in documents:
        assert [error.message for error in validator.iter_errors(json.loads(json.dumps(document)))] == []
    rollouts = [rollout for document in documents for rollout in document["rollouts"]]
    assert {rollout["decision"]["action"] for rollout in rollouts} == {"hold", "advance", "roll_back"}
    steps = {step["action"] for rollout in rollouts for step in rollout["plan"]}
    assert steps == {"open_pull", "set_gate", "merge_pull", "close_pull"}
    assert {(rollout["verdict"] or {}).get("outcome") for rollout in rollouts} > {"healthy", "regressed", None}


def test_what_is_watched_fits_the_schema(tmp_path: Path, validator: Draft202012Validator) -> None:
    more = "guardrails: [{name: p99, query: p99, max: 0.5}]\nconvergence: {observed_percentage: share}\n"
    world = World.made(tmp_path / "repository", initial(text=POLICY_TEXT + more))
    world.serve(START + 3 * HOUR)
    (rollout,) = (document := tick_document(world.tick(START + 3 * HOUR)))["rollouts"]
    validator.validate(document)
    assert {each["name"] for each in rollout["decision"]["gates"]} > {"guardrails", "convergence"}
    assert (rollout["guardrails"][0]["state"], rollout["convergence"]["holds"]) == ("unknown", False)


def test_what_only_a_forge_on_a_server_does_fits_the_schema(validator: Draft202012Validator) -> None:
    steps = (
        Step(StartWorkflow("deploy.yml", {"percentage": "25"}), changed=True),
        Step(FinishPull(3, ("rollout",), ("@alice",)), changed=False, pull=3, note="cannot label #3"),
        Step(DeleteBranch("rollout/checkout/2-half", "c0ffee"), changed=True),
    )
    record = RolloutRecord("checkout", steps=steps)
    validator.validate(tick_document(TickRecord(START, 0, (record,))))


def test_the_command_prints_the_same_document(
    tmp_path: Path, validator: Draft202012Validator, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World.made(tmp_path / "repository")
    world.serve(START + 3 * HOUR)
    now = (START + 3 * HOUR).isoformat()
    command = ["tick", "--repository", str(world.repository.path), "--now", now, "--format", "json"]
    assert main([*command, "--dry-run"]) == 0
    document = json.loads(capsys.readouterr().out)
    validator.validate(document)
    assert document["dry_run"]
    assert [step["changed"] for step in document["rollouts"][0]["plan"]] == [None, None]
    assert main(command) == 0
    document = json.loads(capsys.readouterr().out)
    validator.validate(document)
    (rollout,) = document["rollouts"]
    assert rollout["pull_request"]["number"] == 1
    assert set(rollout) >= {"rollout", "stage", "percentage", "attempt", "entered_at", "verdict", "decision", "plan"}


def test_the_schema_refuses_what_a_tick_never_prints(tmp_path: Path, validator: Draft202012Validator) -> None:
    world = World.made(tmp_path / "repository")
    document = tick_document(world.tick(START + HOUR))
    document["rollouts"][0]["verdict"]["outcome"] = "fine"
    assert not validator.is_valid(document)
