"""Time of one verdict, in µs for each interval of the stage.

Method: two days of a stage after a day of history, 2,000 requests an hour, in this process; the best of 50.
Goal: at most 30 µs an interval.
"""

from __future__ import annotations

import random
import sys
import timeit
from datetime import UTC, datetime, timedelta

from rollout_bot.core.analysis.analysis import analyse
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Measurement, Sample

QUARTER = timedelta(minutes=15)
SINCE = datetime(2026, 11, 23, tzinfo=UTC)
HISTORY, STAGE, REPEAT = 96, 192, 50
GOAL = 30e-6


def measurement(rate: float, clump: int) -> Measurement:
    """A day of history and two days of a stage at 2,000 requests an hour; failures come `clump` at a time."""
    rng = random.Random(1)
    samples = []
    for index in range(-HISTORY, STAGE):
        failed = min(500, clump * sum(rng.random() < rate / clump for _ in range(500)))
        start = SINCE + index * QUARTER
        samples.append(Sample(start, start + QUARTER, Counts(500.0, float(failed))))
    return Measurement(tuple(samples))


def main() -> int:
    """Prints the figures; 1 if the goal is missed."""
    worst = 0.0
    cases = {"healthy": (0.001, 1), "inconclusive": (0.0049, 1), "noisy": (0.003, 6), "regressed": (0.02, 1)}
    for name, (rate, clump) in cases.items():
        data = measurement(rate, clump)

        def judge(data: Measurement = data) -> object:
            return analyse(
                data,
                limit=0.005,
                since=SINCE,
                now=SINCE + STAGE * QUARTER,
                interval=QUARTER,
                settings=AnalysisSettings(),
            )

        best = min(timeit.repeat(judge, number=1, repeat=REPEAT))
        worst = max(worst, best / STAGE)
        print(f"{name:<12} {best / STAGE * 1e6:5.1f} µs an interval, {best * 1e3:.1f} ms a verdict")
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
