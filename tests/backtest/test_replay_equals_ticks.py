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

from rollout_bot.core.model.state import State
from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.replay.replay import replay
from rollout_bot.core.samples import Measurement, Readings, Window
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import read_state
from rollout_bot.forge.interface import Conflict, NotMergeable
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.past import Past
from rollout_bot.metrics.recording import Recording
from rollout_bot.tick.evaluation import Evaluator, measure
from rollout_bot.tick.tick import Tick

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
GUARDED = (
    POLICY_TEXT
    + """\
guardrails:
  - {name: latency, query: latency, max: 1}
  - {name: load, query: load, max: 0.9, breaches: 2, severity: hold}
"""
)
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
    values = random.Random(-seed)
    slow = busy = 0
    lines, at, trouble, hole = ["time,total,failed,latency,load"], START - timedelta(hours=24), 0, 0
    for _ in range((DAYS + 1) * 96):
        at += QUARTER
        trouble = max(0, trouble - 1) or (rng.randint(2, 12) if rng.random() < 0.015 else 0)
        total = 0 if rng.random() < 0.02 else rng.randint(100, 900)
        failed = sum(rng.random() < (0.05 if trouble else 0.002) for _ in range(total))
        hole = max(0, hole - 1) or (rng.randint(1, 6) if rng.random() < 0.04 else 0)
        slow = max(0, slow - 1) or (values.randint(1, 4) if values.random() < 0.01 else 0)
        busy = max(0, busy - 1) or (values.randint(1, 8) if values.random() < 0.05 else 0)
        latency = "" if values.random() < 0.05 else 2 if slow else 0.3
        if not hole:
            counts = f"{total},{total + 1 if rng.random() > 0.99 else failed}"
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},{counts},{latency},{0.95 if busy else 0.5}")
    return "\n".join([*lines, ""])


def ticked(folder: Path, text: str) -> Iterator[Move]:
    """Real ticks every quarter of an hour; an owner merges what waits as soon as its gate is green."""
    files = {path: str(text).encode() for path, text in initial(text=text).items()}
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


@pytest.mark.parametrize(("seed", "text"), [(2, POLICY_TEXT), (12, POLICY_TEXT), (3, GUARDED), (5, GUARDED)])
def test_a_replay_moves_as_ticks_do(tmp_path: Path, seed: int, text: str) -> None:
    (tmp_path / "metrics.csv").write_text(recording(seed))
    real = list(ticked(tmp_path, text))
    policy = read_policy(text.encode(), "policy.yaml")
    source = Recording({"path": "metrics.csv"}, Surroundings(tmp_path))
    end = START + timedelta(days=DAYS)
    found = Past(source, measure, policy.interval, end).read(START - timedelta(hours=24), end)
    assert isinstance(found, Measurement)
    history = Hindsight(found, policy.interval)
    queries = {each.query: each.query for each in policy.guardrails}
    values = source.readings(queries, Window(START, end, policy.interval))
    history.readings = {query: each for query, each in values.items() if isinstance(each, Readings)}
    replayed = replay(policy, history, start=START, end=end)
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
    told = [reason for each in replayed.rollbacks for reason in each.reasons]
    waits = {wait.cause for wait in replayed.waits}
    assert (any("guardrail latency" in reason for reason in told), "guardrails" in waits) == (text == GUARDED,) * 2
