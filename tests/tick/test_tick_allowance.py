"""Many changes at once: rollbacks first, the rest as far as the forge lets one go, and the next tick goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from support.repositories import START
from support.rollouts import asks
from support.ticks import HOUR, World, initial, policy_text

from rollout_bot.cli import main
from rollout_bot.core.decision.actions import Action
from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import Snapshot
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.record import TickRecord
from rollout_bot.forge.interface import Applied
from rollout_bot.forge.local import LocalForge
from rollout_bot.report.terminal import tick_text
from rollout_bot.tick.tick import LEFT, Tick

LATER = START + 3 * HOUR
GOOD = ("a", "b", "c")
BAD = ("x", "y")


@dataclass
class Counting:
    """A local forge that counts each action as one request."""

    forge: LocalForge
    requests: int = 0

    def snapshot(self) -> Snapshot:
        return self.forge.snapshot()

    def role(self, person: str) -> str | None:
        return self.forge.role(person)

    def apply(self, action: Action) -> Applied:
        self.requests += 1
        return self.forge.apply(action)

    def __getattr__(self, name: str) -> object:
        return getattr(self.forge, name)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three rollouts are due to go from half to most, which needs nobody; two have to go down."""
    content = {}
    for name in (*GOOD, *BAD):
        text = policy_text(name).replace("metrics.csv", "bad.csv" if name in BAD else "metrics.csv")
        content |= initial(name, stage="half", text=text)
    made = World.made(tmp_path / "repository", content)
    made.serve(LATER)
    made.serve(LATER, bad_since=START + HOUR, name="bad.csv")
    return made


def tick(world: World, now: datetime, allowance: int | None, **options: object) -> TickRecord:
    return Tick(Counting(world.forge(now)), world.evaluator(now), allowance=allowance, **options).run()  # type: ignore[arg-type]


def stages(world: World) -> dict[str, str]:
    return {name: world.state(name).stage for name in (*GOOD, *BAD)}


def test_rollbacks_go_first_and_never_wait(world: World) -> None:
    record = tick(world, LATER, 1)
    assert stages(world) == {"a": "half", "b": "half", "c": "half", "x": "canary", "y": "canary"}
    waiting = [each.rollout for each in record.rollouts if any(step.note == LEFT for step in each.steps)]
    assert waiting == list(GOOD)
    assert world.open_branches(LATER) == []
    assert tick_text(record).count("the next tick goes on here") == len(GOOD)


def test_the_next_ticks_go_on_until_nothing_is_left(world: World) -> None:
    seen = []
    for _ in range(4):
        tick(world, LATER, 7)
        seen.append([name for name, stage in stages(world).items() if stage == "most"])
    assert seen == [["a"], ["a", "b", "c"], ["a", "b", "c"], ["a", "b", "c"]]


def test_without_a_bound_all_is_done_at_once(world: World) -> None:
    tick(world, LATER, None)
    assert [stages(world)[name] for name in GOOD] == ["most"] * 3


@pytest.mark.parametrize(("kind", "stage"), [(ChangeKind.ROLL_BACK, "canary"), (ChangeKind.ADVANCE, "most")])
def test_a_person_never_waits(world: World, kind: ChangeKind, stage: str) -> None:
    only = frozenset(("a",))
    Tick(Counting(world.forge(LATER)), world.evaluator(LATER), only, allowance=0).run(asks(kind))
    assert stages(world)["a"] == stage


def test_what_was_asked_before_is_not_this_ticks(world: World) -> None:
    forge = Counting(world.forge(LATER), requests=1000)
    Tick(forge, world.evaluator(LATER), allowance=7).run()
    assert stages(world)["a"] == "most"


@pytest.mark.parametrize(
    ("options", "allowed"), [((), 125), (("--shard", "2/4"), 31), (("--every", "60s", "--for", "1s"), 8)]
)
def test_the_command_shares_an_hour_among_its_ticks_and_shards(
    world: World, options: tuple[str, ...], allowed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int | None] = []

    class Seen(Tick):
        def run(self, request: Request | None = None) -> TickRecord:
            seen.append(self.allowance)
            return TickRecord(LATER, 0, ())

    monkeypatch.setattr("rollout_bot.tick.tick.Tick", Seen)
    assert main(["tick", "--repository", str(world.repository.path), *options]) == 0
    assert seen == [allowed]
