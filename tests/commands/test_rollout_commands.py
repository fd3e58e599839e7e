"""The commands about rollouts on a real repository, as a user runs them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.repositories import START
from support.ticks import HOUR, NAME, POLICY, QUARTER, STATE, World, initial, policy_text

from rollout_bot.cli import main
from rollout_bot.forge.interface import ForgeError


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.made(tmp_path / "service")
    made.serve(START + 3 * HOUR)
    return made


class Shell:
    """Runs commands in a repository and keeps what they print."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.capsys = world, capsys

    def __call__(self, *arguments: str, at: datetime = START + 3 * HOUR, expect: int = 0) -> str:
        command = [*arguments, "--repository", str(self.world.repository.path)]
        code = main(command if arguments[0] == "validate" else [*command, "--now", at.isoformat()])
        captured = self.capsys.readouterr()
        assert code == expect, captured
        return captured.out + captured.err

    def json(self, *arguments: str, **options: Any) -> Any:
        return json.loads(self(*arguments, "--format", "json", **options))


@pytest.fixture
def shell(world: World, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(world, capsys)


def test_a_tick_opens_and_a_second_one_repeats_nothing(shell: Shell) -> None:
    first = shell("tick")
    assert "decision  advance to half 50 %" in first
    assert "done      open #1: checkout: canary 10 % → half 50 %" in first
    shell.world.serve(START + 4 * HOUR)
    second = shell("tick", at=START + 4 * HOUR)
    assert "done" not in second
    assert "#1 (checkout: canary 10 % → half 50 %) has waited 1 h for a code owner" in second


def test_a_dry_run_changes_nothing(shell: Shell) -> None:
    before = shell.world.repository.git("for-each-ref")
    text = shell("tick", NAME, "--dry-run")
    assert "dry run: nothing was changed" in text
    assert "would     open the pull request: checkout: canary 10 % → half 50 %" in text
    assert shell.world.repository.git("for-each-ref") == before
    assert shell("pulls", "list") == "no open pull requests\n"


def test_only_the_named_rollouts_are_acted_for(shell: Shell) -> None:
    files = initial("other", text=policy_text("other"))
    shell.world.repository.commit_on_main({"metrics.csv": None, **files}, START)
    shell.world.serve(START + 3 * HOUR)
    document = shell.json("tick", "other")
    assert [rollout["rollout"] for rollout in document["rollouts"]] == ["other"]
    assert [pull["title"] for pull in shell.json("pulls", "list")] == ["other: canary 10 % → half 50 %"]


def test_an_unknown_rollout_is_told_the_known_ones(shell: Shell) -> None:
    assert "no rollout 'nope' on branch main; there are: checkout" in shell("tick", "nope", expect=3)
    assert "there are: checkout" in shell("status", "nope", expect=3)
    assert "there are: checkout" in shell("hold", "nope", "--reason", "x", "--as", "bob", expect=3)


def test_status_has_the_keys_of_the_specification(shell: Shell) -> None:
    status = shell.json("status", NAME, at=START + 5 * QUARTER)
    assert status["current_stage"] == {
        "name": "canary",
        "percentage": 10,
        "max_error_rate": 0.005,
        "requires_approval": False,
    }
    assert (status["stage_index"], status["total_stages"]) == (0, 3)
    assert (status["elapsed_time"], status["min_duration"]) == ("1h15m0s", "2h0m0s")
    assert status["started_at"] == "2026-03-02T09:00:00Z"
    assert shell.json("status") == [shell.json("status", NAME)]


def test_status_shows_the_ladder_and_changes_nothing(shell: Shell) -> None:
    before = shell.world.repository.git("for-each-ref")
    text = shell("status")
    assert "stages    off 0 % → [canary 10 %] → half 50 % → most 75 %" in text
    assert shell.world.repository.git("for-each-ref") == before


def test_status_at_off(shell: Shell) -> None:
    shell("rollback", NAME, "--reason", "x", "--as", "bob")
    status = shell.json("status", NAME, at=START + 4 * HOUR)
    assert (status["stage_index"], status["current_stage"]["max_error_rate"]) == (-1, None)
    assert (status["attempt"], status["generation"], status["rollbacks"]) == (2, 2, 1)


def test_a_rollback_needs_nobody(shell: Shell) -> None:
    text = shell("rollback", NAME, "--reason", "support sees\ntimeouts", "--as", "bob", "--to", "off")
    assert "decision  roll back to off 0 %" in text
    assert "next      the next deployment brings 0 %; the evidence starts anew" in text
    assert shell.world.state().percentage == 0
    assert shell.world.repository.log()[0] == "checkout: roll back canary 10 % → off 0 %"
    assert "it is off already" in shell("rollback", NAME, "--reason", "x", "--as", "bob", at=START + 4 * HOUR, expect=1)


def test_going_down_to_an_unknown_stage_is_refused(shell: Shell) -> None:
    text = shell("rollback", NAME, "--reason", "x", "--as", "bob", "--to", "most", expect=1)
    assert "decision  refused" in text
    assert "'most' is no stage below canary; allowed: off" in text
    assert "next      nothing was changed" in text


def test_an_advance_asks_an_owner_to_pass_over_what_is_shut(shell: Shell) -> None:
    early = START + 2 * QUARTER
    text = shell("advance", NAME, "--reason", "verified by hand", "--as", "bob", at=early)
    assert "waits for a code owner" in text
    shown = shell("pulls", "show", "1", at=early)
    assert "bob asks to advance from canary (10 %) to half (50 %): verified by hand" in shown
    assert "passes over: duration" in shown
    assert shell.world.state().percentage == 10


def test_a_hold_is_lifted_by_a_resume(shell: Shell) -> None:
    shell("hold", NAME, "--reason", "freeze", "--as", "bob")
    text = shell("tick", at=START + 4 * HOUR)
    assert "why       held by bob: freeze" in text
    assert "next      waits for somebody: rollout-bot resume checkout --reason …" in text
    assert shell.json("status", NAME)["hold"] == {"reason": "freeze", "by": "bob"}
    assert "held by bob" in shell("advance", NAME, "--reason", "x", "--as", "bob", at=START + 4 * HOUR, expect=1)
    shell("resume", NAME, "--reason", "over", "--as", "bob", at=START + 4 * HOUR)
    assert shell.json("status", NAME, at=START + 4 * HOUR)["hold"] is None
    assert "there is nothing to resume" in shell(
        "resume", NAME, "--reason", "x", "--as", "bob", at=START + 5 * HOUR, expect=1
    )


@pytest.mark.parametrize("verb", ["advance", "rollback", "hold"])
def test_a_request_can_be_tried_dry_and_read_by_programs(shell: Shell, verb: str) -> None:
    before = shell.world.repository.git("for-each-ref")
    document = shell.json(verb, NAME, "--reason", "x", "--as", "bob", "--dry-run")
    assert document["dry_run"]
    assert document["rollouts"][0]["plan"][0]["action"] == "open_pull"
    assert shell.world.repository.git("for-each-ref") == before


def test_who_asks_comes_from_git_or_is_asked_for(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.world.repository.git("config", "user.name", "Grace")
    assert "held by Grace: x" in shell("hold", NAME, "--reason", "x")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    shell.world.repository.git("config", "--unset", "user.name")
    assert "--as NAME" in shell("resume", NAME, "--reason", "x", expect=2)


def test_a_broken_rollout_holds_and_the_others_go_on(shell: Shell) -> None:
    broken = initial("broken", text=policy_text("broken"))
    state = "rollout-state/broken/state.yaml"
    shell.world.repository.commit_on_main({**broken, state: "<<<<<<< ours\n"}, START)
    shell.world.serve(START + 3 * HOUR)
    text = shell("tick", expect=3)
    assert "hold: this rollout cannot be evaluated, nothing was touched" in text
    assert "done      open #1: checkout: canary 10 % → half 50 %" in text
    assert f"{state}:1:1" in shell("status", "broken", "--format", "json", expect=3)
    assert len(json.loads(shell("status", "--format", "json", expect=3).split("rollout-bot: ")[0])) == 1


def test_what_cannot_be_measured_is_held_and_done(shell: Shell) -> None:
    shell.world.record("time,total,failed\n2026-03-02T09:15:00Z,10,NaN\n")
    text = shell("tick")
    assert "verdict   unavailable:" in text
    assert "decision  hold" in text


def test_an_unset_variable_is_a_matter_of_set_up(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    source = "metrics:\n  source: prometheus\n  address: ${PROMETHEUS_URL}\n  total: a_total\n  failed: b_total\n"
    text = policy_text().replace("metrics:\n  source: recording\n  path: metrics.csv\n", source)
    shell.world.repository.commit_on_main({POLICY: text}, START)
    out = shell("tick", expect=3)
    assert out.count("PROMETHEUS_URL, which is not set") == 0
    assert out.replace("\n          ", " ").count("${PROMETHEUS_URL}, which is not set") == 1


def test_nothing_to_do_without_rollouts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell(World.made(tmp_path / "empty", {}), capsys)
    for command in ("tick", "status", "validate"):
        assert "no rollouts here; begin one with: rollout-bot init NAME" in shell(command)
    assert shell.json("tick")["rollouts"] == []
    assert shell.json("status") == []
    assert shell.json("validate") == []


def test_validate_names_every_problem_with_its_place(shell: Shell) -> None:
    assert shell("validate") == "checkout: valid\n"
    folder = shell.world.repository.path
    (folder / POLICY).write_text(policy_text().replace("percentage: 50", "percentage: 5").replace("0.5%", "5", 1))
    (folder / "rollout-state/checkout/approvals").mkdir()
    (folder / "rollout-state/checkout/approvals/half.yaml").write_text("stage: half\n")
    text = shell("validate", expect=3)
    assert text.startswith("checkout: ")
    assert f"  {POLICY}:7:" in text
    assert "  rollout-state/checkout/approvals/half.yaml:1:1" in text
    (document,) = json.loads(shell("validate", NAME, "--format", "json", expect=3))
    assert document["rollout"] == NAME
    assert len(document["problems"]) == len(text.splitlines()) - 1


def test_validate_tells_a_state_that_does_not_fit_its_policy(shell: Shell) -> None:
    content = (shell.world.repository.path / STATE).read_text()
    (shell.world.repository.path / STATE).write_text(content.replace("percentage: 10", "percentage: 20"))
    assert "1 problem\n" in shell("validate", expect=3)
    assert "../x' cannot name a rollout" in shell("validate", "../x", expect=3)
    assert "is missing; write it with: rollout-bot init nope" in shell("validate", "nope", expect=3)


def test_history_says_who_approved_what_on_which_evidence(shell: Shell) -> None:
    shell("tick")
    shell("pulls", "approve", "1", "--as", "alice")
    shell("pulls", "merge", "1", "--as", "alice")
    text = shell("history", NAME, at=START + 4 * HOUR)
    newest, oldest = text.split("\n\n")
    assert newest.splitlines()[1] == "2026-03-02 12:00 UTC  canary → half 50 %"
    assert "by        rollout-bot, approved by alice, #1, attempt 1" in newest
    assert "evidence  healthy, 0.1 % of 12,000 requests failed (12), limit 0.5 %" in newest
    assert oldest.splitlines()[0].endswith("begins at canary 10 %")
    change, start = shell.json("history", NAME, at=START + 4 * HOUR)
    assert (change["kind"], change["from"], change["stage"], change["percentage"]) == ("advance", "canary", "half", 50)
    assert (change["approvers"], change["pull_request"], change["evidence"]["outcome"]) == (["alice"], 1, "healthy")
    assert (start["kind"], start["pull_request"], start["evidence"]) == ("start", None, None)
    assert start["commit"] in shell.world.repository.git("rev-list", "main")


def test_history_of_an_unknown_rollout_names_the_known_ones(shell: Shell) -> None:
    assert "no rollout 'nope' on branch main; there are: checkout" in shell("history", "nope", expect=3)


def test_watch_looks_again_and_changes_nothing(shell: Shell) -> None:
    before = shell.world.repository.git("for-each-ref")
    text = shell("watch", NAME, "--every", "1s", "--for", "1s")
    assert "checkout  canary 10 %" in text
    assert shell.world.repository.git("for-each-ref") == before


def test_watch_outlasts_a_forge_that_does_not_answer(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_options: object) -> None:
        raise ForgeError("the forge does not answer")

    monkeypatch.setattr("rollout_bot.commands.watch.look", broken)
    assert "the forge does not answer" in shell("watch", "--every", "1s", "--for", "1s")


def test_the_site_replaces_what_it_wrote_before_and_nothing_else(shell: Shell, tmp_path: Path) -> None:
    public = tmp_path / "public"
    assert "wrote" in shell("site", "--output", str(public))
    (public / "gone").mkdir()
    shell("site", "--output", str(public))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["public", "service"]
    assert not (public / "gone").exists()
    status = json.loads((public / "api/checkout/rollout/status").read_text())
    assert status == shell.json("status", NAME)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter").write_text("dear")
    for taken in (tmp_path / "home", tmp_path / "home" / "letter"):
        assert "holds something else than a site" in shell("site", "--output", str(taken), expect=2)
    assert (tmp_path / "home" / "letter").read_text() == "dear"
