"""The sequential rule: bets against "this stage is fine" and "it is not", valid however often one looks."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple, Self

from rollout_bot.core.analysis.bets import CLOSE, OVER, UNDER, Mixture, Recent, against_baseline, against_limit
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Sample
from rollout_bot.core.verdict import Bet

QUIET = 0.05
"""Health needs the evidence of a regression to be under this share of what a rollback takes."""

_GLARING = 10.0
"""An interval over this many limits needs no second one to confirm it."""

HINT = 3.0
"""What is worse than its baseline is not healthy while its recent data are so much likelier over the limit."""

_UNDER_SHARE = 0.6
"""The part of the stake on health that the bet `under` has beside `close`, where nothing was seen before the stage."""

_LIKELY = 0.85
"""The part that the likelier of the two has, where it is known how the service is."""

_TELLING = 5.0
"""Failures that there would have been at the limit: with fewer, what was seen before tells no rate."""

_LEAST, _MOST = 0.02, 0.9
"""Rates, as shares of the limit, that a bet on the usual one may expect."""

_HELD = 10.0
"""Bars that a proof of health can hold, split like its stake: enough to be steady, soon lost when things turn."""


class Beside(NamedTuple):
    """Log factors of one interval against the baseline; `beyond` is `worse` less what a tolerated increase takes."""

    worse: list[float]
    beyond: list[float]
    close: list[float]


class Factors(NamedTuple):
    """Log factors of one interval for each bet and effect size; `beside` is None where there is no baseline."""

    over: list[float]
    under: list[float]
    beside: Beside | None = None


class Sequential:
    """The bets on one stage.

    `over` and `under` bet against the limit. With a baseline, `worse` bets against "no worse than the baseline" and
    `close` against "worse by more than is tolerated"; the odds say whether the limit, or the baseline and the
    tolerated increase if that is more, is exceeded of late.

    `worse` is one capital for the whole stage. In an interval that has no baseline although there should be one it
    is not placed; where there has been none for long, it is placed against the limit instead. So it bets against
    "never worse than the baseline, or than the limit where there is no baseline", and keeps what it has won.
    """

    def __init__(self, limit: float, interval: timedelta, settings: AnalysisSettings, noise: Noise) -> None:
        self.limit = limit
        self.settings = settings
        self.noise = noise
        self.compared = False
        self.failures = 0.0
        self._alone = True
        self._recent: deque[float] = deque(maxlen=max(1, settings.confirm_intervals))
        self._beside: deque[Counts] = deque(maxlen=max(1, settings.confirm_intervals))
        self._over_effects, self._under_effects, self._close_effects = OVER.within(limit), UNDER.within(limit), CLOSE
        self._under_share = _UNDER_SHARE
        if noise.served * limit >= _TELLING:
            self._expect((noise.usual + 1) / (noise.served + 1 / limit))
        self._bars = bars = _bar(settings.confidence), _bar(settings.promote_confidence)
        per_day = timedelta(days=1) / interval
        self.over = self.worse = Mixture(self._over_effects, per_day=per_day, cap=1e6 * bars[0])
        self.under = Mixture(self._under_effects, per_day=per_day, cap=_HELD * bars[1])
        self.close = Mixture(self._close_effects, per_day=per_day, cap=_HELD * bars[1])
        self.above, self.beyond = Recent(len(OVER.ratios)), Recent(len(OVER.ratios))

    def copy(self) -> Self:
        """One that can look ahead without a change to this one."""
        other = copy.copy(self)
        other.over, other.under, other.close = copy.copy(self.over), copy.copy(self.under), copy.copy(self.close)
        other.worse = copy.copy(self.worse) if self.compared else other.over
        other.above, other.beyond = copy.copy(self.above), copy.copy(self.beyond)
        return other

    def compare(self) -> None:
        """From now on there should be a baseline."""
        if not self.compared:
            self.compared, self._alone = True, False
            # What was won against the limit so far stays won.
            self.worse = copy.copy(self.over)

    @property
    def regression(self) -> Bet:
        """The bet that takes a stage back."""
        return Bet(self.worse.capital, self._bars[0])

    @property
    def odds(self) -> Bet:
        """How much likelier the recent data are over the limit than at it. No bet, though it has the same bar: the best
        stretch is chosen afterwards, so no guarantee comes with it.
        """
        # A tolerated increase counts only where there is a baseline that it could be an increase of.
        return Bet(math.exp(min(self.above.log, math.inf if self._alone else self.beyond.log)), self._bars[0])

    @property
    def health(self) -> Bet:
        """The bet that lets a stage pass. Whatever is within the limit or close to the baseline, is fine."""
        capital = self.under.capital
        if self.compared:
            capital = self._under_share * capital + (1 - self._under_share) * self.close.capital
        return Bet(capital, self._bars[1])

    @property
    def bets(self) -> Mapping[str, Bet]:
        """All that was placed, by name."""
        rollback, promote = self._bars
        found = {"over": Bet(self.over.capital, rollback), "under": Bet(self.under.capital, promote)}
        if self.compared:
            found |= {"worse": self.regression, "close": Bet(self.close.capital, promote), "odds": self.odds}
        return MappingProxyType(found)

    @property
    def won(self) -> bool:
        """Whether the evidence of a regression suffices, if it is still going on."""
        return self.worse.capital >= self._bars[0] and (not self.compared or self.odds.won)

    @property
    def regressed(self) -> bool:
        return self.won and self.failures >= self.settings.min_failures and self.confirmed

    @property
    def confirmed(self) -> bool:
        """Whether the trouble is still there. Intervals without a request are no recovery, so they do not count."""
        recent = self._recent
        lasting = len(recent) == recent.maxlen and min(recent) > self.limit
        return lasting or (bool(recent) and recent[-1] > _GLARING * self.limit)

    @property
    def quiet(self) -> bool:
        """Whether little speaks for a regression; being a bit worse than the baseline is none within the limit."""
        return self.worse.capital < QUIET * self._bars[0] or (self.compared and self.odds.capital < HINT)

    @property
    def shared(self) -> bool:
        """Whether it would be a regression, were the baseline not over the limit too."""
        if self.over.capital < self._bars[0] or not self.compared or self._alone or not self.quiet:
            return False
        requests, failures = sum(each.total for each in self._beside), sum(each.failed for each in self._beside)
        return self.failures >= self.settings.min_failures and self.confirmed and failures > self.limit * requests

    @property
    def healthy(self) -> bool:
        return self.health.won and self.quiet

    def play(self, sample: Sample, baseline: Counts | None, *, alone: bool) -> None:
        """One interval; `baseline` is None where there is nothing to compare with, `alone` if that has lasted long."""
        counts = sample.enforced
        self.failures += counts.failed
        self._alone = alone
        if counts.total > 0:
            self._recent.append(counts.failed / counts.total)
        if baseline is not None:
            self._beside.append(baseline)
        self.place(self.factors(counts, baseline))

    def place(self, factors: Factors, times: int = 1) -> None:
        """Places every bet, as if that many intervals were like this one."""
        self.over.play(factors.over, times)
        self.under.play(factors.under, times)
        if not self.compared:
            return
        self.above.play(factors.over, times)
        if factors.beside is not None:
            self.worse.play(factors.beside.worse, times)
            self.beyond.play(factors.beside.beyond, times)
            self.close.play(factors.beside.close, times)
        elif self._alone:
            self.worse.play(factors.over, times)

    def factors(self, counts: Counts, baseline: Counts | None) -> Factors:
        """What one interval says, by bet and effect size."""
        excess = self.noise.excess(counts.total if baseline is None else max(counts.total, baseline.total))
        given = self.limit, counts.total, counts.failed, excess
        over = against_limit(self._over_effects.ratios, *given)
        under = against_limit(self._under_effects.ratios, *given)
        if baseline is None:
            return Factors(over, under)
        increase = self.settings.max_error_rate_increase
        worse, costs = against_baseline(OVER.ratios, counts, baseline, excess)
        close, savings = against_baseline(self._close_effects.ratios, counts, baseline, excess)
        beyond = [log - increase * cost for log, cost in zip(worse, costs, strict=True)]
        close = [log - increase * cost for log, cost in zip(close, savings, strict=True)]
        return Factors(over, under, Beside(worse, beyond, close))

    def _expect(self, usual: float) -> None:
        """Bets on health as if the stage were like the service was before: the best bets if it is, and fair if not."""
        limit, increase = self.limit, self.settings.max_error_rate_increase
        ratio = max(_LEAST, min(usual / limit, _MOST))
        self._under_effects = self._under_effects.expecting(ratio)
        self._close_effects = self._close_effects.expecting(max(_LEAST, usual / (usual + increase)))
        # What each gains by request (nats), if the rate is the usual one.
        under = limit * (ratio * math.log(ratio) + 1 - ratio) if usual < limit else 0.0
        close = increase - usual * math.log1p(increase / usual)
        self._under_share = _LIKELY if under > close else 1 - _LIKELY

    def suspicion(self, sample: Sample, baseline: Counts | None) -> list[float]:
        """By how much one interval speaks for each size of regression (nats)."""
        factors = self.factors(sample.enforced, baseline)
        return factors.beside.worse if factors.beside else factors.over

    def gap(self) -> None:
        """Nobody saw what happened: suspicion lasts, proof of health starts again."""
        self.under.restart()
        self.close.restart()


def _bar(confidence: float) -> float:
    """The capital that a fair bet reaches with a chance of at most 1 − confidence (Ville's inequality)."""
    return round(1 / (1 - confidence), 6)
