"""The rule of the bot: the real `Course`, fed one interval after the other, as a tick would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise, estimate
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Outcome

from .rules import HEALTHY, HOLD, ROLL_BACK, Verdicts
from .world import Table, World

INTERVAL = timedelta(minutes=15)
SINCE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

_MARKS = {Outcome.REGRESSED: ROLL_BACK, Outcome.HEALTHY: HEALTHY}


def course(world: World) -> Verdicts:
    """The verdicts of the bot, each rollout up to the first that rolls back."""
    verdicts = np.zeros((world.size, world.cell.ticks), dtype=np.int8)
    enforced, baseline = world.enforced.intervals(), world.baseline and world.baseline.intervals()
    history = world.history
    for row in range(world.size):
        noise = estimate(_counts(history, row)) if history is not None else Noise()
        running = Course(world.cell.limit, INTERVAL, AnalysisSettings(), noise)
        served = _counts(enforced, row)
        beside = _counts(baseline, row) if baseline is not None else [None] * len(served)
        for look, (these, those) in enumerate(zip(served, beside, strict=True)):
            start = SINCE + look * INTERVAL
            running.sample(Sample(start, start + INTERVAL, these, those))
            verdicts[row, look] = _MARKS.get(running.outcome, HOLD)
            if verdicts[row, look] == ROLL_BACK:
                break
    return verdicts


def _counts(intervals: tuple[Table, Table], row: int) -> list[Counts]:
    return [Counts(*each) for each in zip(*(part[row].tolist() for part in intervals), strict=True)]
