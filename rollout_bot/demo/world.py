"""What the bot does not control: a service with its traffic and faults, and the people who review.

Everything is drawn from one seed; nothing here knows what the bot will make of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from rollout_bot.core.model.policy import Stage

_KNUTH_LIMIT = 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A defect of the change that shows once a stage has been enforced for a while; fixed after one rollback."""

    stage: str
    after: timedelta
    added_rate: float


@dataclass(frozen=True, slots=True)
class World:
    """`requests_per_hour` is of the whole service at noon, `base_rate` the share that fails without any defect."""

    requests_per_hour: float
    base_rate: float
    faults: tuple[Fault, ...]

    @classmethod
    def drawn(cls, random: Random, stages: tuple[Stage, ...]) -> World:
        """One world: sometimes the change is sound, mostly it has a defect or two, at any stage but the last."""
        count = random.choices((0, 1, 2), (1, 6, 2))[0]
        troubled = sorted(random.sample(range(len(stages) - 1), count))
        faults = (
            Fault(stages[index].name, timedelta(hours=random.uniform(3, 20)), stages[index].max_error_rate * factor)
            for index in troubled
            for factor in (random.uniform(3, 12),)
        )
        strictest = min(stage.max_error_rate for stage in stages)
        return cls(random.uniform(8_000, 40_000), strictest * random.uniform(0.1, 0.4), tuple(faults))

    def showing(self, at: datetime, stage: Stage, entered_at: datetime, attempt: int) -> tuple[Fault, ...]:
        """The defects that show. Each rollback sends the team back to its editor: one defect fewer each attempt."""
        left = self.faults[attempt - 1 :]
        return tuple(fault for fault in left if fault.stage == stage.name and at - entered_at > fault.after)

    def counts(
        self, random: Random, at: datetime, span: timedelta, stage: Stage, faults: tuple[Fault, ...]
    ) -> tuple[int, int]:
        """Requests that got the change in the span that ends at `at`, and how many of them failed."""
        daylight = 0.65 - 0.35 * math.cos(2 * math.pi * (at.hour + at.minute / 60 - 3) / 24)
        share = stage.percentage / 100 * (span / timedelta(hours=1))
        total = _poisson(random, self.requests_per_hour * daylight * share)
        rate = self.base_rate + sum(fault.added_rate for fault in faults)
        return total, min(total, _poisson(random, total * rate))


@dataclass(slots=True)
class People:
    """An owner who reviews in working hours and is sometimes careful, and a colleague who owns nothing."""

    random: Random
    owner: str = "alice"
    colleague: str = "bob"

    def reviewed_after(self) -> timedelta:
        """How long a pull request waits for its review, office hours aside."""
        return timedelta(minutes=self.random.uniform(20, 240))

    def refuses(self) -> bool:
        return self.random.random() < 0.12

    def colleague_is_hasty(self) -> bool:
        return self.random.random() < 0.4

    @staticmethod
    def at_work(now: datetime) -> bool:
        return now.weekday() < 5 and 8 <= now.hour < 18


def _poisson(random: Random, mean: float) -> int:
    """Knuth's method for small means (The Art of Computer Programming, 3.4.1), the normal approximation for others."""
    if mean > _KNUTH_LIMIT:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    threshold, product, count = math.exp(-mean), random.random(), 0
    while product > threshold:
        product *= random.random()
        count += 1
    return count
