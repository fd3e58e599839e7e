"""Histories of quarter hours for replays, and policies whose stages are short."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rollout_bot.core.model.policy import Metrics, Policy, Stage
from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.replay.replay import replay
from rollout_bot.core.replay.replayed import Replay
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)

Told = tuple[float, float] | str | None
"""Requests and failures of a quarter hour, why it could not be measured, or a hole without a word."""

GOOD: Told = (1000.0, 1.0)
BAD: Told = (1000.0, 200.0)

SHORT = (
    Stage("canary", 10, 2 * HOUR, 0.005, requires_approval=False),
    Stage("half", 50, 2 * HOUR, 0.005, requires_approval=True),
    Stage("full", 100, 2 * HOUR, 0.005, requires_approval=False),
)


def policy(*stages: Stage, **fields: Any) -> Policy:
    return Policy("checkout", stages or SHORT, Metrics("recording", {"path": "metrics.csv"}), **fields)


def history(told: Callable[[float], Told], hours: float = 24.0, **fields: Any) -> Hindsight:
    """What is told for each quarter hour, by the hours from `BEGIN` at which it ends, from a day before on."""
    entries: list[Sample | Gap] = []
    for index in range(-96, round(hours * 4)):
        start = BEGIN + index * QUARTER
        each = told((index + 1) / 4)
        if isinstance(each, str):
            entries.append(Gap(start, start + QUARTER, each))
        elif each is not None:
            entries.append(Sample(start, start + QUARTER, Counts(*each)))
    return Hindsight(Measurement(tuple(entries)), QUARTER, **fields)


def replayed(
    told: Callable[[float], Told] = lambda _hour: GOOD,
    *,
    hours: float = 24.0,
    rules: Policy | None = None,
    delay: timedelta = timedelta(0),
    **options: Any,
) -> Replay:
    found = history(told, hours, delay=delay)
    return replay(rules or policy(), found, start=BEGIN, end=BEGIN + hours * HOUR, **options)


def moves(found: Replay) -> list[tuple[float, str]]:
    """Hours after `BEGIN`, and the stage entered."""
    return [((each.at - BEGIN) / HOUR, each.to.name) for each in found.transitions]


def table(told: Callable[[float], Told], hours: float = 24.0) -> str:
    """The same history as the text of a recording; it begins at `BEGIN`."""
    rows = ["time,total,failed"]
    for index in range(round(hours * 4)):
        each = told((index + 1) / 4)
        if isinstance(each, tuple):
            rows.append(f"{BEGIN + (index + 1) * QUARTER:%Y-%m-%dT%H:%M:%SZ},{each[0]:g},{each[1]:g}")
    return "\n".join([*rows, ""])
