"""A stage as its intervals come in: at each one, how things stand."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta

from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.analysis.sequential import Sequential
from rollout_bot.core.analysis.threshold import Threshold
from rollout_bot.core.analysis.traffic import Traffic
from rollout_bot.core.model.policy import AnalysisRule, AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Sample
from rollout_bot.core.verdict import Bet, Forecast, Outcome

_HORIZON = 2000
"""Intervals that a forecast looks ahead: three weeks of quarter hours."""

_A_REQUEST = 1e-3
"""Less than that is what interpolation leaves of none."""


class Course:
    """Feed it the stage's samples and gaps in order; every attribute then tells how things stand at that point.

    `enforced` and `baseline` tell what traffic the cohorts have had since the stage began; the baseline's counts are
    those of the intervals that were compared. `proving` counts the requests since the last gap, for health must be
    shown anew after it. `outcome` is what follows from the evidence so far, however old it is. `last_gap` is the newest
    gap, `healthy_since` the end of the interval that began the present unbroken run of healthy outcomes.

    `with_baseline` says whether there should be a baseline: with None as soon as a sample has one, with False never,
    whatever the samples have.
    """

    def __init__(
        self,
        limit: float,
        interval: timedelta,
        settings: AnalysisSettings,
        noise: Noise,
        *,
        with_baseline: bool | None = None,
    ) -> None:
        self.limit = limit
        self.interval = interval
        self.settings = settings
        self.noise = noise
        self.proving = 0.0
        self.intervals = self.gaps = 0
        self.last_gap: Gap | None = None
        self.healthy_since: datetime | None = None
        self.outcome = Outcome.INCONCLUSIVE
        self.enforced, self.baseline = Traffic(), Traffic()
        self.unmeasured = 0
        self._since_gap = 0
        self.rule: Sequential | Threshold = (
            Threshold(limit, settings.min_requests)
            if settings.rule is AnalysisRule.THRESHOLD
            else Sequential(limit, interval, settings, noise)
        )
        self._ignores_baseline = with_baseline is False or isinstance(self.rule, Threshold)
        if with_baseline:
            self._compare()

    @property
    def requests(self) -> float:
        return self.enforced.requests

    @property
    def failures(self) -> float:
        return self.enforced.failures

    @property
    def silent(self) -> int:
        """The number of newest intervals without a request."""
        return self.enforced.silent

    @property
    def regression(self) -> Bet | None:
        """The bet that takes a stage back; None if the rule places none."""
        return self.rule.regression

    @property
    def health(self) -> Bet | None:
        """The bet that lets a stage pass; None if the rule places none."""
        return self.rule.health

    @property
    def bets(self) -> Mapping[str, Bet]:
        """All bets by name, for those who want to see how a verdict comes about."""
        return self.rule.bets

    @property
    def compared(self) -> bool:
        """Whether there is, or should be, a baseline to compare with."""
        return isinstance(self.rule, Sequential) and self.rule.compared

    def _follows(self) -> Outcome:
        """What follows from the evidence so far, however old it is."""
        if self.last_gap is not None and self._since_gap == 0:
            return Outcome.UNAVAILABLE
        # A gap before the newest interval must not hide what that interval shows.
        if self.regressed:
            return Outcome.REGRESSED
        if self.blind or self.unmeasured:
            return Outcome.UNAVAILABLE
        if self.rule.shared:
            return Outcome.SHARED
        if self.healthy:
            return Outcome.HEALTHY
        return Outcome.UNAVAILABLE if self.last_gap else Outcome.INCONCLUSIVE

    @property
    def blind(self) -> bool:
        """Whether one of the newest intervals, those that would confirm a regression, is a gap."""
        return self.last_gap is not None and self._since_gap < self.settings.confirm_intervals

    @property
    def regressed(self) -> bool:
        return self.rule.regressed

    @property
    def quiet(self) -> bool:
        return self.rule.quiet

    @property
    def healthy(self) -> bool:
        enough = self.proving > 0 and self.proving >= self.settings.min_requests
        return enough and self.rule.healthy and not self.muted and not self.alone

    @property
    def muted(self) -> bool:
        """Whether traffic has stopped for so long that old good news says nothing about now: a crash has no errors."""
        return self.enforced.missed >= self.settings.min_requests

    @property
    def alone(self) -> bool:
        """Whether there should be a baseline, but there has been none to compare with for so long that it is no chance.

        That is when it was not measured in as many intervals as confirm a regression, or has not served a number of
        requests that were to be expected; had it never any, as many as the enforced cohort has served.
        """
        if not self.compared:
            return False
        if self.unmeasured:
            return self.unmeasured >= self.settings.confirm_intervals
        expected = self.baseline.missed if self.baseline.requests else self.enforced.requests
        return self.baseline.silent > 0 and expected >= self.settings.min_requests

    def gap(self, gap: Gap) -> None:
        """Nobody saw what happened: suspicion lasts, proof of health starts again."""
        self.gaps += 1
        self.last_gap = gap
        self.proving = 0.0
        self._since_gap = 0
        self.rule.gap()
        self.healthy_since = None
        self.outcome = self._follows()

    def sample(self, sample: Sample) -> None:
        counts = sample.enforced
        self.intervals += 1
        self._since_gap += 1
        self.enforced.add(counts)
        self.proving += counts.total
        baseline = self._beside(sample)
        if isinstance(self.rule, Sequential):
            self.rule.play(sample, baseline, alone=self.alone or not self.compared)
        else:
            self.rule.play(sample)
        self.outcome = self._follows()
        if self.outcome is not Outcome.HEALTHY:
            self.healthy_since = None
        elif self.healthy_since is None:
            self.healthy_since = sample.end

    def suspicion(self, sample: Sample) -> list[float]:
        """By how much one interval speaks for a regression (nats), for each size that is looked for."""
        if isinstance(self.rule, Threshold):
            return [sample.enforced.failed - self.limit * sample.enforced.total]
        return self.rule.suspicion(sample, self._comparable(sample))

    def forecast(self) -> Forecast | None:
        """What health still takes if every interval is like the average one so far; None if that never gets there."""
        settled = self.muted or self.alone or self.outcome in (Outcome.HEALTHY, Outcome.REGRESSED)
        if settled or not self.requests or isinstance(self.rule, Threshold):
            return None
        typical = self.enforced.mean
        factors = self.rule.factors(typical, self.baseline.mean if self.baseline.requests else None)
        if max(*factors.under, *(factors.beside.close if factors.beside else ())) <= 0:
            return None
        ahead = copy.copy(self)
        ahead.rule = rule = self.rule.copy()
        steps = 0
        while steps < _HORIZON:
            # To within an eighth: that traffic stays as it is, is a rougher guess than that.
            stride = 1 + steps // 8
            steps += stride
            ahead.proving += typical.total * stride
            rule.place(factors, stride)
            if ahead.healthy:
                return Forecast(typical.total * steps, self.interval * steps)
        return None

    def _compare(self) -> None:
        if isinstance(self.rule, Sequential):
            self.rule.compare()

    def _comparable(self, sample: Sample) -> Counts | None:
        """The baseline's counts, where there were requests to compare with."""
        baseline = None if self._ignores_baseline else sample.baseline
        return baseline if baseline is not None and baseline.total >= _A_REQUEST else None

    def _beside(self, sample: Sample) -> Counts | None:
        """Takes down what the baseline did in an interval; returns its counts if there is something to compare with."""
        if self._ignores_baseline:
            return None
        if sample.baseline is not None:
            self._compare()
        if not self.compared:
            return None
        self.unmeasured = self.unmeasured + 1 if sample.baseline is None else 0
        if sample.baseline is not None:
            self.baseline.add(sample.baseline)
        return self._comparable(sample)
