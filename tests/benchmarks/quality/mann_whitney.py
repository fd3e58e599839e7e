"""The Mann–Whitney test for many pairs of series at once, with ties, as R's `wilcox.test` has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .world import Table

_Z98 = 2.326348
"""Both sides of a 98 % confidence interval."""
_FRACTION = 0.25
_BEYOND = 1e-9
"""Above, not at: less than any two rates differ by. It matters where the estimate is 0, as so many minutes are."""
_CHUNK = 250
"""Pairs at once: 3,600 differences each."""


def shifted_up(canary: Table, baseline: Table) -> NDArray[np.bool_]:
    """For each row, whether the 98 % interval of the shift lies above a quarter of the Hodges–Lehmann estimate.

    The interval's lower end is the shift at which the test (normal approximation, corrected for ties and continuity)
    is just significant; so it is above a shift exactly if the test is significant with that shift taken out. NaN marks
    what is missing.
    """
    rows = len(canary)
    chunks = [slice(at, at + _CHUNK) for at in range(0, rows, _CHUNK)]
    return np.concatenate([_shifted_up(canary[each], baseline[each]) for each in chunks])


def _shifted_up(canary: Table, baseline: Table) -> NDArray[np.bool_]:
    high = significant(canary, baseline)
    rows = np.flatnonzero(high)
    if len(rows):
        differences = (canary[rows, :, None] - baseline[rows, None, :]).reshape(len(rows), -1)
        estimate = np.abs(np.nanmedian(differences, axis=1))
        high[rows] = significant(canary[rows] - _FRACTION * estimate[:, None] - _BEYOND, baseline[rows])
    return high


def significant(canary: Table, baseline: Table) -> NDArray[np.bool_]:
    """Whether each row's first series is significantly greater, in 98 % two-sided."""
    n, m = (np.sum(~np.isnan(each), axis=1) for each in (canary, baseline))
    size = n + m
    pooled = np.sort(np.concatenate([canary, baseline], axis=1), axis=1)
    rank_sum, ties = _ranks(canary, pooled)
    greater = rank_sum - n * (n + 1) / 2 - n * m / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * m / 12 * (size + 1 - ties / (size * (size - 1.0)))
        return np.where(variance > 0, (greater - 0.5) / np.sqrt(np.maximum(variance, 1e-300)), 0.0) > _Z98


def _ranks(canary: Table, pooled: Table) -> tuple[Table, Table]:
    """The sum of the canary's mid-ranks, and Σ(t³ − t) over the groups of ties."""
    rows, width = pooled.shape
    # One sorted list of all rows, told apart by an offset: rates lie between −1 and 1, NaN sort to the end.
    offset = 4.0 * np.arange(rows)[:, None]
    everything = (np.where(np.isnan(pooled), 2.0, pooled) + offset).ravel()
    sought = np.where(np.isnan(canary), 2.0, canary) + offset
    below = np.searchsorted(everything, sought.ravel(), side="left").reshape(canary.shape)
    upto = np.searchsorted(everything, sought.ravel(), side="right").reshape(canary.shape)
    ranks = (below + upto + 1) / 2 - width * np.arange(rows)[:, None]
    rank_sum = np.where(np.isnan(canary), 0.0, ranks).sum(axis=1)
    starts = np.flatnonzero(np.concatenate([[True], everything[1:] != everything[:-1]]))
    lengths = np.diff(np.append(starts, everything.size)).astype(float)
    counted = everything[starts] < 1.5 + 4.0 * (starts // width)
    groups = np.where(counted, lengths**3 - lengths, 0.0)
    return rank_sum, np.bincount(starts // width, weights=groups, minlength=rows)
