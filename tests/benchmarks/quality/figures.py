"""What a rule's verdicts on one cell amount to."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cells import DAY, Cell
from .ours import course
from .rules import HEALTHY, OTHERS, ROLL_BACK, Verdicts
from .world import World, simulate

OURS = "rollout-bot"
RULES = (OURS, *OTHERS)

_SLOW_RULES = {"Mann–Whitney": 100}
"""Rules that see only the first so many rollouts of a cell, to keep the time within bounds."""

_NEVER = 10**9


@dataclass(frozen=True)
class Share:
    """`hits` of `number` rollouts."""

    hits: int
    number: int

    @property
    def value(self) -> float:
        return self.hits / self.number if self.number else math.nan

    @property
    def error(self) -> float:
        """The standard error; that of half a hit where there is none, so that it is never zero."""
        p = min(max(self.hits, 0.5), self.number - 0.5) / self.number if self.number else math.nan
        return math.sqrt(p * (1 - p) / self.number) if self.number else math.nan


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error; NaN of no values."""

    value: float = math.nan
    error: float = math.nan

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Mean:
        if not len(values):
            return cls()
        return cls(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0)


@dataclass(frozen=True)
class Figures:
    """`early` are rollbacks before anything was wrong, at any time of a good rollout.

    Of a good rollout: `certified` within the time simulated, after `hours` on average where all are. Of a bad one:
    `advanced` while it was bad, after the day that the stage takes; `found` within the time simulated; `delay`
    intervals from the change to the rollback and `excess` failed requests until then, where what was not found counts
    with all the time that was simulated: a lower bound.
    """

    early: Share
    certified: Share = Share(0, 0)
    hours: Mean = Mean()
    advanced: Share = Share(0, 0)
    found: Share = Share(0, 0)
    delay: Mean = Mean()
    excess: Mean = Mean()


def measure(cell: Cell, seed: int, scale: float = 1.0) -> dict[str, Figures]:
    """Every rule on the same rollouts of one cell. `scale` is for fewer, or more, of them."""
    number = max(2, round(cell.rollouts * scale))
    rng = np.random.default_rng([seed, zlib.crc32(repr(cell).encode())])
    world = simulate(cell, number, rng)
    found = {OURS: figures(course(world), world)}
    for name, rule in OTHERS.items():
        seen = world.first(_SLOW_RULES.get(name, number))
        verdicts = rule(seen)
        if verdicts is not None:
            found[name] = figures(verdicts, seen)
    return found


def figures(verdicts: Verdicts, world: World) -> Figures:
    """Counts what the verdicts did to the rollouts."""
    cell = world.cell
    back = _first(verdicts == ROLL_BACK)
    early = Share(int((back < cell.change).sum() if not cell.good else (back < _NEVER).sum()), world.size)
    looks = np.arange(cell.ticks)
    healthy = (verdicts == HEALTHY) & (looks < back[:, None])
    if cell.good:
        first = _first(healthy)
        certified = first < _NEVER
        hours = Mean.of((first[certified] + 1.0) / 4)
        return Figures(early, certified=Share(int(certified.sum()), world.size), hours=hours)
    there = back >= cell.change
    # The stage may be left from its 24th hour on; what is proved with the interval that ends then counts.
    open_ = healthy & (looks >= max(DAY - 1, cell.change))
    advanced = Share(int(open_[there].any(axis=1).sum()), int(there.sum()))
    found = Share(int((back[there] < _NEVER).sum()), int(there.sum()))
    end = np.minimum(back, cell.ticks - 1)
    excess = _excess(world)[np.arange(world.size), end]
    delay = end - cell.change + 1.0
    return Figures(early, advanced=advanced, found=found, delay=Mean.of(delay[there]), excess=Mean.of(excess[there]))


def _excess(world: World) -> NDArray[np.float64]:
    """Failed requests from the change on, beyond those to be expected at the usual rate."""
    requests, failures = world.enforced.intervals()
    beyond = failures - world.cell.base * requests
    beyond[:, : world.cell.change] = 0
    return np.cumsum(beyond, axis=1)


def _first(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.where(marks.any(axis=1), marks.argmax(axis=1), _NEVER)
