"""Ticks over real repositories: what moves, what holds, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.repositories import START
from support.rollouts import CANARY, HALF, MOST, asks, down, on_hold, state, up
from support.ticks import HOUR, NAME, POLICY, POLICY_TEXT, QUARTER, STATE, World, initial, policy_text

from rollout_bot.cli import main
from rollout_bot.core.decision.actions import OpenPull, SetGate
from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.model.repository import (
    GateState,
    GateStatus,
    PullState,
    approval_path,
    branch_name,
    policy_path,
    state_path,
)
from rollout_bot.core.model.state import Approval, ChangeKind, Hold, State
from rollout_bot.core.verdict import Outcome
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state
from rollout_bot.forge.interface import ForgeError, NotMergeable, Unusable
from rollout_bot.forge.local import LocalForge
from rollout_bot.tick.reading import CannotEvaluate

MINUTE = timedelta(minutes=1)
NOW = START + 3 * HOUR
FIRST = state()


def reasons(record: object) -> str:
    decision = getattr(record, "decision", None)
    assert decision is not None
    return " | ".join(decision.reasons)


def gate_of(world: World, number: int, now: datetime = NOW) -> tuple[GateState, str]:
    gate = world.forge(now).pull(number).gate
    assert gate is not None
    return gate.state, gate.description


def propose(world: World, files: dict[str, str | bytes | None], branch: str = "topic", author: str = "bob") -> int:
    """A person's pull request."""
    forge = world.forge(NOW, actor=author)
    texts = {path: content for path, content in files.items() if isinstance(content, str)}
    opened = forge.apply(OpenPull(branch, world.repository.head(), texts, f"By {author}", "", "", ()))
    assert opened.pull is not None
    rest = {path: content for path, content in files.items() if not isinstance(content, str)}
    if rest:
        world.repository.commit(rest, NOW, branch=branch)
    return opened.pull.number


# Up and down


def test_a_move_that_needs_nobody_is_merged_by_the_tick(half: World) -> None:
    record = half.one(NOW)
    assert (record.merged, record.failed, record.problems) == (True, False, ())
    assert (half.state().stage, half.state().generation) == ("most", 2)


def test_a_move_that_needs_an_owner_waits_for_one(world: World) -> None:
    record = world.one(NOW)
    assert record.pull is not None
    assert (record.merged, world.state().stage) == (False, "canary")
    assert gate_of(world, record.pull.number)[0] is GateState.SUCCESS
    forge = world.forge(NOW + MINUTE)
    assert not forge.approve(1, "mallory").counts
    with pytest.raises(NotMergeable, match="needs the approval"):
        forge.merge(1, "mallory")
    assert forge.approve(1, "alice").counts
    forge.merge(1, "bob")
    assert world.state().stage == "half"


def test_merge_on_approval(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial(text=policy_text(merge_on_approval="true")))
    world.serve(NOW)
    world.tick(NOW)
    assert world.one(NOW).steps == ()
    world.forge(NOW).approve(1, "alice")
    assert world.one(NOW).merged
    assert world.state().stage == "half"


def test_without_codeowners_the_bot_does_not_approve_itself(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial(text=policy_text(merge_on_approval="true")), owners=None)
    world.serve(NOW)
    world.tick(NOW)
    for _ in range(2):
        world.tick(NOW)
    assert world.state().stage == "canary"


def test_a_regression_at_the_first_stage_goes_to_off_and_back_only_with_an_owner(world: World) -> None:
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    assert (world.state().stage, world.state().percentage, world.state().attempt) == ("off", 0, 2)
    later = NOW + 23 * HOUR
    world.serve(later)
    record = world.one(later)
    assert "cools down after the rollback until" in reasons(record)
    assert record.decision is not None
    assert record.decision.opens_at == NOW + 24 * HOUR
    later = NOW + 25 * HOUR
    world.serve(later)
    assert world.one(later).pull is not None
    forge = world.forge(later)
    with pytest.raises(NotMergeable, match="needs the approval of"):
        forge.merge(2, "bob")
    forge.approve(2, "alice")
    forge.merge(2, "alice")
    assert (world.state().stage, world.state().attempt) == ("canary", 2)


def test_after_max_rollbacks_only_a_human_restarts(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial(text=policy_text(max_rollbacks=1, cooldown="1h")))
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    later = NOW + 48 * HOUR
    record = world.healthy(later)
    assert "rolled back 1 time: only a human restarts it (rollout-bot resume checkout --reason …)" in reasons(record)
    assert record.steps == ()
    assert world.one(later, asks(ChangeKind.RESUME)).merged
    assert world.one(later + MINUTE).pull is not None


def test_with_rollback_switched_off_a_regression_holds_loudly_and_keeps_the_gate_red(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial(text=policy_text(rollback_on_error="false")))
    world.serve(NOW)
    world.tick(NOW)
    later = NOW + HOUR
    world.serve(later, bad_since=NOW)
    record = world.one(later)
    assert record.decision is not None
    assert (record.decision.action, record.decision.attention) == (DecisionAction.HOLD, True)
    assert gate_of(world, 1, later) == (GateState.FAILURE, "checkout: canary → half: canary has regressed")
    forge = world.forge(later)
    forge.approve(1, "alice")
    with pytest.raises(NotMergeable):
        forge.merge(1, "alice")


def test_a_rollback_supersedes_the_open_advance(world: World) -> None:
    world.tick(NOW)
    world.forge(NOW).approve(1, "alice")
    world.serve(NOW + HOUR, bad_since=NOW)
    assert world.one(NOW + HOUR).merged
    assert (world.state().stage, world.open_branches(NOW + HOUR)) == ("off", [])


def test_a_hold_never_stops_a_rollback(world: World) -> None:
    world.one(NOW, asks(ChangeKind.HOLD))
    assert "held by bob" in reasons(world.one(NOW))
    world.serve(NOW + HOUR, bad_since=NOW)
    assert world.one(NOW + HOUR).merged
    assert (world.state().stage, world.state().hold) == ("off", Hold("a human asks", "bob"))


def test_a_refused_pull_request_is_not_opened_again_until_somebody_asks(world: World) -> None:
    world.tick(NOW)
    world.forge(NOW + MINUTE).close(1, "alice", "not today")
    for later in (NOW + QUARTER, NOW + 30 * HOUR):
        record = world.healthy(later)
        assert (record.steps, "alice closed #1; not proposed again" in reasons(record)) == ((), True)
    record = world.one(NOW + 30 * HOUR, asks(ChangeKind.ADVANCE))
    assert [type(each.action).__name__ for each in record.steps] == ["OpenPull", "SetGate"]
    # The refusal is over, and so is its line in the text.
    assert [type(each.action).__name__ for each in world.one(NOW + 30 * HOUR).steps] == ["UpdatePull"]
    assert world.one(NOW + 30 * HOUR).steps == ()


def test_a_branch_deleted_with_git_alone_is_a_refusal(world: World) -> None:
    world.tick(NOW)
    world.repository.git("branch", "-D", "rollout/checkout/2-half")
    record = world.healthy(NOW + QUARTER)
    assert (record.steps, "somebody closed #1" in reasons(record)) == ((), True)


@pytest.mark.parametrize("change", [{"max_rollbacks": 5}, {"interval": "15m"}])
def test_a_change_of_the_policy_ends_a_refusal(world: World, change: dict[str, object]) -> None:
    world.tick(NOW)
    world.forge(NOW + MINUTE).close(1, "alice")
    world.repository.commit({POLICY: policy_text(**change)}, NOW + 2 * MINUTE)
    assert world.healthy(NOW + QUARTER).pull is not None


def test_what_somebody_pushed_to_the_bots_branch_is_never_merged_by_the_bot(half: World) -> None:
    """The gate is green for the state alone; the rest of the branch would come along."""
    branch = branch_name(NAME, 2, "most")
    text = write_state(up(half.state(), MOST))
    forge = half.forge(NOW)
    forge.apply(OpenPull(branch, half.repository.head(), {STATE: text}, "t", "b", "m"))
    forge.apply(SetGate(branch, None, GateStatus(GateState.SUCCESS, "x")))
    half.repository.commit({"app.py": "evil\n"}, NOW, branch=branch)
    half.record("time,total,failed\n")
    assert "no" in reasons(half.one(NOW))
    half.serve(NOW)
    half.tick(NOW)
    assert half.state().stage == "most"
    assert "app.py" not in half.repository.git("ls-tree", "--name-only", "main")


# Times come from history


def test_a_stage_begins_at_the_merge_and_not_when_it_was_written(world: World) -> None:
    world.tick(NOW)
    week = NOW + 7 * 24 * HOUR
    world.serve(week)
    world.tick(week)
    world.forge(week).approve(1, "alice")
    world.forge(week).merge(1, "alice")
    record = world.healthy(week + HOUR)
    assert record.situation is not None
    assert record.situation.standing.entered_at == week
    assert record.situation.state.change.proposed_at == NOW
    assert "stays in half for at least 2 h" in reasons(record)


def test_a_hold_does_not_restart_the_stage(world: World) -> None:
    world.one(NOW, asks(ChangeKind.HOLD))
    world.one(NOW + MINUTE, asks(ChangeKind.RESUME))
    record = world.one(NOW + 2 * MINUTE)
    assert record.situation is not None
    assert (record.situation.standing.entered_at, record.situation.standing.evidence_since) == (START, START)
    assert record.pull is not None


def test_a_shallow_clone_is_refused(world: World, tmp_path: Path) -> None:
    world.one(NOW, asks(ChangeKind.HOLD))
    world.repository.git("clone", "--quiet", "--depth=1", f"file://{world.repository.path}", str(tmp_path / "shallow"))
    with pytest.raises(Unusable, match="shallow clone, which does not tell when a stage was entered"):
        LocalForge(tmp_path / "shallow", now=NOW)
    assert main(["tick", "--repository", str(tmp_path / "shallow")]) == 3


@pytest.mark.parametrize(
    ("text", "restarts"),
    [
        (POLICY_TEXT.replace("metrics.csv", "other.csv"), True),
        (POLICY_TEXT.replace("0.5%", "0.4%"), False),
        (POLICY_TEXT.replace("2h", "1h"), False),
    ],
)
def test_a_change_of_the_queries_restarts_the_evidence(world: World, text: str, restarts: bool) -> None:
    changed = NOW - HOUR
    world.repository.commit({POLICY: text}, changed)
    world.serve(NOW, name="other.csv")
    record = world.one(NOW)
    assert record.situation is not None
    assert record.situation.standing.entered_at == START
    assert record.situation.standing.evidence_since == (changed if restarts else START)


def test_a_commit_from_the_future_waits(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial(), when=NOW + HOUR)  # type: ignore[arg-type]
    world.serve(NOW)
    record = world.one(NOW)
    assert record.decision is not None
    assert (record.decision.action, record.steps, record.bug) == (DecisionAction.HOLD, (), False)


# Measuring


def rows(*lines: str) -> str:
    return "\n".join(("time,total,failed", *lines, ""))


def _late(world: World) -> None:
    world.serve(NOW - 50 * MINUTE)


def _gap(world: World) -> None:
    world.serve(NOW)
    lines = (world.repository.path / "metrics.csv").read_text().splitlines()
    world.record("\n".join([*lines[:-3], lines[-1], ""]))


def _last(row: str) -> Callable[[World], None]:
    def spoil(world: World) -> None:
        world.serve(NOW - QUARTER)
        text = (world.repository.path / "metrics.csv").read_text()
        world.record(f"{text}{NOW:%Y-%m-%dT%H:%M:%SZ},{row}\n")

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_late, "newest complete interval ended at"),
        (_gap, "no row for this time"),
        (_last("10,11"), "failed (11) exceeds total (10)"),
        (_last("nan,0"), "found 'nan'; allowed: a count"),
        (_last("inf,0"), "found 'inf'; allowed: a count"),
        (_last("-5,0"), "found '-5'; allowed: a count"),
        (_last("1e400,0"), "found '1e400'; allowed: a count"),
        (_last("10"), "found 2 fields; allowed: 3"),
        (lambda world: world.record(rows()), "no complete interval since the stage began"),
        (lambda world: world.record("<html>"), "found '<html>'; allowed: time,total,failed"),
        (lambda world: (world.repository.path / "metrics.csv").unlink(), "metrics.csv cannot be read"),
        (lambda world: (world.repository.path / "metrics.csv").write_bytes(b"\xff"), "is not UTF-8 text"),
    ],
)
def test_what_cannot_be_measured_holds_with_its_reason(
    world: World, spoil: Callable[[World], object], reason: str
) -> None:
    spoil(world)
    record = world.one(NOW)
    assert record.situation is not None
    assert record.decision is not None
    assert record.situation.verdict.outcome is Outcome.UNAVAILABLE
    assert (record.decision.action, record.steps, record.problems) == (DecisionAction.HOLD, (), ())
    assert reason in reasons(record)


@pytest.mark.parametrize("spoil", [_late, _gap, _last("10,11")])
def test_an_approved_pull_request_cannot_be_merged_blindly(world: World, spoil: Callable[[World], None]) -> None:
    world.serve(NOW)
    world.tick(NOW - MINUTE)
    spoil(world)
    world.tick(NOW)
    assert gate_of(world, 1) == (GateState.PENDING, "checkout: canary → half: waits for analysis")
    forge = world.forge(NOW)
    forge.approve(1, "alice")
    with pytest.raises(NotMergeable, match="rollout/gate is pending"):
        forge.merge(1, "alice")


# Set-up that is broken

MISSING = POLICY_TEXT.replace(
    "  source: recording\n  path: metrics.csv\n",
    "  source: prometheus\n  address: ${PROMETHEUS_URL}\n  total: requests_total\n  failed: failures_total\n",
)
UNKNOWN = POLICY_TEXT.replace("source: recording", "source: nowhere")


@pytest.mark.parametrize(
    ("text", "found"),
    [(MISSING, "PROMETHEUS_URL"), (UNKNOWN, "nowhere"), (POLICY_TEXT.replace("path:", "pith:"), "pith")],
)
def test_where_nothing_can_be_measured_a_human_still_gets_down(
    tmp_path: Path, text: str, found: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    files = {**initial(stage="half"), POLICY: text}
    world = World.made(tmp_path / "r", files)
    arguments = ["--repository", str(world.repository.path), "--now", NOW.isoformat()]
    assert main(["tick", *arguments]) == 3
    assert found in capsys.readouterr().out
    assert world.state().stage == "half"
    main(["rollback", NAME, "--reason", "incident", "--as", "bob", *arguments])
    assert (world.state().stage, world.state().attempt) == ("canary", 2)


class _Broken:
    """A source from another package, each of whose parts fails in turn."""

    schema = {"type": "object", "properties": {"path": {}}}  # noqa: RUF012

    @classmethod
    def faults(cls, settings: object) -> object:  # noqa: ARG003
        return iter(())

    def __init__(self, settings: object, surroundings: object) -> None:
        pass

    def samples(self, window: object) -> object:
        return None

    def queries(self) -> object:
        return {}


def _fail(*_: object) -> object:
    raise RuntimeError("secret")


@pytest.mark.parametrize(
    ("part", "code", "text"),
    [
        ("faults", 3, "a source that fails to check them (RuntimeError)"),
        ("__init__", 3, "metrics source 'recording' cannot be set up (RuntimeError)"),
        ("samples", 0, "the metrics source failed (RuntimeError)"),
        ("queries", 0, "the metrics source delivered no measurement (NoneType)"),
    ],
)
def test_a_source_that_fails_holds(
    world: World, part: str, code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = type("Broken", (_Broken,), {part: classmethod(_fail) if part == "faults" else _fail})
    monkeypatch.setattr("rollout_bot.tick.reading.registry.find", lambda _name: broken)
    arguments = ["--repository", str(world.repository.path), "--now", NOW.isoformat()]
    assert main(["tick", *arguments]) == code
    output = capsys.readouterr().out
    assert text in output
    assert "secret" not in output
    main(["rollback", NAME, "--reason", "incident", "--as", "bob", *arguments])
    assert world.state().stage == "off"


# States edited by hand

LAWFUL = write_state(up(FIRST, HALF))
KNOWN = "allowed: off, canary, half, most"
RAISED = replace(FIRST, percentage=33, generation=2, change=up(FIRST, HALF).change)
EDITS: dict[str, tuple[str | bytes | None, str]] = {
    "unknown stage": (LAWFUL.replace("stage: half", "stage: warp"), f"stage 'warp' is not in the policy; {KNOWN}"),
    "percentage of no stage": (write_state(replace(FIRST, percentage=33)), "percentage is 33, but stage"),
    "percentage raised": (write_state(RAISED), "percentage is 33, but stage 'canary' has 10"),
    "generation going back": (write_state(replace(FIRST, generation=0)), "generation"),
    "same generation": (LAWFUL.replace("generation: 2", "generation: 1"), "generation goes from 1 to 1; allowed: 2"),
    "conflict markers": (f"<<<<<<< HEAD\n{LAWFUL}=======\n{LAWFUL}>>>>>>> topic\n", "state.yaml:"),
    "empty": ("", "state.yaml:1:1"),
    "10 MB": ("a: " + "x" * 10_000_000, "state.yaml"),
    "binary": (bytes(range(256)), "state.yaml"),
    "deleted": (None, "state.yaml is missing; write it with: rollout-bot init checkout"),
    "another rollout": (LAWFUL.replace("rollout: checkout", "rollout: other"), "the state is of rollout 'other'"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_state_edited_by_hand_holds_and_nothing_is_touched(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, message = EDITS[name]
    other = "payments"
    files = initial() | initial(other, "half", policy_text(other))
    world = World.made(tmp_path / "r", files)
    world.serve(NOW)
    world.tick(NOW - HOUR / 2, only=NAME)
    before = world.repository.commit({STATE: content}, NOW - MINUTE)
    assert main(["tick", "--repository", str(world.repository.path), "--now", NOW.isoformat()]) == 3
    output = " ".join(capsys.readouterr().out.split())
    assert message in output
    if content is not None:
        assert "nothing is touched until a pull request" in output
    assert len(output) < 5000
    assert world.state(other).stage == "most"
    changed = world.repository.git("diff", "--name-only", before, "main").splitlines()
    assert changed == [state_path(other)]


def test_putting_the_last_lawful_state_back_repairs_it_and_starts_the_stage_anew(world: World) -> None:
    world.repository.commit({STATE: LAWFUL.replace("generation: 2", "generation: 7")}, NOW - HOUR)
    with pytest.raises(CannotEvaluate):
        world.tick(NOW, only="nobody")
    bad = propose(world, {STATE: write_state(down(FIRST, MOST))}, "bad")
    good = propose(world, {STATE: write_state(FIRST)}, "good")
    record = world.tick(NOW)
    assert "git show" in " ".join(record.rollouts[0].problems)
    assert gate_of(world, good) == (GateState.SUCCESS, "checkout: puts back the last lawful state, canary")
    assert gate_of(world, bad)[0] is GateState.FAILURE
    world.forge(NOW).merge(good, "bob")
    repaired = world.one(NOW + MINUTE)
    assert repaired.situation is not None
    assert (repaired.problems, repaired.situation.standing.entered_at) == ((), NOW)


def test_a_policy_without_the_current_stage_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World.made(tmp_path / "r", initial(stage="half"))
    world.serve(NOW)
    without = "".join(line for line in POLICY_TEXT.splitlines(keepends=True) if "half" not in line)
    world.repository.commit({POLICY: without}, NOW - MINUTE)
    before = world.repository.head()
    assert main(["tick", "--repository", str(world.repository.path), "--now", NOW.isoformat()]) == 3
    output = " ".join(capsys.readouterr().out.split())
    assert "stage 'half' is not in the policy; allowed: off, canary, most" in output
    assert f"makes {POLICY} fit the state again" in output
    assert world.repository.head() == before
    lower = propose(world, {STATE: write_state(down(world.state(), CANARY))}, "down")
    higher = propose(world, {STATE: write_state(up(world.state(), MOST))}, "up")
    world.tick(NOW)
    assert gate_of(world, lower)[0] is GateState.SUCCESS
    assert gate_of(world, higher)[0] is GateState.FAILURE


# Other people's pull requests


def _marker(stage: str, attempt: int = 1, rollout: str = NAME) -> str:
    return write_approval(Approval(rollout, stage, attempt))


def _new(name: str, committed: State) -> dict[str, str | bytes | None]:
    return {policy_path(name): policy_text(name), state_path(name): write_state(replace(committed, rollout=name))}


@pytest.mark.parametrize(
    ("files", "state_", "text"),
    [
        ({"README.md": "hello\n"}, GateState.SUCCESS, "touches no rollout state"),
        ({STATE: write_state(up(FIRST, MOST))}, GateState.FAILURE, "is no legal move"),
        ({STATE: write_state(up(FIRST, HALF))}, GateState.FAILURE, "needs approvals/half.yaml for attempt 1"),
        ({STATE: write_state(replace(FIRST, percentage=100))}, GateState.FAILURE, "percentage is 100"),
        ({STATE: "stage: ["}, GateState.FAILURE, "state.yaml:2"),
        ({STATE: b"\0\1\2"}, GateState.FAILURE, "state.yaml"),
        ({STATE: None}, GateState.FAILURE, "state.yaml would be missing"),
        ({STATE: None, POLICY: None}, GateState.SUCCESS, "the rollout is removed"),
        ({STATE: write_state(on_hold(FIRST))}, GateState.SUCCESS, "hold at canary"),
        ({POLICY: POLICY_TEXT.replace("0.5%", "5", 1)}, GateState.FAILURE, "policy.yaml:7"),
        ({POLICY: POLICY_TEXT.replace("canary", "first")}, GateState.FAILURE, "stage 'canary' is not in the policy"),
        ({POLICY: POLICY_TEXT.replace("0.5%", "0.4%")}, GateState.SUCCESS, "the stage stays canary"),
        ({POLICY: policy_text("other")}, GateState.FAILURE, "the policy is of rollout 'other'"),
        ({approval_path(NAME, "half"): _marker("half")}, GateState.SUCCESS, "the stage stays canary"),
        ({approval_path(NAME, "half"): _marker("half", 2)}, GateState.FAILURE, "is for attempt 2; allowed: 1"),
        ({approval_path(NAME, "half"): _marker("most")}, GateState.FAILURE, "approves 'most' of 'checkout'"),
        ({approval_path(NAME, "half"): "yes\n"}, GateState.FAILURE, "approvals/half.yaml:1"),
        (_new("payments", FIRST), GateState.SUCCESS, "payments: starts at canary (10 %)"),
        (_new("payments", state(MOST)), GateState.FAILURE, "starts at 'most'; allowed: off, canary"),
        (_new("payments", on_hold(FIRST)), GateState.FAILURE, "a new rollout starts with generation 1"),
        ({"rollout-state/README.md": "hello\n"}, GateState.SUCCESS, "touches no rollout state"),
    ],
)
def test_the_gate_of_other_peoples_pull_requests(
    world: World, files: dict[str, str | bytes | None], state_: GateState, text: str
) -> None:
    number = propose(world, {"NEWS.md": "x\n", **files})
    world.tick(NOW)
    assert gate_of(world, number)[0] is state_
    assert text in gate_of(world, number)[1]
    if state_ is not GateState.SUCCESS:
        forge = world.forge(NOW)
        forge.approve(number, "alice")
        with pytest.raises(NotMergeable, match="rollout/gate is"):
            forge.merge(number, "alice")


def test_an_approval_forged_by_somebody_who_owns_nothing_cannot_be_merged(world: World) -> None:
    number = propose(world, {STATE: write_state(up(FIRST, HALF)), approval_path(NAME, "half"): _marker("half")})
    world.tick(NOW)
    forge = world.forge(NOW)
    for person in ("carol", "mallory"):
        forge.approve(number, person)
    with pytest.raises(ForgeError, match="needs the approval of"):
        forge.merge(number, "bob")
    assert world.state().stage == "canary"


def test_a_marker_left_behind_does_not_approve_the_next_rollout_of_that_name(world: World) -> None:
    world.repository.commit({approval_path(NAME, "half"): _marker("half")}, NOW - MINUTE)
    number = propose(world, {"NEWS.md": "x\n", STATE: None, POLICY: None})
    world.tick(NOW)
    assert gate_of(world, number)[0] is GateState.FAILURE
    assert "approvals/half.yaml is left without its rollout" in gate_of(world, number)[1]


def test_an_approval_given_beforehand_lets_the_bot_merge(world: World) -> None:
    world.repository.commit({approval_path(NAME, "half"): _marker("half")}, NOW - MINUTE)
    assert world.one(NOW).merged
    assert world.state().stage == "half"


def test_a_bug_in_one_rollout_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollout_bot.tick import tick

    files = initial(stage="half") | initial("payments", "half", policy_text("payments"))
    world = World.made(tmp_path / "r", files)
    world.serve(NOW)
    real = tick.plan

    def plan(snapshot: object, situation: object, *rest: object) -> object:
        if situation.state.rollout == NAME:  # type: ignore[attr-defined]
            raise RuntimeError("boom")
        return real(snapshot, situation, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tick, "plan", plan)
    record = world.tick(NOW)
    assert [each.bug for each in record.rollouts] == [True, False]
    assert "bug in the bot: RuntimeError" in record.rollouts[0].problems[0]
    assert (world.state().stage, world.state("payments").stage) == ("half", "most")


def test_a_bug_while_judging_turns_the_gate_red(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = propose(world, {STATE: write_state(on_hold(FIRST))})
    monkeypatch.setattr("rollout_bot.tick.judging.proposed", _fail)
    world.tick(NOW)
    assert gate_of(world, number) == (GateState.FAILURE, "bug in the bot: RuntimeError")
    assert world.forge(NOW).pull(number).state is PullState.OPEN
