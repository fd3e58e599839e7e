"""Ticks that meet files nobody can read, people who are faster, and rollouts nobody named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.repositories import START
from support.rollouts import CANARY, MOST, asks, down, up
from support.ticks import HOUR, NAME, POLICY, POLICY_TEXT, STATE, Cut, Killed, World, policy_text

from rollout_bot.core.decision.actions import Action, MergePull, OpenPull
from rollout_bot.core.model.repository import GateState, PullState, approval_path
from rollout_bot.core.model.state import Approval, ChangeKind
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state
from rollout_bot.forge.interface import Applied
from rollout_bot.forge.local import LocalForge
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.reading import CannotEvaluate
from rollout_bot.tick.tick import MAX_ROUNDS, Tick

NOW = START + 3 * HOUR


@dataclass
class Faster:
    """A forge on which somebody does something just before each action of a kind."""

    forge: LocalForge
    kind: type
    act: Callable[[], object]
    times: int = 1

    requests = 0

    def role(self, person: str) -> str | None:
        return self.forge.role(person)

    def snapshot(self) -> object:
        return self.forge.snapshot()

    def apply(self, action: Action) -> Applied:
        if self.times and isinstance(action, self.kind):
            self.times -= 1
            self.act()
        return self.forge.apply(action)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({POLICY: None}, "policy.yaml is missing; write it with: rollout-bot init checkout"),
        ({POLICY: "rollout: ["}, "policy.yaml:2:1"),
        ({POLICY: policy_text("other")}, "rollout is 'other'; allowed: 'checkout', the name of its folder"),
        ({STATE: "x"}, "git show"),
    ],
)
def test_files_that_cannot_be_used(half: World, files: dict[str, str | bytes | None], problem: str) -> None:
    half.repository.commit(files, NOW)
    record = half.one(NOW)
    assert problem in " ".join(record.problems)
    assert (record.situation, record.steps) == (None, ())


def test_a_state_that_was_never_readable(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", {POLICY: POLICY_TEXT, STATE: "x"})
    assert "nothing is touched until a pull request makes it valid" in " ".join(world.one(NOW).problems)


def test_an_unreadable_marker_is_remarked_upon_and_approves_nothing(half: World) -> None:
    half.repository.commit({approval_path(NAME, "most"): "yes"}, NOW)
    record = half.one(NOW)
    assert "approvals/most.yaml" in " ".join(record.notes)
    assert record.merged


def test_a_policy_that_was_unreadable_for_a_while_restarts_the_evidence(half: World) -> None:
    half.repository.commit({POLICY: "x"}, NOW - 2 * HOUR)
    half.repository.commit({POLICY: POLICY_TEXT}, NOW - HOUR)
    record = half.one(NOW)
    assert record.situation is not None
    assert record.situation.standing.evidence_since == NOW - HOUR


UNMEASURABLE = POLICY_TEXT.replace("source: recording\n  path: metrics.csv", "source: oracle")


def test_a_rollback_by_hand_that_was_cut_short_needs_no_query_that_works(half: World) -> None:
    half.repository.commit({POLICY: UNMEASURABLE}, NOW)
    with pytest.raises(Killed):
        half.tick(NOW, asks(ChangeKind.ROLL_BACK), forge=Cut(half.forge(NOW), 1))  # type: ignore[arg-type]
    record = half.one(NOW)
    assert "no metrics source is called 'oracle'" in " ".join(record.problems)
    assert half.state().stage == "canary"


def test_a_person_goes_down_beside_a_query_that_does_not_work(half: World) -> None:
    half.repository.commit({POLICY: UNMEASURABLE}, NOW)
    lower, higher = down(half.state(), CANARY), up(half.state(), MOST)
    for branch, state in (("down", lower), ("up", higher)):
        half.forge(NOW, actor="mallory").apply(
            OpenPull(branch, half.repository.head(), {STATE: write_state(state)}, branch, "")
        )
    half.tick(NOW)
    gates = {pull.branch: pull.gate and pull.gate.state for pull in half.forge(NOW).pulls(PullState.OPEN)}
    assert gates == {"down": GateState.SUCCESS, "up": GateState.PENDING}


def test_who_changes_a_policy_has_to_mend_how_it_measures(half: World) -> None:
    half.repository.commit({POLICY: UNMEASURABLE}, NOW)
    changed = {POLICY: UNMEASURABLE + "cooldown: 3h\n"}
    half.forge(NOW, actor="mallory").apply(OpenPull("policy", half.repository.head(), changed, "Change", ""))
    half.tick(NOW)
    gate = half.forge(NOW).pull(1).gate
    assert gate is not None
    assert (gate.state, "oracle" in gate.description) == (GateState.FAILURE, True)


def test_a_dry_run_changes_nothing(half: World) -> None:
    before = half.repository.git("for-each-ref")
    record = Tick(half.forge(NOW), Evaluator(NOW, half.repository.path, {}), dry_run=True).run()
    assert [type(step.action).__name__ for step in record.rollouts[0].steps] == ["OpenPull", "SetGate", "MergePull"]
    assert [step.changed for step in record.rollouts[0].steps] == [None] * 3
    assert half.repository.git("for-each-ref") == before


def test_a_rollout_that_is_not_there(half: World) -> None:
    with pytest.raises(CannotEvaluate, match="no rollout 'nobody' on branch main; there are: checkout"):
        half.tick(NOW, only="nobody")


def test_somebody_faster_makes_the_tick_look_again(half: World) -> None:
    def refused() -> None:
        half.forge(NOW).close(1, "alice")

    record = half.one(NOW, forge=Faster(half.forge(NOW), MergePull, refused))
    assert (record.failed, record.merged, half.state().stage) == (False, False, "half")
    assert record.decision is not None
    assert "alice closed #1" in record.decision.reasons[0]


def test_a_hold_that_lands_first_stops_the_advance(half: World) -> None:
    def hold() -> None:
        half.one(NOW, asks(ChangeKind.HOLD))

    half.one(NOW, forge=Faster(half.forge(NOW), MergePull, hold))
    assert (half.state().stage, half.state().change.kind) == ("half", ChangeKind.HOLD)
    assert half.open_branches(NOW) == []


def test_whoever_is_faster_for_ever_fails_the_tick(half: World) -> None:
    count = iter(range(100))

    def touch() -> None:
        text = POLICY_TEXT.replace("checkout", f"checkout\nmax_rollbacks: {3 + next(count)}", 1)
        half.repository.commit({POLICY: text, STATE: half.repository.show(STATE) + "# x\n"}, NOW)

    record = half.one(NOW, forge=Faster(half.forge(NOW), OpenPull, touch, times=MAX_ROUNDS))
    assert record.failed
    assert half.state().stage == "half"
    assert half.one(NOW).merged


def test_a_request_is_not_repeated_on_what_has_changed_meanwhile(half: World) -> None:
    def touch() -> None:
        half.repository.commit({STATE: half.repository.show(STATE) + "# x\n"}, NOW)

    record = half.one(NOW, asks(ChangeKind.ROLL_BACK), forge=Faster(half.forge(NOW), OpenPull, touch))
    assert (record.failed, half.state().stage) == (True, "half")


def test_a_marker_alone_in_a_persons_pull_request_is_judged(half: World) -> None:
    text = write_approval(Approval(NAME, "most", 1))
    forge = half.forge(NOW, actor="bob")
    forge.apply(OpenPull("topic", half.repository.head(), {approval_path(NAME, "most"): text}, "t", "b"))
    record = half.tick(NOW)
    assert [step.error for step in record.gates] == [None]
    pull = half.forge(NOW).pull(1)
    assert pull.gate is not None
    assert pull.gate.description == "checkout: the stage stays half"
