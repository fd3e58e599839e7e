"""What the analysis says of a stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class Outcome(StrEnum):
    """`UNAVAILABLE` is neither good nor bad news; `SHARED` means that the baseline cohort is just as bad."""

    HEALTHY = "healthy"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    UNAVAILABLE = "unavailable"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Rate:
    """Failures among requests. `value` is None where there were no requests: no traffic is not a rate of zero."""

    requests: float
    failures: float

    @property
    def value(self) -> float | None:
        return self.failures / self.requests if self.requests > 0 else None


@dataclass(frozen=True, slots=True)
class Bet:
    """Capital of a betting test: `capital` of `bar`; once the bar is reached, its hypothesis is refuted."""

    capital: float
    bar: float

    @property
    def won(self) -> bool:
        return self.capital >= self.bar


@dataclass(frozen=True, slots=True)
class Forecast:
    """What proof of health still takes if failures go on as in this stage so far."""

    requests: float
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Comparison:
    """The enforced cohort beside the baseline, over the intervals in which there was a baseline.

    `increase` is by how much the enforced cohort's rate is higher, `lower` and `upper` bound it (95 %, for display);
    `tolerated` is the policy's `max_error_rate_increase`. All are fractions: 0.007 is 0.7 points. `silent` is how long
    there has been nothing to compare with.
    """

    enforced: Rate
    baseline: Rate
    tolerated: float
    increase: float | None = None
    lower: float | None = None
    upper: float | None = None
    silent: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one stage's evidence up to now. Rates are fractions (0.005 is 0.5 %).

    `lower` and `upper` bound the error rate (95 %, for display: they decide nothing). `healthy_since` is the end of
    the first interval of the unbroken run of healthy verdicts that reaches to now. `regressing_since` is the start of
    the most telling recent stretch: where the bet against health began to win. `silent` is how long the newest
    intervals have been without a request. `comparison` is None without a baseline, `bets` are those behind
    `regression` and `health`, by name.
    """

    outcome: Outcome
    reasons: tuple[str, ...]
    limit: float
    stage: Rate = Rate(0.0, 0.0)
    last_hour: Rate = Rate(0.0, 0.0)
    lower: float | None = None
    upper: float | None = None
    regression: Bet | None = None
    health: Bet | None = None
    noise: float = 1.0
    start: datetime | None = None
    end: datetime | None = None
    intervals: int = 0
    gaps: int = 0
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
    healthy_since: datetime | None = None
    regressing_since: datetime | None = None
    silent: timedelta = timedelta(0)
    comparison: Comparison | None = None
    bets: Mapping[str, Bet] = field(default_factory=lambda: MappingProxyType({}))
