"""Rollouts that wait for each other: ticks, `validate`, and the gates of pull requests that tie or untie them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.repositories import START, Content
from support.rollouts import asks
from support.ticks import HOUR, NAME, POLICY, World, initial, policy_text

from rollout_bot.checkout import Checkout
from rollout_bot.cli import main
from rollout_bot.core.decision.actions import OpenPull
from rollout_bot.core.decision.decision import DecisionAction, decide
from rollout_bot.core.gates.conditions import Gate, GateName
from rollout_bot.core.model.repository import GateState, GateStatus, policy_path, state_path
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.record import RolloutRecord
from rollout_bot.tick.tick import Tick

NOW = START + 3 * HOUR


def files(after: str = "other@half", other: str = "canary", **others: object) -> dict[str, Content]:
    """`checkout` waits; `other` stands at a stage, with further fields in its policy."""
    text = policy_text("other", **others)
    return {**initial(text=policy_text(after=after)), **initial("other", other, text)}


def made(path: Path, content: Mapping[str, Content]) -> World:
    world = World.made(path / "r", content)
    world.serve(NOW)
    return world


def gate(record: RolloutRecord) -> Gate:
    assert record.decision is not None
    return next(each for each in record.decision.gates if each.name is GateName.AFTER)


@pytest.mark.parametrize(("stage", "passed"), [("off", False), ("canary", False), ("half", True), ("most", True)])
@pytest.mark.parametrize("only", [NAME, None])
def test_it_waits_until_the_other_stands_there(tmp_path: Path, stage: str, passed: bool, only: str | None) -> None:
    world = made(tmp_path, files(other=stage))
    record = next(each for each in world.tick(NOW, only=only).rollouts if each.rollout == NAME)
    found = gate(record)
    assert record.decision is not None
    assert (record.decision.action is DecisionAction.ADVANCE, found.passed) == (passed, passed)
    assert found.reason == (
        f"other stands at {stage}" if passed else f"waits for other at half or above; it stands at {stage}"
    )
    assert not record.decision.attention


def test_a_rollback_of_the_other_rolls_nothing_back_and_lets_nothing_up(tmp_path: Path) -> None:
    world = made(tmp_path, files(other="half"))
    down = world.tick(NOW, asks(ChangeKind.ROLL_BACK), only="other").rollouts[0]
    assert down.merged
    record = world.one(NOW)
    assert record.decision is not None
    assert (record.decision.action, world.state().stage) == (DecisionAction.HOLD, "canary")
    assert gate(record).reason == "waits for other at half or above; it stands at canary"


def test_of_several_each_must_stand_there(tmp_path: Path) -> None:
    content = {**files("[other@half, third@most]", other="half"), **initial("third", "half", policy_text("third"))}
    assert gate(made(tmp_path, content).one(NOW)).reason == "waits for third at most or above; it stands at half"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({state_path("other"): "stage: full\n"}, "which cannot be evaluated: rollout-state/other/state.yaml:"),
        ({state_path("other"): None}, "which cannot be evaluated: rollout-state/other/state.yaml is missing"),
        ({policy_path("other"): "rollout: [\n"}, "which cannot be evaluated: rollout-state/other/policy.yaml:"),
    ],
)
def test_what_nobody_knows_holds(tmp_path: Path, broken: Mapping[str, Content], reason: str) -> None:
    content = {path: text for path, text in {**files(other="most"), **broken}.items() if text is not None}
    record = made(tmp_path, content).one(NOW)
    assert record.decision is not None
    assert record.decision.action is DecisionAction.HOLD
    assert gate(record).reason.startswith(f"waits for other@half, {reason}")


def test_a_situation_without_the_others_holds(tmp_path: Path) -> None:
    record = made(tmp_path, files(other="most")).one(NOW)
    assert record.situation is not None
    decision = decide(replace(record.situation, prerequisites=()))
    assert (decision.action, decision.reasons) == (DecisionAction.HOLD, ("nothing is known of other@half",))


def test_an_owner_can_pass_over_it(tmp_path: Path) -> None:
    record = made(tmp_path, files()).one(NOW, asks(ChangeKind.ADVANCE))
    assert record.decision is not None
    assert record.decision.proposal is not None
    assert record.decision.proposal.approval is not None
    assert record.decision.proposal.approval.override is not None
    assert record.decision.proposal.approval.override.gates == ("after",)


RING = {
    **initial(text=policy_text(after="b@canary")),
    **initial("b", text=policy_text("b", after="[c@half, other@half]")),
    **initial("c", text=policy_text("c", after="checkout@canary")),
    **initial("other", text=policy_text("other")),
}
"""Three that wait for each other in a circle, and one beside it."""

WRONG: dict[str, tuple[Mapping[str, Content], str, str]] = {
    "itself": (files("checkout@half"), "10:8: after", "a circle: checkout → checkout"),
    "a circle of two": ({
        **initial(text=policy_text(after="[third@half, other@half]")),
        **initial("other", text=policy_text("other", after="checkout@canary")),
        **initial("third", text=policy_text("third")),
    }, "10:21: after[1]", "a circle: checkout → other → checkout"),
    "a circle of three": (RING, "10:8: after", "a circle: checkout → b → c → checkout"),
    "no such rollout": (files("othr@half"), "10:8: after", "'othr@half', of no rollout that there is"),
    "no such stage": (files("other@full"), "10:8: after", "'other@full', which is no stage of it"),
    "off": (files("other@off"), "10:8: after", "'other@off', which is no stage of it"),
    "nobody else": (initial(text=policy_text(after="a@b")), "10:8: after", "'a@b', of no rollout that there is"),
}  # fmt: skip
ALLOWED = {
    "no such rollout": "other",
    "no such stage": "other@canary, other@half, other@most",
    "off": "other@canary, other@half, other@most",
    "nobody else": "nothing, there is no other",
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_can_never_be_right_is_an_error_at_its_place_and_holds(tmp_path: Path, kind: str) -> None:
    content, place, found = WRONG[kind]
    allowed = ALLOWED.get(kind, "rollouts that do not wait for each other")
    world = made(tmp_path, content)
    path = world.repository.path
    assert Checkout(path).problems(NAME) == (f"{POLICY}:{place}: found {found}; allowed: {allowed}",)
    assert main(["validate", "--repository", str(path)]) == 3
    record = world.one(NOW)
    assert record.decision is not None
    assert (record.decision.action, record.decision.attention, world.state().stage) == ("hold", True, "canary")
    assert gate(record).reason.endswith(f"after in {POLICY} is {found}; allowed: {allowed}")


def test_a_rollout_beside_a_circle_is_right(tmp_path: Path) -> None:
    world = made(tmp_path, {**RING, **initial("free", text=policy_text("free", after="b@half"))})
    checkout = Checkout(world.repository.path)
    assert [name for name in checkout.rollouts() if checkout.problems(name)] == ["b", "c", "checkout"]


def judged(world: World, changes: Mapping[str, Content | None]) -> tuple[GateStatus, tuple[str, ...]]:
    forge = world.forge(NOW)
    forge.apply(OpenPull("topic", world.repository.head(), {"NEWS.md": "x"}, "t", "b"))
    world.repository.commit(changes, NOW, branch="topic")
    _, status, problems = Tick(forge, world.evaluator(NOW), only=frozenset(), dry_run=True).verify(1)
    return status, problems


@pytest.mark.parametrize(
    ("before", "changes", "problem"),
    [
        (
            files(),
            {policy_path("other"): policy_text("other", after="checkout@canary")},
            "rollout-state/other/policy.yaml:10:8: after: found a circle: other → checkout → other",
        ),
        (
            files(),
            {policy_path("other"): policy_text("other").replace("half", "middle")},
            f"{POLICY}:10:8: after: found 'other@half', which is no stage of it",
        ),
        (
            files(),
            {policy_path("other"): None, state_path("other"): None},
            f"{POLICY}:10:8: after: found 'other@half', of no rollout that there is",
        ),
        (
            files(),
            {POLICY: policy_text(after="nobody@half")},
            f"{POLICY}:10:8: after: found 'nobody@half', of no rollout that there is",
        ),
    ],
    ids=["circle", "stage", "removed", "unknown"],
)
def test_the_pull_request_that_makes_it_wrong_fails(
    tmp_path: Path, before: Mapping[str, Content], changes: Mapping[str, Content | None], problem: str
) -> None:
    status, problems = judged(made(tmp_path, before), changes)
    assert status.state is GateState.FAILURE
    assert any(each.startswith(problem) for each in problems), problems
    assert status.description.startswith(problem[:100])


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        (files("othr@half"), {POLICY: policy_text(after="other@half")}),
        (files("othr@half"), {policy_path("other"): policy_text("other", max_rollbacks=9)}),
        (files("new@half"), initial("new", text=policy_text("new"))),
        (files(), {policy_path("other"): policy_text("other", cooldown="1h")}),
    ],
    ids=["mended", "not its fault", "added", "harmless"],
)
def test_every_other_one_does_not(
    tmp_path: Path, before: Mapping[str, Content], changes: Mapping[str, Content]
) -> None:
    status, problems = judged(made(tmp_path, before), changes)
    assert (status.state, problems) == (GateState.SUCCESS, ())


def test_a_wrong_one_can_still_be_rolled_back(tmp_path: Path) -> None:
    world = made(tmp_path, files("othr@half"))
    assert world.one(NOW, asks(ChangeKind.ROLL_BACK)).merged
    assert world.state().stage == "off"
