"""Bets against a hypothesis: their capital grows only while the data keep contradicting it.

Under its hypothesis a bet's capital reaches c times its stake with a chance of at most 1/c, however often one looks
(Ville's inequality, 1939). Effect size and time of change are unknown, so the stake of 1 is spread over both: Robbins'
method of mixtures (1970) over sizes, an e-detector (Shin, Ramdas & Rinaldo, 2022) over times.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_CEILING = 0.9
"""The highest error rate that a bet expects: beyond it, one interval says everything."""

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


OVER = Effects((1.15, 1.4, 2.0, 3.2, 6.0, 15.0, 60.0), (0.05, 0.15, 0.25, 0.22, 0.15, 0.11, 0.07), at_once=0.6)
"""Against "the rate is at most the limit": many sizes, since a regression may be slight or total."""

UNDER = Effects((0.02, 0.3, 0.65), (0.35, 0.40, 0.25), at_once=0.8)
"""Against "the rate is at least the limit"."""


def against_limit(
    ratios: Sequence[float], limit: float, requests: float, failures: float, excess: float
) -> list[float]:
    """Log factors of one interval, one for each rate `ratio · limit` against the rate `limit`.

    With `excess` 0 the likelihood ratio of two Poisson counts. Else z^failures over its expectation, the probability
    generating function (1 + f − f·z)^(−mean/f) of a negative binomial count, whose variance is (1 + f) times its
    mean; f is the `excess`, and z = q(1+f)/(limit + q·f) bets best on the rate q.
    """
    expected = requests * limit
    if excess <= 0:
        return [failures * math.log(ratio) - expected * (ratio - 1) for ratio in ratios]
    logs = []
    for ratio in ratios:
        # ln((1 + f)/(1 + r·f)) = ln(z/r), written so that a tiny excess loses no digits.
        shift = math.log1p(excess * (1 - ratio) / (1 + ratio * excess))
        logs.append(failures * (math.log(ratio) + shift) + expected * shift / excess)
    return logs


class Mixture:
    """The capital of one bet, spread over effect sizes and over the moments at which the effect may have begun."""

    def __init__(self, effects: Effects, *, per_day: float, cap: float) -> None:
        """`per_day` intervals make a day; capital beyond `cap` is forfeit, so that old news cannot hide new ones."""
        self._effects = effects
        self._per_day = per_day
        self._cap = cap
        self.restart()

    def restart(self) -> None:
        """Forgets everything, as if the stage began now."""
        self._age = 0
        self._capitals = [0.0] * len(self._effects.weights)

    @property
    def capital(self) -> float:
        """What the stake of 1 has become, without the part that has not been placed yet."""
        return sum(self._capitals)

    @property
    def favourite(self) -> int:
        """Index of the effect size that has won most."""
        return max(range(len(self._capitals)), key=self._capitals.__getitem__)

    def play(self, log_factors: Sequence[float]) -> None:
        """One interval: place the next share of the stake, then multiply by each size's factor."""
        stake = self._share()
        # Beyond the bound all sizes give way by as much: the cap is reached anyway, their proportions stay.
        beyond = max(0.0, max(log_factors) - _STEEPEST)
        self._age += 1
        placed = zip(self._capitals, self._effects.weights, log_factors, strict=True)
        self._capitals = [
            (capital + stake * weight) * math.exp(log_factor - beyond) for capital, weight, log_factor in placed
        ]
        total = self.capital
        if total > self._cap:
            self._capitals = [capital * (self._cap / total) for capital in self._capitals]

    def _share(self) -> float:
        """The part of the stake placed now. The later parts fall with time squared and add up to 1 − `at_once`."""
        if self._age == 0:
            return self._effects.at_once
        reach = self._age + self._per_day
        return (1 - self._effects.at_once) * self._per_day / ((reach - 1) * reach)
