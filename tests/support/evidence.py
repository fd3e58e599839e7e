"""Made-up measurements for tests of the analysis: quarter hours of counts around the beginning of a stage."""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from rollout_bot.core.analysis.analysis import analyse
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample
from rollout_bot.core.verdict import Verdict

QUARTER = timedelta(minutes=15)
SINCE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LIMIT = 0.005

Interval = tuple[float, float] | str
"""Requests and failures of a quarter hour, or why it could not be measured."""


def measured(stage: Iterable[Interval], history: Iterable[Interval] = ()) -> Measurement:
    """Quarter hours in order of time; those of the stage begin at `SINCE`, the history ends there."""
    before = list(history)
    entries: list[Sample | Gap] = []
    for index, each in enumerate([*before, *stage], start=-len(before)):
        start = SINCE + index * QUARTER
        end = start + QUARTER
        entries.append(Gap(start, end, each) if isinstance(each, str) else Sample(start, end, Counts(*each)))
    return Measurement(tuple(entries))


def beside(stage: Iterable[Interval], baseline: Iterable[tuple[float, float] | None]) -> Measurement:
    """The same with a baseline: None where it could not be measured. Its last pair goes on to the end."""
    entries: list[Sample | Gap] = []
    counts = iter(baseline)
    pair: tuple[float, float] | None = None
    for entry in measured(stage).intervals:
        pair = next(counts, pair)
        counted = Counts(*pair) if pair else None
        entries.append(replace(entry, baseline=counted) if isinstance(entry, Sample) else entry)
    return Measurement(tuple(entries), with_baseline=True)


def judge(
    measurement: Measurement,
    *,
    whole: bool = False,
    limit: float = LIMIT,
    late: timedelta = timedelta(0),
    settings: AnalysisSettings | None = None,
) -> Verdict:
    """The verdict as of the end of the measurement, or `late` after it."""
    entries = measurement.intervals
    end = entries[-1].end if entries else SINCE
    chosen = settings or AnalysisSettings()
    return analyse(
        measurement,
        limit=limit,
        since=SINCE,
        now=max(end, SINCE) + late,
        interval=QUARTER,
        settings=chosen,
        whole=whole,
    )


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson count, by inversion."""
    return bisect.bisect(_cumulated(mean), rng.random())


@cache
def _cumulated(mean: float) -> list[float]:
    # Beyond mean + 12 standard deviations and a bit there is nothing left to draw.
    highest = int(mean + 12 * math.sqrt(mean) + 20)
    sums, total = [], 0.0
    for count in range(highest):
        total += math.exp(count * math.log(mean) - mean - math.lgamma(count + 1)) if mean else float(count == 0)
        sums.append(total)
    return sums
