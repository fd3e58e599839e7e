"""Ticks that watch more than the error rate: guardrails and what the fleet enforces, from a recording to a merge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from support.repositories import START
from support.ticks import HOUR, POLICY, POLICY_TEXT, QUARTER, World, initial

from rollout_bot.cli import main
from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.gates.convergence import Converging
from rollout_bot.core.model.guardrails import Watch
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.samples import Readings, Unmeasured, Window
from rollout_bot.core.verdict import Outcome
from rollout_bot.metrics.recording import Recording

GUARDED = POLICY_TEXT + "guardrails: [{name: p99, query: p99, max: 0.5}]\n"
CONVERGING = POLICY_TEXT + "convergence: {observed_percentage: share}\n"
Value = Callable[[datetime], object]


def recorded(world: World, until: datetime, column: str, value: Value, bad_since: datetime | None = None) -> None:
    """As `World.serve`, with another column; its values are those at the ends of quarter hours."""
    lines, at = [f"time,total,failed,{column}"], START - 24 * HOUR
    while at < until:
        at += QUARTER
        failed = 200 if bad_since is not None and at > bad_since else 1
        lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},1000,{failed},{value(at)}")
    world.record("\n".join([*lines, ""]))


def made(tmp_path: Path, text: str, stage: str = "half") -> World:
    return World.made(tmp_path / "repository", initial(stage=stage, text=text))


def why(record: RolloutRecord) -> str:
    return " | ".join(record.decision.reasons if record.decision else ())


def action(record: RolloutRecord) -> DecisionAction | None:
    return record.decision.action if record.decision else None


def test_a_broken_guardrail_rolls_back_and_says_so_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = made(tmp_path, GUARDED)
    now = START + 3 * HOUR
    recorded(world, now, "p99", lambda at: 0.9 if at > now - HOUR else 0.2)
    command = ["tick", "--repository", str(world.repository.path), "--now", now.isoformat()]
    assert main([*command, "--dry-run"]) == 0
    printed = capsys.readouterr().out
    said = "p99 breached: 0.9, allowed: at most 0.5; broken in 4 intervals in a row since 2026-03-02 11:00 UTC"
    assert said in " ".join(printed.split())
    record = world.one(now)
    assert (action(record), record.merged, world.state().stage) == (DecisionAction.ROLL_BACK, True, "canary")
    committed = world.repository.show("rollout-state/checkout/state.yaml")
    assert "guardrail p99: 0.9, allowed: at most 0.5" in committed
    assert '"guardrails.p99": p99' in committed


def test_a_guardrail_of_before_the_stage_does_not_count(tmp_path: Path) -> None:
    world = made(tmp_path, GUARDED)
    recorded(world, START + 3 * HOUR, "p99", lambda at: 0.9 if at <= START else 0.2)
    assert action(world.one(START + 3 * HOUR)) is DecisionAction.ADVANCE


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (lambda _at: "", "guardrail p99: no value since 2026-03-02 "),
        (lambda _at: "x", "guardrail p99: not measured: metrics.csv:"),
        (lambda at: 0.2 if at < START + 2 * HOUR else "", "guardrail p99: newest value is of 2026-03-02 10:45 UTC"),
        (lambda at: 0.9 if at >= START + 3 * HOUR else 0.2, "guardrail p99: 0.9, allowed: at most 0.5; broken in 1"),
    ],
)
def test_a_guardrail_that_is_not_known_to_be_kept_holds(tmp_path: Path, value: Value, reason: str) -> None:
    world = made(tmp_path, GUARDED)
    recorded(world, START + 3 * HOUR, "p99", value)
    record = world.one(START + 3 * HOUR)
    assert record.situation is not None
    assert (action(record), record.situation.verdict.outcome) == (DecisionAction.HOLD, Outcome.HEALTHY)
    assert reason in why(record)


def test_a_missing_column_holds_and_the_error_rate_still_rolls_back(tmp_path: Path) -> None:
    world = made(tmp_path, GUARDED)
    world.serve(START + 3 * HOUR)
    assert "no column 'p99'" in why(world.one(START + 3 * HOUR))
    world.serve(START + 6 * HOUR, bad_since=START + 4 * HOUR)
    assert action(world.one(START + 6 * HOUR)) is DecisionAction.ROLL_BACK


def test_a_guardrail_that_is_tried_out_only_says_what_it_would_have_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = made(tmp_path, GUARDED.replace("max: 0.5", "max: 0.5, observe_only: true"))
    now = START + 3 * HOUR
    recorded(world, now, "p99", lambda _at: 0.9)
    assert main(["status", "--repository", str(world.repository.path), "--now", now.isoformat()]) == 0
    assert "would have rolled back (observe_only)" in " ".join(capsys.readouterr().out.split())
    assert action(world.one(now)) is DecisionAction.ADVANCE


def test_an_open_pull_request_is_not_mergeable_while_a_guardrail_is_broken(tmp_path: Path) -> None:
    text = GUARDED.replace("max: 0.5", "max: 0.5, severity: hold")
    world = made(tmp_path, text, "canary")
    now = START + 3 * HOUR
    recorded(world, now, "p99", lambda _at: 0.2)
    assert action(world.one(now)) is DecisionAction.ADVANCE
    later = now + HOUR
    recorded(world, later, "p99", lambda at: 0.9 if at > now else 0.2)
    record = world.one(later)
    assert (action(record), record.decision and record.decision.attention) == (DecisionAction.HOLD, True)
    (pull,) = [each for each in world.forge(later).snapshot().open_pulls() if each.branch.startswith("rollout/")]
    assert pull.gate is not None
    assert pull.gate.description == "checkout: canary → half: waits for guardrails"
    assert "🔴 breached" in pull.body


def test_the_stage_begins_when_the_fleet_enforces_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = made(tmp_path, CONVERGING)
    began = START + 2 * HOUR

    def share(at: datetime) -> float:
        return 49.5 if at >= began else 10

    recorded(world, START + HOUR, "share", share)
    early = world.one(START + HOUR)
    assert early.situation is not None
    assert early.situation.verdict.outcome is Outcome.INCONCLUSIVE
    assert "its time begins when the fleet enforces 50 %" in why(early)
    assert "evidence for health starts when the fleet has converged" in why(early)
    recorded(world, START + 3 * HOUR, "share", share)
    waiting = world.one(START + 3 * HOUR)
    assert waiting.situation is not None
    assert waiting.situation.clock_since == began
    assert waiting.situation.verdict.start == began
    assert (action(waiting), "for at least 2 h" in why(waiting)) == (DecisionAction.HOLD, True)
    recorded(world, START + 4 * HOUR, "share", share)
    status = ["status", "checkout", "--repository", str(world.repository.path), "--format", "json"]
    assert main([*status, "--now", (START + 4 * HOUR).isoformat()]) == 0
    assert json.loads(capsys.readouterr().out)["converged_at"] == "2026-03-02T11:00:00Z"
    assert action(world.one(START + 4 * HOUR)) is DecisionAction.ADVANCE


def test_a_regression_rolls_back_before_the_fleet_has_converged(tmp_path: Path) -> None:
    world = made(tmp_path, CONVERGING)
    recorded(world, START + HOUR, "share", lambda _at: 10, bad_since=START)
    assert action(world.one(START + HOUR)) is DecisionAction.ROLL_BACK


def test_a_fleet_that_never_converges_holds_and_calls_somebody(tmp_path: Path) -> None:
    world = made(tmp_path, CONVERGING)
    recorded(world, START + 9 * HOUR, "share", lambda _at: 10)
    record = world.one(START + 9 * HOUR)
    assert record.decision is not None
    assert (record.decision.action, record.decision.attention) == (DecisionAction.HOLD, True)
    assert "the fleet has not been seen to enforce 50 % for more than 1 h" in why(record)


def test_another_question_does_not_advance_at_once(tmp_path: Path) -> None:
    """Whoever points the query elsewhere has to show all the evidence anew."""
    world = made(tmp_path, CONVERGING)
    recorded(world, START + 9 * HOUR, "share", lambda _at: 10)
    world.repository.commit_on_main({POLICY: CONVERGING.replace("share}", "share, tolerance: 50}")}, START + 9 * HOUR)
    record = world.one(START + 9 * HOUR + QUARTER / 3)
    assert record.situation is not None
    assert record.situation.standing.evidence_since == START + 9 * HOUR
    assert (action(record), record.situation.clock_since) == (DecisionAction.HOLD, None)
    later = START + 10 * HOUR
    recorded(world, later, "share", lambda _at: 10)
    assert "for at least 2 h" in why(world.one(later))
    world.repository.commit_on_main({POLICY: POLICY_TEXT}, later)
    assert world.one(later + QUARTER / 3).decision != record.decision
    removed = world.one(later + QUARTER / 3)
    assert removed.situation is not None
    assert (action(removed), removed.situation.verdict.outcome) == (DecisionAction.HOLD, Outcome.INCONCLUSIVE)


def test_at_off_a_fleet_that_still_enforces_keeps_it_there(tmp_path: Path) -> None:
    world = made(tmp_path, CONVERGING, "off")
    recorded(world, START + 3 * HOUR, "share", lambda _at: 10)
    stuck = world.one(START + 3 * HOUR)
    assert (action(stuck), stuck.decision and stuck.decision.attention) == (DecisionAction.HOLD, True)
    recorded(world, START + 4 * HOUR, "share", lambda at: 10 if at < START + 3 * HOUR else 0)
    assert action(world.one(START + 4 * HOUR)) is DecisionAction.ADVANCE


def test_a_source_that_fails_or_answers_nonsense_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = made(tmp_path, GUARDED + "convergence: {observed_percentage: share}\n")
    world.serve(START + 3 * HOUR)

    def answers(found: object) -> None:
        monkeypatch.setattr(Recording, "readings", lambda _self, _queries, _window: found)

    def watched() -> tuple[list[str], Converging | None]:
        record = world.one(START + 3 * HOUR)
        assert record.situation is not None
        assert {each.watch for each in record.situation.watched} == {Watch.UNKNOWN}
        assert action(record) is DecisionAction.HOLD
        return [each.reason for each in record.situation.watched], record.situation.converging

    answers({"p99": 5, "observed_percentage": Readings(())})
    reasons, converging = watched()
    assert reasons == ["not measured: the metrics source delivered no readings (int)"]
    assert converging is not None
    assert converging.reason == "no value since 2026-03-02 09:00 UTC"
    answers({})
    assert watched()[0] == ["not measured: the metrics source failed (KeyError)"]
    answers(None)
    assert watched()[0] == ["not measured: the metrics source failed (TypeError)"]


def test_without_metrics_nothing_is_watched_and_a_human_still_gets_down(tmp_path: Path) -> None:
    world = made(tmp_path, GUARDED.replace("query: p99", "query: max(p99)"))
    record = world.one(START + 3 * HOUR)
    assert "the name of a column of the recording" in record.problems[0]
    assert record.situation is not None
    assert [each.watch for each in record.situation.watched] == [Watch.UNKNOWN]
    assert action(record) is DecisionAction.HOLD


def test_guardrails_of_a_long_stage_are_read_by_their_newest_values_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = made(tmp_path, GUARDED)
    asked: list[Window] = []

    def readings(_self: Recording, queries: dict[str, str], window: Window) -> dict[str, Readings | Unmeasured]:
        asked.append(window)
        return dict.fromkeys(queries, Readings(()))

    monkeypatch.setattr(Recording, "readings", readings)
    world.one(START + 240 * HOUR + QUARTER / 2)
    (window,) = asked
    assert window.start == START + 216 * HOUR
