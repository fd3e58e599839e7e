"""Bets against a hypothesis: their capital grows only while the data keep contradicting it.

Under its hypothesis a bet's capital reaches c times its stake with a chance of at most 1/c, however often one looks
(Ville's inequality, 1939). Effect size and time of change are unknown, so the stake of 1 is spread over both: Robbins'
method of mixtures (1970) over sizes, an e-detector (Shin, Ramdas & Rinaldo, 2022) over times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rollout_bot.core.samples import Counts

_CEILING = 0.9
"""The highest error rate that a bet expects: beyond it, one interval says everything."""

_TINY = 1e-9
"""A smaller excess is none: the formula for more would lose all its digits there."""

_STEEPEST = 200.0
"""Bound of one interval's log factor: far beyond every bar, far below what a float can hold."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a bet expects: rates of `ratios` times the limit with these `weights` (sum 1).

    The share `at_once` of the stake says that it has been so since the stage began; the rest trickles in later.
    """

    ratios: tuple[float, ...]
    weights: tuple[float, ...]
    at_once: float

    def within(self, limit: float) -> Effects:
        """The same, with no expected rate above 0.9; nor on the wrong side of a limit that is above that itself."""
        highest = max(1.0, _CEILING / limit)
        return Effects(tuple(min(ratio, highest) for ratio in self.ratios), self.weights, self.at_once)

    def expecting(self, ratio: float) -> Effects:
        """The same, with half of the stake on one more size: what there was before the stage began."""
        return Effects((ratio, *self.ratios), (0.5, *(weight / 2 for weight in self.weights)), self.at_once)


OVER = Effects((1.15, 1.4, 2.0, 3.2, 6.0, 15.0, 60.0), (0.05, 0.15, 0.25, 0.22, 0.15, 0.11, 0.07), at_once=0.6)
"""Against "the rate is at most the limit": many sizes, since a regression may be slight or total."""

UNDER = Effects((0.02, 0.3, 0.65), (0.35, 0.40, 0.25), at_once=0.8)
"""Against "the rate is at least the limit"."""

CLOSE = Effects((0.35, 0.65, 0.85), (1 / 3, 1 / 3, 1 / 3), at_once=0.8)
"""Against "the rate is at least the baseline's and the tolerated increase": the odds of a failure are so much lower."""


def against_limit(
    ratios: Sequence[float], limit: float, requests: float, failures: float, excess: float
) -> list[float]:
    """Log factors of one interval, one for each rate `ratio · limit` against the rate `limit`.

    With `excess` 0 the likelihood ratio of two Poisson counts. Else z^failures over its greatest expectation, where
    the variance of failures is 1 + f times their mean, f the `excess`. For z > 1 they are taken as a negative binomial
    count, whose probability generating function is (1 + f − f·z)^(−mean/f), and z = q(1+f)/(limit + q·f) bets best on
    the rate q. For z < 1 no clumps of that variance are worse than clumps of 1 + f each: see `against_baseline`.
    """
    expected = requests * limit
    if excess <= 0:
        return [failures * math.log(ratio) - expected * (ratio - 1) for ratio in ratios]
    logs = []
    for ratio in ratios:
        if ratio < 1:
            logs.append((failures * math.log(ratio) - expected * (ratio - 1)) / (1 + excess))
            continue
        # ln((1 + f)/(1 + r·f)) = ln(z/r), written so that a tiny excess loses no digits.
        shift = math.log1p(excess * (1 - ratio) / (1 + ratio * excess))
        logs.append(failures * (math.log(ratio) + shift) + expected * shift / excess)
    return logs


def against_baseline(
    ratios: Sequence[float], enforced: Counts, baseline: Counts, excess: float
) -> tuple[list[float], list[float]]:
    """Log factors of one interval, one for each ratio of the odds of failure, against "no worse than the baseline".

    The second list says how much of it a tolerated increase of the rate takes away, for each unit of that rate: less
    `increase` times that, the factor is one against "no worse than the baseline and that increase" (with ratios below
    1, against "at least as bad as that"). The baseline must have requests.

    With n and c requests the ratio r is a bet of r·n : c on each failure where n : c would be fair, that is
    (1+a)^failures · (1 − a·n/c)^(the baseline's), a = (r−1)·c/(r·n+c). Its expectation over two Poisson counts of one
    rate is 1 whatever that rate is, so it may drift (the conditional test of Przyborowski & Wilenski, 1940).

    Where failures come in clumps, the variance 1 + f times the mean, each side is taken at its worst. With z > 1 that
    is a negative binomial count. With z < 1 it is clumps of equal size 1 + f: the mean of (1 − z^G)/G over the
    clump G of a random failure is least there (Jensen's inequality), so E z^X ≤ exp(−mean·(1 − z^(1+f))/(1+f)).
    """
    n, c, noise = enforced.total, baseline.total, 1 + excess
    logs, costs = [], []
    for ratio in ratios:
        a = (ratio - 1) * c / (ratio * n + c)
        # What the factor of the enforced cohort costs, by unit of the expected failures.
        if excess < _TINY:
            cost, own, other = a, math.log1p(a), math.log1p(-a * n / c)
        elif a >= 0:
            growth = math.log1p(excess * a / noise)
            cost = growth / excess
            own = math.log1p(a / (noise + excess * a))
            other = math.log1p(-noise * cost * n / c) / noise
        else:
            cost, own = a / noise, math.log1p(a) / noise
            other = math.log1p(-math.expm1(excess * cost * n / c) / excess)
        logs.append(enforced.failed * own + baseline.failed * other)
        costs.append(n * cost)
    return logs, costs


class Mixture:
    """The capital of one bet, spread over effect sizes and over the moments at which the effect may have begun.

    `capital` is what the stake of 1 has become, without the part that has not been placed yet.
    """

    def __init__(self, effects: Effects, *, per_day: float, cap: float) -> None:
        """`per_day` intervals make a day. What an effect size has won beyond its part of `cap` is forfeit.

        Old news can so not hide new ones. A cap on the sum of all would have to weigh the sizes against each other,
        and then a stage with more failures could come out better (docs/decisions/0022).
        """
        self._effects = effects
        self._per_day = per_day
        self._parts = [cap * weight for weight in effects.weights]
        self._smallest = min(self._parts)
        self.restart()

    def restart(self) -> None:
        """Forgets everything, as if the stage began now."""
        self._age = 0
        self._capitals = [0.0] * len(self._effects.weights)
        self.capital = 0.0

    def play(self, log_factors: Sequence[float], times: int = 1) -> None:
        """One interval: place the next share of the stake, then multiply by each size's factor, `times` over."""
        stake = self._share()
        self._age += 1
        if times * max(log_factors) > _STEEPEST:
            log_factors = [min(_STEEPEST / times, each) for each in log_factors]
        placed = zip(self._capitals, self._effects.weights, log_factors, strict=True)
        self._capitals = [
            (capital + stake * weight) * math.exp(times * log_factor) for capital, weight, log_factor in placed
        ]
        self.capital = sum(self._capitals)
        # Below the smallest part none has reached its own.
        if self.capital > self._smallest:
            self._capitals = [min(part, each) for part, each in zip(self._parts, self._capitals, strict=True)]
            self.capital = sum(self._capitals)

    def _share(self) -> float:
        """The part of the stake placed now. The later parts fall with time squared and add up to 1 − `at_once`."""
        if self._age == 0:
            return self._effects.at_once
        reach = self._age + self._per_day
        return (1 - self._effects.at_once) * self._per_day / ((reach - 1) * reach)


class Recent:
    """How much likelier one hypothesis is than another over the most telling recent stretch: CUSUMs (Page, 1954)."""

    def __init__(self, size: int) -> None:
        self._logs = [0.0] * size

    @property
    def log(self) -> float:
        """The greatest of the log likelihood ratios, at least 0."""
        return max(self._logs)

    def play(self, log_factors: Sequence[float], times: int = 1) -> None:
        """One interval, with a log factor for each effect size; or as if it came so many `times`."""
        sums = [log + times * factor for log, factor in zip(self._logs, log_factors, strict=True)]
        self._logs = [0.0 if each < 0 else min(each, _STEEPEST) for each in sums]
