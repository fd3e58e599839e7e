"""What one cohort has served since the stage began, and whether it still serves."""

from __future__ import annotations

from rollout_bot.core.samples import Counts
from rollout_bot.core.verdict import Rate


class Traffic:
    """`silent` is the number of newest intervals without a request."""

    def __init__(self) -> None:
        self.requests = self.failures = 0.0
        self.intervals = self.silent = 0

    def add(self, counts: Counts) -> None:
        """One measured interval."""
        self.intervals += 1
        self.requests += counts.total
        self.failures += counts.failed
        self.silent = 0 if counts.total > 0 else self.silent + 1

    @property
    def rate(self) -> Rate:
        return Rate(self.requests, self.failures)

    @property
    def mean(self) -> Counts:
        """An average interval."""
        return Counts(self.requests / max(1, self.intervals), self.failures / max(1, self.intervals))

    @property
    def missed(self) -> float:
        """Requests that would have come in the newest, silent intervals if traffic were as before."""
        return self.silent * self.requests / max(1, self.intervals - self.silent)
