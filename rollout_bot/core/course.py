"""The bets on a stage as its intervals come in: at each one, what they say so far."""

from __future__ import annotations

import copy
from collections import deque
from datetime import datetime, timedelta

from rollout_bot.core.bets import OVER, UNDER, Mixture, against_limit
from rollout_bot.core.noise import Noise
from rollout_bot.core.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Sample
from rollout_bot.core.verdict import Bet, Forecast, Outcome, Rate

QUIET = 0.05
"""Health needs the evidence of a regression to be under this share of what a rollback takes."""

_GLARING = 10.0
"""An interval over this many limits needs no second one to confirm it."""

_HORIZON = 2000
"""Intervals that a forecast looks ahead: three weeks of quarter hours."""


class Course:
    """Feed it the stage's samples and gaps in order; every attribute then tells how things stand at that point.

    `over` and `under` are the bets against the limit. `requests` and `failures` count from the beginning of the stage,
    `proving` the requests since the last gap, for health must be shown anew after it. `last_gap` is the newest gap,
    `silent` the number of newest intervals without a request, `healthy_since` the end of the interval that began the
    present unbroken run of healthy outcomes.
    """

    def __init__(self, limit: float, interval: timedelta, settings: AnalysisSettings, noise: Noise) -> None:
        self.limit = limit
        self.interval = interval
        self.settings = settings
        self.noise = noise
        self.requests = self.failures = self.proving = 0.0
        self.intervals = self.gaps = self.silent = 0
        self.last_gap: Gap | None = None
        self.healthy_since: datetime | None = None
        self._since_gap = 0
        self._recent: deque[float] = deque(maxlen=max(1, settings.confirm_intervals))
        per_day = timedelta(days=1) / interval
        self._over_effects, self._under_effects = OVER.within(limit), UNDER.within(limit)
        self._bars = bars = _bar(settings.confidence), _bar(settings.promote_confidence)
        self.over = Mixture(self._over_effects, per_day=per_day, cap=1e6 * bars[0])
        self.under = Mixture(self._under_effects, per_day=per_day, cap=10 * bars[1])

    @property
    def regression(self) -> Bet:
        """The bet that takes a stage back; with a baseline cohort, the place of the bet `worse`."""
        return Bet(self.over.capital, self._bars[0])

    @property
    def health(self) -> Bet:
        """The bet that lets a stage pass; with a baseline cohort, the place of the mean of `under` and `close`."""
        return Bet(self.under.capital, self._bars[1])

    @property
    def outcome(self) -> Outcome:
        """What follows from the evidence so far, however old it is."""
        if self.last_gap is not None and self._since_gap == 0:
            return Outcome.UNAVAILABLE
        # A gap before the newest interval must not hide what that interval shows.
        if self.regressed:
            return Outcome.REGRESSED
        if self.blind:
            return Outcome.UNAVAILABLE
        # Here, before health, `shared` finds its place once there is a baseline to share trouble with.
        if self.healthy:
            return Outcome.HEALTHY
        return Outcome.UNAVAILABLE if self.last_gap else Outcome.INCONCLUSIVE

    @property
    def blind(self) -> bool:
        """Whether one of the newest intervals, those that would confirm a regression, is a gap."""
        return self.last_gap is not None and self._since_gap < self.settings.confirm_intervals

    @property
    def regressed(self) -> bool:
        return self.regression.won and self.failures >= self.settings.min_failures and self.confirmed

    @property
    def confirmed(self) -> bool:
        """Whether the trouble is still there. Intervals without a request are no recovery, so they do not count."""
        recent = self._recent
        lasting = len(recent) == recent.maxlen and min(recent) > self.limit
        return lasting or (bool(recent) and recent[-1] > _GLARING * self.limit)

    @property
    def quiet(self) -> bool:
        regression = self.regression
        return regression.capital < QUIET * regression.bar

    @property
    def healthy(self) -> bool:
        enough = self.proving > 0 and self.proving >= self.settings.min_requests
        return enough and self.health.won and self.quiet and not self.muted

    @property
    def missed(self) -> float:
        """Requests that would have come in the newest, silent intervals if traffic were as before."""
        return self.silent * self.requests / max(1, self.intervals - self.silent)

    @property
    def muted(self) -> bool:
        """Whether traffic has stopped for so long that old good news says nothing about now: a crash has no errors."""
        return self.silent > 0 and self.missed >= self.settings.min_requests

    def gap(self, gap: Gap) -> None:
        """Nobody saw what happened: suspicion lasts, proof of health starts again."""
        self.gaps += 1
        self.last_gap = gap
        self.proving = 0.0
        self._since_gap = 0
        self.under.restart()
        self.healthy_since = None

    def sample(self, sample: Sample) -> None:
        counts = sample.enforced
        self.intervals += 1
        self._since_gap += 1
        self.requests += counts.total
        self.failures += counts.failed
        self.proving += counts.total
        if counts.total > 0:
            self.silent = 0
            self._recent.append(counts.failed / counts.total)
        else:
            self.silent += 1
        over, under = self._log_factors(counts)
        self.over.play(over)
        self.under.play(under)
        if self.outcome is not Outcome.HEALTHY:
            self.healthy_since = None
        elif self.healthy_since is None:
            self.healthy_since = sample.end

    def suspicion(self, counts: Counts) -> float:
        """By how much one interval speaks for the size of regression that has won most so far (nats)."""
        return self._log_factors(counts)[0][self.over.favourite]

    def forecast(self) -> Forecast | None:
        """What health still takes if every interval is like the average one so far; None if that never gets there."""
        rate = Rate(self.requests, self.failures).value
        settled = self.muted or self.outcome in (Outcome.HEALTHY, Outcome.REGRESSED)
        if rate is None or rate >= self.limit or settled:
            return None
        typical = Counts(self.requests / self.intervals, self.failures / self.intervals)
        over, under = self._log_factors(typical)
        if max(under) <= 0:
            return None
        ahead = copy.copy(self)
        ahead.over, ahead.under = copy.copy(self.over), copy.copy(self.under)
        steps = 0
        while steps < _HORIZON:
            # To within an eighth: that traffic stays as it is, is a rougher guess than that.
            stride = 1 + steps // 8
            steps += stride
            ahead.proving += typical.total * stride
            ahead.over.play([stride * each for each in over])
            ahead.under.play([stride * each for each in under])
            if ahead.healthy:
                return Forecast(typical.total * steps, self.interval * steps)
        return None

    def _log_factors(self, counts: Counts) -> tuple[list[float], list[float]]:
        """For the bets `over` and `under`."""
        excess = self.noise.excess(counts.total)
        given = self.limit, counts.total, counts.failed, excess
        return against_limit(self._over_effects.ratios, *given), against_limit(self._under_effects.ratios, *given)


def _bar(confidence: float) -> float:
    """The capital that a fair bet reaches with a chance of at most 1 − confidence (Ville's inequality)."""
    return round(1 / (1 - confidence), 6)
