"""Makes up the traffic and the failures of rollouts, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cells import DAY, QUARTER, Cell

Table: TypeAlias = NDArray[np.float64]
"""One row for each rollout; a column for each minute, or for each interval."""

_INCIDENT_MINUTES = 30
_INCIDENT_RATE = 0.05
_SWAY = 0.7
"""By how much traffic is above its mean at the height of the day, as a share of it."""


@dataclass(frozen=True)
class Cohort:
    """Requests and failures by minute."""

    requests: Table
    failures: Table

    def intervals(self) -> tuple[Table, Table]:
        """The same by interval."""
        return _summed(self.requests), _summed(self.failures)


@dataclass(frozen=True)
class World:
    """Many rollouts of one cell; `history` has the service's own intervals of the day before each."""

    cell: Cell
    history: tuple[Table, Table] | None
    enforced: Cohort
    baseline: Cohort | None

    @property
    def size(self) -> int:
        return len(self.enforced.requests)

    def first(self, number: int) -> World:
        """The same with that many rollouts at most."""

        def cut(cohort: Cohort) -> Cohort:
            return Cohort(cohort.requests[:number], cohort.failures[:number])

        history = self.history and (self.history[0][:number], self.history[1][:number])
        return World(self.cell, history, cut(self.enforced), self.baseline and cut(self.baseline))


def simulate(cell: Cell, number: int, rng: np.random.Generator) -> World:
    """That many rollouts: a day of history, then the stage."""
    before, minutes = DAY * QUARTER, (DAY + cell.ticks) * QUARTER
    clock = np.arange(minutes)
    flow = np.full((number, minutes), cell.traffic / 60)
    if cell.diurnal:
        phase = rng.uniform(0, 2 * np.pi, (number, 1))
        flow *= 1 + _SWAY * np.sin(2 * np.pi * clock / (24 * 60) + phase)
    usual = np.full((number, minutes), cell.base) + _incidents(cell, (number, minutes), rng)
    rates = usual.copy()
    if cell.starts is not None:
        rates[:, before + cell.change * QUARTER :] += cell.rise
    if cell.hiccup:
        for row, at in enumerate(rng.integers(before, minutes - 5, number)):
            rates[row, at : at + 5] = 1.0
    enforced = _cohort(cell, flow, rates, rng)
    baseline = None
    service = enforced
    if cell.share is not None:
        baseline = _cohort(cell, flow * (1 - cell.share) / cell.share, usual, rng)
        service = Cohort(enforced.requests + baseline.requests, enforced.failures + baseline.failures)
    past = Cohort(service.requests[:, :before], service.failures[:, :before]).intervals()
    return World(cell, past if cell.usual else None, _after(enforced, before), baseline and _after(baseline, before))


def _incidents(cell: Cell, shape: tuple[int, int], rng: np.random.Generator) -> Table:
    """What incidents add to the rate: they begin at random, and hit both cohorts."""
    begin = rng.random(shape) < cell.incidents / (24 * 60)
    running = np.cumsum(begin, axis=1)
    ended = np.zeros_like(running)
    ended[:, _INCIDENT_MINUTES:] = running[:, :-_INCIDENT_MINUTES]
    return np.where(running > ended, _INCIDENT_RATE, 0.0)


def _cohort(cell: Cell, flow: Table, rates: Table, rng: np.random.Generator) -> Cohort:
    """Good requests and clumps of failed ones are independent Poisson streams; a clump is a request and its retries."""
    mean = flow * rates
    if cell.swing > 1:
        # A gamma rate that lasts for an interval: its counts are negative binomial with `swing` times the variance.
        shape = _summed(mean) / (cell.swing - 1)
        mean = mean * np.repeat(rng.gamma(shape) / shape, QUARTER, axis=1)
    good = rng.poisson(np.maximum(flow * (1 - rates), 0.0))
    failures = cell.clump * rng.poisson(mean / cell.clump)
    return Cohort((good + failures).astype(float), failures.astype(float))


def _summed(minutes: Table) -> Table:
    return minutes.reshape(len(minutes), -1, QUARTER).sum(axis=2)


def _after(cohort: Cohort, minute: int) -> Cohort:
    return Cohort(cohort.requests[:, minute:], cohort.failures[:, minute:])
