"""The rules that people use today, each after its own documentation. Every rule looks once an interval.

A rule takes a `World` and gives its verdicts: one row for each rollout, one column for each look, `ROLL_BACK`, `HOLD`
or `HEALTHY`. What follows its first `ROLL_BACK` does not count. None where the rule needs a baseline cohort and there
is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cells import MARGIN
from .mann_whitney import shifted_up
from .world import Table, World

Verdicts: TypeAlias = NDArray[np.int8]
Rule: TypeAlias = Callable[[World], Verdicts | None]

ROLL_BACK, HOLD, HEALTHY = 1, 0, -1

_HOUR = 4
_Z99, _Z95 = 2.326348, 1.644854


def last_hour(world: World) -> Verdicts:
    """The original specification of this bot: back when the last hour's error rate exceeds the limit, else healthy.

    Silence is a rate of zero to it.
    """
    requests, failures = (_rolling(each, _HOUR) for each in world.enforced.intervals())
    return _verdicts(failures > world.cell.limit * requests, otherwise=HEALTHY)


def failed_checks(world: World) -> Verdicts:
    """Flagger: back at the fifth failed check, `threshold: 5` as in the examples of its documentation.

    A check asks for the success rate over the metric's `interval`, here that between two looks. Failed checks add up
    until the analysis ends (`Status.FailedChecks` in pkg/controller/scheduler.go). Flagger also counts a check without
    traffic as failed, which is left out here. https://docs.flagger.app/usage/how-it-works#canary-analysis
    """
    failed = _over(world)
    return _verdicts(np.cumsum(failed, axis=1) >= 5, otherwise=np.where(failed, HOLD, HEALTHY))


def failure_limit(world: World) -> Verdicts:
    """Argo Rollouts: back once more than `failureLimit: 3` measurements have failed, as in its documentation's example.

    `failureLimit` is "the maximum number of times the measurement is allowed to fail" (analysis_types.go).
    `consecutiveErrorLimit` is about queries that cannot be answered, not about their answers, so it plays no part here.
    https://argo-rollouts.readthedocs.io/en/stable/features/analysis/
    """
    failed = _over(world)
    return _verdicts(np.cumsum(failed, axis=1) > 3, otherwise=np.where(failed, HOLD, HEALTHY))


def mann_whitney(world: World) -> Verdicts | None:
    """Kayenta's NetflixACAJudge on the error rates by minute of the last hour, canary against baseline.

    Classified `High` when the 98 % confidence interval of the shift lies above a quarter of the Hodges–Lehmann
    estimate (`fraction = 0.25, confLevel = 0.98` in NetflixACAJudge.scala). Minutes without requests are left out
    (`nanStrategy: remove`). Health is a pass on at least the 50 points a series that Spinnaker asks for; where traffic
    is too thin for these, the whole hour. https://spinnaker.io/docs/guides/user/canary/judge/
    """
    if world.baseline is None:
        return None
    with np.errstate(invalid="ignore"):
        canary = world.enforced.failures / world.enforced.requests
        baseline = world.baseline.failures / world.baseline.requests
    high = np.zeros((world.size, world.cell.ticks), dtype=bool)
    running = np.ones(world.size, dtype=bool)
    for look in range(world.cell.ticks):
        minutes = slice(max(0, look + 1 - _HOUR) * 15, (look + 1) * 15)
        high[running, look] = shifted_up(canary[running, minutes], baseline[running, minutes])
        running &= ~high[:, look]
        if not running.any():
            break
    whole = np.arange(world.cell.ticks) + 1 >= _HOUR
    return _verdicts(high, otherwise=np.where(whole, HEALTHY, HOLD))


def z_test(world: World) -> Verdicts:
    """A z-test at every look over all that came since the stage began, at 1 % one-sided, as if it were the only look.

    Against the baseline with pooled variance where there is one, else against the limit. Healthy when significantly
    (5 %) below the limit. The textbook's test: NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.4 and 7.3.3.
    """
    limit = world.cell.limit
    n, k = (np.cumsum(each, axis=1) for each in world.enforced.intervals())
    with np.errstate(divide="ignore", invalid="ignore"):
        against_limit = (k - n * limit) / np.sqrt(n * limit * (1 - limit))
        worse = against_limit
        if world.baseline is not None:
            c, j = (np.cumsum(each, axis=1) for each in world.baseline.intervals())
            pooled = (k + j) / (n + c)
            worse = (k / n - j / c) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / c))
        return _verdicts(worse > _Z99, otherwise=np.where(against_limit < -_Z95, HEALTHY, HOLD))


def confidence_sequence(world: World) -> Verdicts:
    """GrowthBook's sequential test: an asymptotic confidence sequence (Waudby-Smith et al., 2021) at its default 95 %.

    The half-width is √(s²·2(nρ² + 1)/(nρ)²·ln(√(nρ² + 1)/α)) with ρ² = (ln(1 − 2 ln α) − 2 ln α)/N and the default
    N = 5000. Of the difference to the baseline where there is one, else of the rate itself. Back when it lies above
    the baseline (the limit), healthy when it lies below baseline + 0.1 points (the limit).
    https://docs.growthbook.io/statistics/sequential
    """
    alpha, tuned_for = 0.05, 5000
    rho2 = (math.log(1 - 2 * math.log(alpha)) - 2 * math.log(alpha)) / tuned_for
    n, k = (np.cumsum(each, axis=1) for each in world.enforced.intervals())
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = k / n
        difference, variance, size, margin = rate - world.cell.limit, rate * (1 - rate) / n, n, 0.0
        if world.baseline is not None:
            c, j = (np.cumsum(each, axis=1) for each in world.baseline.intervals())
            difference, variance = rate - j / c, variance + j / c * (1 - j / c) / c
            size, margin = n + c, MARGIN
        scale = 2 * (size * rho2 + 1) / (size**2 * rho2) * np.log(np.sqrt(size * rho2 + 1) / alpha)
        width = np.where(variance > 0, np.sqrt(variance * size * scale), np.inf)
        return _verdicts(difference > width, otherwise=np.where(difference + width < margin, HEALTHY, HOLD))


OTHERS: dict[str, Rule] = {
    "last hour": last_hour,
    "failed checks": failed_checks,
    "failure limit": failure_limit,
    "Mann–Whitney": mann_whitney,
    "z-test": z_test,
    "confidence sequence": confidence_sequence,
}


def _over(world: World) -> NDArray[np.bool_]:
    requests, failures = world.enforced.intervals()
    return failures > world.cell.limit * requests


def _rolling(intervals: Table, width: int) -> Table:
    sums = np.cumsum(intervals, axis=1)
    sums[:, width:] = sums[:, width:] - sums[:, :-width]
    return sums


def _verdicts(back: NDArray[np.bool_], *, otherwise: NDArray[np.int_] | int) -> Verdicts:
    return np.where(back, ROLL_BACK, otherwise).astype(np.int8)
