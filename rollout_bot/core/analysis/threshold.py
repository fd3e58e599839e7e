"""The rule that people knew before: the error rate of the last hour against the limit, and nothing else."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta

from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Bet, Rate

_HOUR = timedelta(hours=1)


class Threshold:
    """Regressed over the limit, healthy within it, once the last hour had `min_requests`. It knows no baseline."""

    def __init__(self, limit: float, min_requests: float) -> None:
        self.limit = limit
        self.min_requests = min_requests
        self._hour: deque[tuple[datetime, Counts]] = deque()

    regression: Bet | None = None
    health: Bet | None = None
    shared = False

    @property
    def bets(self) -> Mapping[str, Bet]:
        return {}

    @property
    def last_hour(self) -> Rate:
        """Of the intervals that ended less than an hour before the newest one did."""
        return Rate(sum(each.total for _, each in self._hour), sum(each.failed for _, each in self._hour))

    @property
    def regressed(self) -> bool:
        rate = self.last_hour
        return self._enough(rate) and rate.failures > self.limit * rate.requests

    @property
    def healthy(self) -> bool:
        rate = self.last_hour
        return self._enough(rate) and not self.regressed

    @property
    def quiet(self) -> bool:
        return not self.regressed

    def play(self, sample: Sample) -> None:
        """One interval."""
        self._hour.append((sample.end, sample.enforced))
        while self._hour[0][0] <= sample.end - _HOUR:
            self._hour.popleft()

    def gap(self) -> None:
        """The last hour is what was seen of it."""

    def _enough(self, rate: Rate) -> bool:
        return rate.requests > 0 and rate.requests >= self.min_requests
