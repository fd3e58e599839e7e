"""All traffic, thinned to what a stage would have seen of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from rollout_bot.core.model.policy import Stage
from rollout_bot.core.samples import Counts, Sample

_FEW = 16


@dataclass(frozen=True, slots=True)
class Thinned:
    """Each request is in the cohort with the stage's percentage for a chance, failed or not.

    An interval is drawn alike for every policy: two policies are not told apart by their luck.
    """

    seed: int

    def __call__(self, sample: Sample, stage: Stage) -> Sample:
        random = Random(f"{self.seed} {sample.start.timestamp():.0f} {stage.percentage}")  # noqa: S311 - no secret
        failed, total = round(sample.enforced.failed), round(sample.enforced.total)
        bad = binomial(random, failed, stage.percentage / 100)
        good = binomial(random, total - failed, stage.percentage / 100)
        return replace(sample, enforced=Counts(float(bad + good), float(bad)))


def binomial(random: Random, trials: int, chance: float) -> int:
    """How many of the trials succeed, in a time that grows with the logarithm of their number.

    Where the middle one of n uniform numbers lies (a beta distribution) leaves half of them to be told apart (Relles,
    1972; Devroye, Non-Uniform Random Variate Generation, X.4.3).
    """
    if chance >= 1:
        return trials
    won = 0
    while trials > _FEW:
        middle = trials // 2 + 1
        place = random.betavariate(middle, trials + 1 - middle)
        if place <= chance:
            won, trials, chance = won + middle, trials - middle, (chance - place) / (1 - place)
        else:
            trials, chance = middle - 1, chance / place
    return won + sum(random.random() < chance for _ in range(trials))
