"""A replay moves exactly where and when real ticks do: files, plans and pull requests against one pass in memory."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from support.model_forge import OWNER, Commit, ModelForge
from support.repositories import START
from support.ticks import NAME, QUARTER, STATE, initial

from rollout_bot.core.hindsight import Hindsight
from rollout_bot.core.replay import replay
from rollout_bot.core.samples import Measurement
from rollout_bot.core.state import State
from rollout_bot.evaluation import Evaluator, measure
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import read_state
from rollout_bot.forge.interface import Conflict, NotMergeable
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.past import Past
from rollout_bot.metrics.recording import Recording
from rollout_bot.tick import Tick

POLICY_TEXT = """\
schema_version: 1
rollout: checkout
metrics: {source: recording, path: metrics.csv}
cooldown: 4h
max_rollbacks: 4
stages:
  - {name: canary, percentage: 10, duration: 2h, max_error_rate: 1%}
  - {name: half, percentage: 50, duration: 3h, max_error_rate: 0.8%, requires_approval: true}
  - {name: full, percentage: 100, duration: 1h, max_error_rate: 0.8%}
"""
DAYS = 4


@dataclass(frozen=True)
class Move:
    """What a transition and a committed state have in common."""

    at: object
    origin: str | None
    to: str
    requests: float
    failures: float
    lower: float | None
    outcome: str


def recording(seed: int) -> str:
    """Quarter hours with bad hours, holes, silence and rows that cannot be true."""
    rng = random.Random(seed)
    lines, at, trouble, hole = ["time,total,failed"], START - timedelta(hours=24), 0, 0
    for _ in range((DAYS + 1) * 96):
        at += QUARTER
        trouble = max(0, trouble - 1) or (rng.randint(2, 12) if rng.random() < 0.015 else 0)
        total = 0 if rng.random() < 0.02 else rng.randint(100, 900)
        failed = sum(rng.random() < (0.05 if trouble else 0.002) for _ in range(total))
        hole = max(0, hole - 1) or (rng.randint(1, 6) if rng.random() < 0.04 else 0)
        if not hole:
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{total},{total + 1 if rng.random() > 0.99 else failed}")
    return "\n".join([*lines, ""])


def ticked(folder: Path) -> Iterator[Move]:
    """Real ticks every quarter of an hour; an owner merges what waits as soon as its gate is green."""
    files = {path: str(text).encode() for path, text in initial(text=POLICY_TEXT).items()}
    forge = ModelForge(START, [Commit(files, START)])
    before = _state(forge)
    for index in range(1, DAYS * 96 + 1):
        forge.now = START + index * QUARTER
        Tick(forge, Evaluator(forge.now, folder, {})).run()  # type: ignore[arg-type]
        for pull in forge.open_pulls():
            forge.approve(pull.number, OWNER)
            with suppress(NotMergeable, Conflict):
                forge.merge(pull.number)
        after = _state(forge)
        if after != before and after.evidence is not None:
            seen = after.evidence
            yield Move(forge.now, after.change.from_stage, after.stage, seen.requests, seen.failures, seen.lower,
                       seen.outcome)  # fmt: skip
        before = after


def _state(forge: ModelForge) -> State:
    return read_state(forge.files[STATE], STATE)


@pytest.mark.parametrize("seed", [2, 3, 12])
def test_a_replay_moves_as_ticks_do(tmp_path: Path, seed: int) -> None:
    (tmp_path / "metrics.csv").write_text(recording(seed))
    real = list(ticked(tmp_path))
    policy = read_policy(POLICY_TEXT.encode(), "policy.yaml")
    source = Recording({"path": "metrics.csv"}, Surroundings(tmp_path))
    end = START + timedelta(days=DAYS)
    found = Past(source, measure, policy.interval, end).read(START - timedelta(hours=24), end)
    assert isinstance(found, Measurement)
    replayed = replay(policy, Hindsight(found, policy.interval), start=START, end=end)
    moves = [
        Move(each.at, each.origin.name, each.to.name, each.verdict.stage.requests, each.verdict.stage.failures,
             each.verdict.lower, each.verdict.outcome)
        for each in replayed.transitions
    ]  # fmt: skip
    assert len(moves) > 4
    assert {move.outcome for move in moves} >= {"healthy", "regressed"}
    # Where only a human could go on, the replay is over; ticks go on to watch what is left.
    assert moves == (real[: len(moves)] if replayed.stopped else real)
    assert replayed.policy.rollout == NAME
