"""How much more failures scatter than independent requests would: they come in clumps (retries, one bad pod)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rollout_bot.core.samples import Counts

_CALM = 0.85
"""The share of intervals that is looked at: incidents are no noise."""
_CALM_VARIANCE = 0.52
"""Variance of a standard normal variable without its outer 15 %."""
_MARGIN = 1.2
_CHANCE = 2.4
"""Independent failures seem this much noisier, over the root of the number of intervals, in one day of twenty."""
_FEW_FAILURES = 4.0
_FEW_GROUPS = 12


@dataclass(frozen=True, slots=True)
class Noise:
    """`factor` φ ≥ 1: failures have φ times the variance of a Poisson count. `requests`: of an interval so judged.

    `usual` is how many failures to `served` requests there were: what a stage may be expected to be like.
    """

    factor: float = 1.0
    requests: float = 0.0
    usual: float = 0.0
    served: float = 0.0

    def excess(self, requests: float) -> float:
        """φ − 1 for an interval of that many requests: clumps of a small part of the traffic are smaller."""
        if self.factor <= 1.0 or self.requests <= 0.0:
            return 0.0
        # The ¼ lies between clumps of requests (in proportion) and clumps of users (not at all).
        return float((self.factor - 1.0) * min(1.0, requests / self.requests) ** 0.25)


def estimate(history: Sequence[Counts]) -> Noise:
    """The noise of a service from its intervals before the stage, in order of time.

    φ is the mean square of the Pearson residuals (failures − n·p)/√(n·p), p the pooled rate, over the calmer 85 % of
    the intervals (Wedderburn's quasi-likelihood estimate, 1974, trimmed). 1 where there is too little to tell.
    """
    served = [counts for counts in history if counts.total > 0]
    requests, failures = sum(each.total for each in served), sum(each.failed for each in served)
    if failures <= 0:
        return Noise(served=requests)
    groups = _grouped(served, failures / len(served))
    typical = requests / len(served)
    means = [each.total * failures / requests for each in groups]
    residuals = sorted((each.failed - mean) ** 2 / mean for each, mean in zip(groups, means, strict=True) if mean > 0)
    if len(residuals) < _FEW_GROUPS:
        return Noise(1.0, typical, failures, requests)
    calm = residuals[: int(len(residuals) * _CALM)]
    found = sum(calm) / len(calm) / _CALM_VARIANCE
    # An estimate that chance explains would only make every bet slower.
    factor = _MARGIN * found if found > 1 + _CHANCE / math.sqrt(len(calm)) else 1.0
    return Noise(factor, typical, failures, requests)


def _grouped(history: Sequence[Counts], mean_failures: float) -> list[Counts]:
    """One, two or four neighbours together: residuals of counts near zero are not nearly normal."""
    size = 1 if mean_failures >= _FEW_FAILURES else 2 if 2 * mean_failures >= _FEW_FAILURES else 4
    chunks = (history[at : at + size] for at in range(0, len(history) - size + 1, size))
    return [Counts(sum(each.total for each in chunk), sum(each.failed for each in chunk)) for chunk in chunks]
