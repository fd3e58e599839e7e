"""A tick that is killed after any of its actions, and two ticks at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from support.repositories import START
from support.rollouts import asks
from support.ticks import HOUR, NAME, QUARTER, Cut, Killed, World, initial, policy_text

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import PullState
from rollout_bot.core.model.state import ChangeKind


@dataclass(frozen=True)
class Scene:
    """What is there before the tick that is cut, when it runs, and what is asked of it."""

    prepare: Callable[[World], datetime]
    request: Request | None = None
    stage: str = "canary"


def _healthy(world: World) -> datetime:
    now = START + 3 * HOUR
    world.serve(now)
    return now


def _waiting(world: World) -> datetime:
    """An advance pull request waits for its owner."""
    now = _healthy(world)
    world.tick(now)
    assert world.open_branches(now) == ["rollout/checkout/2-half"]
    return now


def _regressed(world: World) -> datetime:
    now = _waiting(world) + HOUR
    world.serve(now, bad_since=now - HOUR)
    return now


def _approved(world: World) -> datetime:
    now = _waiting(world)
    world.forge(now).approve(1, "alice")
    world.repository.commit({"rollout-state/checkout/policy.yaml": policy_text(merge_on_approval="true")}, now)
    return now + QUARTER / 15


def _held(world: World) -> datetime:
    now = _waiting(world)
    world.one(now, asks(ChangeKind.HOLD))
    return now + QUARTER / 15


def _off(world: World) -> datetime:
    now = START + 3 * HOUR
    world.serve(now, bad_since=now - HOUR)
    world.tick(now)
    assert world.state().stage == "off"
    world.serve(later := now + 25 * HOUR)
    return later


def _changed_by_hand(world: World) -> datetime:
    """Somebody pushed to the branch of the open pull request."""
    now = _waiting(world)
    world.repository.commit({"app.py": "evil\n"}, now, branch="rollout/checkout/2-half")
    return now + QUARTER / 15


SCENES = {
    "advance": Scene(_healthy, stage="half"),
    "advance with approval": Scene(_healthy),
    "advance that was approved": Scene(_approved),
    "advance, branch changed by hand": Scene(_changed_by_hand),
    "rollback over an open advance": Scene(_regressed),
    "rollback asked for over an open advance": Scene(_waiting, asks(ChangeKind.ROLL_BACK)),
    "hold over an open advance": Scene(_waiting, asks(ChangeKind.HOLD)),
    "resume": Scene(_held, asks(ChangeKind.RESUME)),
    "off to canary": Scene(_off),
}


@pytest.mark.parametrize("name", SCENES)
def test_killed_after_any_action_the_next_tick_ends_the_same(name: str, tmp_path: Path) -> None:
    scene = SCENES[name]
    origin = World.made(tmp_path / "origin", initial(stage=scene.stage))
    now = scene.prepare(origin)

    undisturbed = _copy(origin, tmp_path / "undisturbed")
    steps = undisturbed.one(now, scene.request).steps
    assert steps
    assert not [step.error for step in steps if step.error]
    undisturbed.tick(now)
    end = undisturbed.end(now)

    for cut in range(1, len(steps) + 1):
        world = _copy(origin, tmp_path / f"cut-{cut}")
        with pytest.raises(Killed):
            world.tick(now, scene.request, forge=Cut(world.forge(now), cut))  # type: ignore[arg-type]
        record = world.tick(now)
        assert not [step.error for rollout in record.rollouts for step in rollout.steps if step.error]
        world.tick(now)
        assert world.end(now) == end, f"killed after {steps[cut - 1].action}"
        assert world.repository.fsck() == ""
        assert not [step for rollout in world.tick(now).rollouts for step in rollout.steps]


def _copy(world: World, path: Path) -> World:
    shutil.copytree(world.repository.path, path, symlinks=True)
    return World(type(world.repository)(path))


@pytest.mark.parametrize("stage", ["canary", "half"])
def test_two_ticks_at_once(stage: str, tmp_path: Path) -> None:
    world = World.made(tmp_path / "one", initial(stage=stage))
    now = _healthy(world)
    command = [
        str(Path(sys.executable).parent / "rollout-bot"),
        "tick",
        "--repository",
        str(world.repository.path),
        "--now",
        now.isoformat(),
    ]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
        for _ in range(2)
    ]
    outputs = []
    for run in runs:
        with run:
            output, _ = run.communicate(timeout=60)
        outputs.append((run.returncode, output))
    assert [code for code, _ in outputs] == [0, 0], outputs
    pulls = world.forge(now).pulls()
    assert len(pulls) == 1
    if stage == "half":
        assert (pulls[0].state, world.state().stage, world.state().generation) == (PullState.MERGED, "most", 2)
        assert len(world.repository.log()) == 2
    else:
        assert (pulls[0].state, pulls[0].branch) == (PullState.OPEN, f"rollout/{NAME}/2-half")
    assert world.repository.git("log", "--merges", "--format=%h", "main") == ""
    assert world.repository.fsck() == ""
