"""What a metrics source delivers: counts per interval, values over time, holes with their reason, or nothing at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """The span to measure, cut into intervals of equal length, the first one beginning at `start`.

    `end` is the moment of asking, not a promise: a source delivers complete intervals only, and leaves out those so
    new that its data may still be arriving.
    """

    start: datetime
    end: datetime
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests and failures of one cohort over one interval; fractional where a server interpolates."""

    total: float
    failed: float

    def fault(self) -> str | None:
        """Why these counts cannot be true, or None."""
        for name, count in (("total", self.total), ("failed", self.failed)):
            if not math.isfinite(count):
                return f"{name} is {count}"
            if count < 0:
                return f"{name} is negative ({count:g})"
        if self.failed > self.total:
            return f"failed ({self.failed:g}) exceeds total ({self.total:g})"
        return None


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured interval `[start, end)`.

    `baseline` is None where it was not measured: because the policy names no baseline cohort, or because that cohort
    could not be measured in this interval. `Measurement.with_baseline` tells one from the other.
    """

    start: datetime
    end: datetime
    enforced: Counts
    baseline: Counts | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which the enforced cohort could not be measured. A gap is not a zero: it is no evidence either way.

    `baseline` is what the other cohort counted meanwhile, where known: before a first stage it is all there is to tell
    how noisy the service is.
    """

    start: datetime
    end: datetime
    reason: str
    baseline: Counts | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """Intervals in order of time, without overlap, and remarks that a reader of the verdict should see.

    `with_baseline` says that a baseline cohort was asked for, whether or not it could be measured: a comparison that
    is wanted and fails must not be taken for one that nobody wanted.
    """

    intervals: tuple[Sample | Gap, ...]
    notes: tuple[str, ...] = ()
    with_baseline: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that was found at a moment: at the end of an interval, for what held in it. Always finite."""

    time: datetime
    value: float


@dataclass(frozen=True, slots=True)
class Readings:
    """What one query gave, in order of time. An interval without a value has no reading; nothing stands in for it."""

    points: tuple[Reading, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """The source could not be read at all: a value and not an exception, because the verdict needs the reason."""

    reason: str
