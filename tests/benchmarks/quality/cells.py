"""The cells of the benchmark: one kind of rollout each, and what no rule can beat there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

QUARTER = 15
"""Minutes of an interval, and between two looks."""
DAY = 96
"""Intervals of a day."""
MARGIN = 0.001
"""What a rollout may be worse than its baseline: the default of `max_error_rate_increase`."""
CONFIDENCE = 0.99

LONGEST = 10 * DAY
SHORTEST = 2 * DAY
FEASIBLE = 2.5 * DAY
"""Beyond this bound, in intervals, a regression is not followed to its rollback: nobody waits that long."""


@dataclass(frozen=True)
class Cell:
    """One kind of rollout. Rates are fractions; `traffic` is the enforced cohort's, in requests an hour.

    From `starts` on, in hours since the stage began, the enforced cohort fails by `rise` more often; None for a good
    rollout. `share` of the service's traffic is enforced; None where there is no baseline cohort to compare with.
    Failures come `clump` at a time; `swing` is the factor by which rates that change from interval to interval raise
    the variance of failures. `incidents` a day hit both cohorts alike; a `hiccup` is five minutes in which everything
    enforced fails. `usual` tells whether the service was seen for a day before.
    """

    traffic: float
    limit: float
    base: float
    rise: float = 0.0
    starts: float | None = None
    share: float | None = None
    clump: int = 1
    swing: float = 1.0
    diurnal: bool = False
    incidents: float = 0.0
    hiccup: bool = False
    usual: bool = True

    @property
    def good(self) -> bool:
        return self.starts is None

    @property
    def noisy(self) -> bool:
        return self.clump > 1 or self.swing > 1 or self.incidents > 0 or self.diurnal

    @property
    def fair(self) -> bool:
        """Whether a rule can be asked not to roll back: without a baseline, an incident is a regression."""
        return not self.hiccup and not (self.incidents and self.share is None)

    @property
    def within(self) -> float:
        """The rate up to which the rollout is fine."""
        return self.limit if self.share is None else max(self.limit, self.base + MARGIN)

    @property
    def rate(self) -> float:
        """The rate once it fails."""
        return self.base + self.rise

    @property
    def change(self) -> int:
        """Whole intervals before the regression."""
        return round((self.starts or 0) * 60 / QUARTER)

    @property
    def bound(self) -> float:
        """Intervals to the rollback that no rule with 1 % false rollbacks beats on average (Wald, 1945; Lorden, 1971).

        ln 100 nats at KL(rate ‖ limit) for each request; at least one interval. Clumps, an unknown baseline and an
        unknown beginning make it harder still, which the bound leaves out.
        """
        q, p = self.rate, self.within
        if q <= p:
            return math.inf
        nats = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        return max(1.0, -math.log(1 - CONFIDENCE) / (nats * self.traffic * QUARTER / 60))

    @property
    def telling(self) -> bool:
        """Whether twice the bound fits in between the change and the end of the stage's day."""
        return DAY - self.change >= 2 * self.bound

    @property
    def ticks(self) -> int:
        """Looks at one rollout."""
        if self.good or self.bound > FEASIBLE:
            return self.change + SHORTEST
        return self.change + min(LONGEST, max(SHORTEST, math.ceil(12 * self.bound)))

    @property
    def rollouts(self) -> int:
        """How many are simulated."""
        if not self.good:
            return 400 if self.bound < 20 else 150
        return 300 if self.base <= self.limit / 5 and not self.noisy else 1000

    @property
    def text(self) -> str:
        """In a few words."""
        rates = f"{percent(self.base)} → {percent(self.rate)}" if not self.good else percent(self.base)
        words = [f"{self.traffic:,.0f}/h", f"limit {percent(self.limit)}", rates]
        if self.starts:
            words.append(f"from hour {self.starts:g}")
        if self.share is not None:
            words.append(f"{self.share * 100:.0f} % enforced")
        if self.clump > 1:
            words.append(f"clumps of {self.clump}")
        if self.swing > 1:
            words.append(f"variance × {self.swing:g}")
        flags = (
            ("diurnal", self.diurnal),
            ("incidents", self.incidents),
            ("hiccup", self.hiccup),
            ("unseen", not self.usual),
        )
        return ", ".join([*words, *(name for name, flag in flags if flag)])


def percent(share: float, digits: int = 3) -> str:
    """A fraction for people, with as many significant digits."""
    return f"{float(f'{share * 100:.{digits}g}'):g} %"


def cells() -> list[Cell]:
    """All of them, good ones first."""
    return [*_null_grid(), *_good(), *_shared(), *_bad(), *_bad_and_noisy(), *_worse_than_baseline()]


def _null_grid() -> list[Cell]:
    return [
        Cell(traffic, limit, limit * part)
        for traffic, limit, part in product((20, 2_000, 200_000), (0.002, 0.005), (0.1, 0.5, 1.0))
    ]


def _good() -> list[Cell]:
    return [
        Cell(2_000, 0.005, 0.005, diurnal=True),
        Cell(2_000, 0.002, 0.001, diurnal=True),
        Cell(20, 0.005, 0.001, clump=3),
        Cell(2_000, 0.005, 0.001, clump=3),
        Cell(2_000, 0.005, 0.005, clump=3),
        Cell(2_000, 0.005, 0.005, clump=6),
        Cell(2_000, 0.005, 0.005, clump=3, usual=False),
        Cell(200_000, 0.005, 0.005, swing=4),
        Cell(200_000, 0.005, 0.004, swing=10),
        Cell(2_000, 0.005, 0.001, incidents=1),
        Cell(200_000, 0.005, 0.001, incidents=1),
        Cell(2_000, 0.005, 0.001, hiccup=True),
    ]


def _shared() -> list[Cell]:
    """Good rollouts beside a baseline cohort."""
    return [
        *(Cell(traffic, 0.005, 0.0005, share=0.5) for traffic in (20, 2_000)),
        Cell(20, 0.005, 0.005, share=0.5),
        *(Cell(2_000, 0.002, 0.002, share=share) for share in (0.1, 0.5)),
        Cell(200_000, 0.002, 0.002, share=0.5),
        *(Cell(2_000, 0.005, 0.005, share=share) for share in (0.1, 0.9)),
        *(Cell(2_000, 0.005, 0.010, share=share) for share in (0.1, 0.5, 0.9)),
        *(Cell(2_000, 0.005, 0.005, share=share, clump=3) for share in (0.1, 0.5, 0.75, 0.9)),
        Cell(200_000, 0.005, 0.005, share=0.5, swing=4),
        *(Cell(traffic, 0.005, 0.001, share=0.5, incidents=1) for traffic in (20, 2_000, 200_000)),
        Cell(2_000, 0.005, 0.001, share=0.9, incidents=1),
        Cell(2_000, 0.005, 0.001, share=0.5, hiccup=True),
    ]


def _bad() -> list[Cell]:
    """Against the limit: from the start, and from hour 20 on."""
    steps = [
        *((20, 0.005, 0.001, rise) for rise in (0.01, 0.05, 0.5)),
        *((20, 0.002, 0.001, rise) for rise in (0.01, 0.05, 0.5)),
        *((2_000, 0.005, 0.001, rise) for rise in (0.005, 0.01, 0.014, 0.05, 0.5)),
        (2_000, 0.005, 0.005, 0.01),
        *((2_000, 0.002, 0.001, rise) for rise in (0.002, 0.005, 0.01, 0.05)),
        *((200_000, 0.005, 0.001, rise) for rise in (0.005, 0.01)),
        (200_000, 0.005, 0.0045, 0.001),
        *((200_000, 0.002, 0.0015, rise) for rise in (0.001, 0.002)),
    ]
    late = [
        Cell(2_000, 0.005, 0.001, 0.005, starts=22.5),
        Cell(2_000, 0.005, 0.001, 0.010, starts=22.5),
        Cell(2_000, 0.005, 0.0025, 0.0035, starts=22.5),
        Cell(2_000, 0.005, 0.0025, 0.005, starts=22.5),
        Cell(2_000, 0.002, 0.001, 0.005, starts=22.5),
        Cell(20, 0.005, 0.001, 0.050, starts=22.5),
        Cell(200_000, 0.005, 0.001, 0.005, starts=22.5),
    ]
    tiny = [Cell(traffic, 0.005, 0.0045, 0.001, starts=0) for traffic in (20, 2_000)]
    return [*tiny, *(Cell(*step, starts=starts) for step in steps for starts in (0, 20)), *late]


def _bad_and_noisy() -> list[Cell]:
    return [
        *(Cell(2_000, 0.005, 0.001, rise, starts=20, clump=3) for rise in (0.01, 0.05)),
        Cell(2_000, 0.005, 0.001, 0.01, starts=0, clump=6),
        Cell(20, 0.005, 0.001, 0.05, starts=0, clump=3),
        *(Cell(2_000, 0.005, 0.001, rise, starts=20, diurnal=True) for rise in (0.01, 0.05)),
        Cell(200_000, 0.005, 0.001, 0.005, starts=20, swing=4),
        Cell(200_000, 0.005, 0.001, 0.010, starts=20, swing=10),
    ]


def _worse_than_baseline() -> list[Cell]:
    return [
        *(Cell(20, 0.005, 0.001, rise, starts=0, share=0.5) for rise in (0.01, 0.05, 0.5)),
        *(
            Cell(2_000, 0.005, 0.001, rise, starts=starts, share=0.5)
            for rise in (0.005, 0.01, 0.05, 0.5)
            for starts in (0, 20)
        ),
        *(Cell(2_000, 0.005, 0.001, 0.01, starts=20, share=share) for share in (0.1, 0.75, 0.9)),
        *(Cell(2_000, 0.002, 0.002, 0.005, starts=0, share=share) for share in (0.5, 0.9)),
        *(Cell(200_000, 0.005, 0.005, rise, starts=20, share=0.5) for rise in (0.002, 0.005)),
        Cell(2_000, 0.005, 0.010, 0.01, starts=20, share=0.5),
        Cell(2_000, 0.005, 0.001, 0.01, starts=20, share=0.5, clump=3),
        Cell(2_000, 0.005, 0.001, 0.01, starts=20, share=0.5, incidents=1),
        *(Cell(2_000, 0.005, 0.001, 0.01, starts=22.5, share=share) for share in (0.1, 0.5)),
        Cell(2_000, 0.005, 0.001, 0.005, starts=22.5, share=0.1),
    ]
