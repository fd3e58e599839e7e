"""What a verdict rests on, as reasons: rates beside their limit, the bets, the data themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from rollout_bot.core.analysis.reasons import measured, stake
from rollout_bot.core.analysis.sequential import HINT, QUIET
from rollout_bot.core.model.policy import AnalysisRule, AnalysisSettings
from rollout_bot.core.tree import Figure, Reason, Status
from rollout_bot.core.verdict import Bet, Comparison, Outcome, Rate, Verdict
from rollout_bot.core.wording import amount, count, duration, moment, percent, points

_BETS: Mapping[str, str] = MappingProxyType(
    {
        "over": "that the rate is over the limit",
        "under": "that the rate is within the limit",
        "worse": "that it is worse than the baseline",
        "close": "that it is no more than the tolerated increase over the baseline",
        "odds": "that it is over limit and baseline of late",
    }
)
"""What each bet gives evidence for, in the order of the list; a new one appears by its own name."""


def evidence(verdict: Verdict, settings: AnalysisSettings, now: datetime) -> tuple[Reason, ...]:
    """Everything behind a verdict that is known, the most important first."""
    return tuple(_evidence(verdict, settings, now))


def _evidence(verdict: Verdict, settings: AnalysisSettings, now: datetime) -> Iterator[Reason]:
    if verdict.intervals:
        yield _rate(verdict)
        yield _last_hour(verdict, settings)
        yield _requests(verdict, settings)
    if verdict.comparison is not None:
        yield _baseline(verdict.comparison, verdict.outcome)
    if verdict.health is not None:
        yield _health(verdict, verdict.health, now)
    if verdict.regression is not None:
        yield _regression(verdict, verdict.regression, settings)
    if verdict.intervals:
        yield _noise(verdict)
    yield _data(verdict)
    if verdict.silent > timedelta(0):
        text = f"no requests for {duration(verdict.silent)}"
        yield Reason("silence", Status.WAITING, text, {"silent": verdict.silent})
    yield from (Reason("note", Status.NOTED, note) for note in verdict.notes)


def _rate(verdict: Verdict) -> Reason:
    bounds = ""
    if verdict.lower is not None and verdict.upper is not None:
        bounds = f"; likely between {percent(verdict.lower)} and {percent(verdict.upper)}"
    figures = {**_counts(verdict.stage), "lower": verdict.lower, "upper": verdict.upper, "limit": verdict.limit}
    text = f"{measured(verdict.stage, verdict.limit)}{bounds}"
    return Reason("error rate", Status.NOTED, text, figures)


def _last_hour(verdict: Verdict, settings: AnalysisSettings) -> Reason:
    decides = settings.rule is AnalysisRule.THRESHOLD
    text = measured(verdict.last_hour, verdict.limit) if verdict.last_hour.value is not None else "no requests"
    figures = _counts(verdict.last_hour)
    if not decides:
        return Reason("last hour", Status.NOTED, f"{text}; it decides nothing", figures)
    over = verdict.last_hour.value is not None and verdict.last_hour.value > verdict.limit
    status = Status.WAITING if verdict.last_hour.value is None else Status.FAILED if over else Status.PASSED
    return Reason("last hour", status, f"{text}; by the policy's rule it decides", figures)


def _counts(rate: Rate) -> dict[str, Figure]:
    return {"error_rate": rate.value, "requests": rate.requests, "failures": rate.failures}


def _requests(verdict: Verdict, settings: AnalysisSettings) -> Reason:
    hourly = settings.rule is AnalysisRule.THRESHOLD
    found, needed = (verdict.last_hour if hourly else verdict.stage).requests, settings.min_requests
    more = max(0.0, needed - found)
    text = f"{amount(found, 'request')}{' in the last hour' if hourly else ''}; health takes at least {count(needed)}"
    figures = {"requests": found, "needed": needed, "more": more}
    return Reason("requests", Status.WAITING if more else Status.PASSED, text, figures)


def _baseline(comparison: Comparison, outcome: Outcome) -> Reason:
    figures: dict[str, Figure] = {
        "increase": comparison.increase,
        "lower": comparison.lower,
        "upper": comparison.upper,
        "tolerated_increase": comparison.tolerated,
        **{f"baseline_{name}": figure for name, figure in _counts(comparison.baseline).items()},
        "silent": comparison.silent,
    }
    rate = comparison.baseline.value
    if rate is None or comparison.increase is None:
        return Reason("baseline", Status.UNKNOWN, "nothing to compare with", figures)
    failed = f"{percent(rate)} of {amount(comparison.baseline.requests, 'request')} failed"
    text = f"{failed} ({count(comparison.baseline.failures)}); the increase is {points(comparison.increase)}"
    if comparison.lower is not None and comparison.upper is not None:
        text += f", likely between {points(comparison.lower)} and {points(comparison.upper)}"
    text += f"; tolerated: {points(comparison.tolerated)}"
    if comparison.silent > timedelta(0):
        text += f"; nothing to compare with for {duration(comparison.silent)}"
    return Reason("baseline", Status.WAITING if outcome is Outcome.SHARED else Status.NOTED, text, figures)


def _health(verdict: Verdict, bet: Bet, now: datetime) -> Reason:
    forecast = verdict.forecast
    at = None if bet.won or forecast is None else now + forecast.duration
    figures: dict[str, Figure] = {
        "evidence": bet.capital,
        "needed": bet.bar,
        "more_requests": None if forecast is None else forecast.requests,
        "to_go": None if forecast is None else forecast.duration,
        "expected_at": at,
        "since": verdict.healthy_since,
    }
    text, beneath = f"evidence for health {stake(bet)}", tuple(_bets(verdict, ("under", "close")))
    if bet.won:
        since = f", healthy since {moment(verdict.healthy_since)}" if verdict.healthy_since else ""
        return Reason("health", Status.PASSED, text + since, figures, beneath)
    if forecast is None or at is None:
        text += "; at this error rate and traffic it will not get there"
        return Reason("health", Status.WAITING, text, figures, beneath)
    more = f"about {duration(forecast.duration)} more ({amount(round(forecast.requests), 'request')})"
    return Reason("health", Status.WAITING, f"{text}; {more} at this traffic: {moment(at)}", figures, beneath)


def _regression(verdict: Verdict, bet: Bet, settings: AnalysisSettings) -> Reason:
    figures: dict[str, Figure] = {"evidence": bet.capital, "needed": bet.bar, "since": verdict.regressing_since}
    text = f"evidence for a regression {stake(bet)}"
    if verdict.regressing_since is not None:
        text += f", most of it since {moment(verdict.regressing_since)}"
    status, odds = Status.PASSED, verdict.bets.get("odds")
    if verdict.outcome is Outcome.REGRESSED:
        status = Status.FAILED
    elif odds is not None and not odds.won and bet.capital >= QUIET * bet.bar:
        if odds.capital < HINT:
            text += "; but of late it is not likely to be over the limit"
        else:
            status = Status.WAITING
            text += f"; that it is over the limit of late: {stake(odds)}, {count(HINT)} stand in the way of health"
    elif bet.won:
        asked = f"{amount(settings.min_failures, 'failure')} and {amount(settings.confirm_intervals, 'interval')}"
        status, text = Status.WAITING, f"{text}; a rollback also takes {asked} in a row over the limit"
    elif bet.capital >= QUIET * bet.bar:
        status, text = Status.WAITING, f"{text}; health needs less than {count(QUIET * bet.bar)}"
    known = [name for name in verdict.bets if name not in ("under", "close")]
    return Reason("regression", status, text, figures, tuple(_bets(verdict, known)))


def _bets(verdict: Verdict, names: tuple[str, ...] | list[str]) -> Iterator[Reason]:
    """The bets behind one, where there is more than that one: without a baseline they are the same."""
    if verdict.comparison is None:
        return
    for name in names:
        bet = verdict.bets.get(name)
        if bet is not None:
            text = f"evidence {_BETS.get(name, name)}: {stake(bet)}"
            yield Reason(name, Status.NOTED, text, {"evidence": bet.capital, "needed": bet.bar})


def _noise(verdict: Verdict) -> Reason:
    factor = verdict.noise
    text = "failures vary no more than by chance"
    if factor > 1:
        times = f"they vary {count(factor)} times as much as by chance"
        text = f"failures come in clumps: {times}, so more evidence is asked for"
    return Reason("noise", Status.NOTED, text, {"factor": factor})


def _data(verdict: Verdict) -> Reason:
    figures: dict[str, Figure] = {
        "intervals": verdict.intervals,
        "gaps": verdict.gaps,
        "started_at": verdict.start,
        "ended_at": verdict.end,
    }
    unknown = verdict.outcome is Outcome.UNAVAILABLE
    if verdict.start is None or verdict.end is None:
        text = "nothing could be measured" if unknown else "no complete interval yet"
        return Reason("data", Status.UNKNOWN if unknown else Status.WAITING, text, figures)
    text = f"{amount(verdict.intervals, 'interval')} from {moment(verdict.start)} to {moment(verdict.end)}"
    if verdict.gaps:
        text += f", {amount(verdict.gaps, 'interval')} without data"
    return Reason("data", Status.UNKNOWN if unknown else Status.PASSED, text, figures)
