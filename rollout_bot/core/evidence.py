"""What a verdict rests on, as reasons: rates beside their limit, both bets, the data themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rollout_bot.core.course import QUIET
from rollout_bot.core.policy import AnalysisSettings
from rollout_bot.core.reasons import measured
from rollout_bot.core.tree import Reason, Status
from rollout_bot.core.verdict import Bet, Outcome, Rate, Verdict
from rollout_bot.core.wording import amount, count, duration, moment, percent

_MANY = 1e6


def evidence(verdict: Verdict, settings: AnalysisSettings, now: datetime) -> tuple[Reason, ...]:
    """Everything behind a verdict that is known, the most important first."""
    return tuple(_evidence(verdict, settings, now))


def _evidence(verdict: Verdict, settings: AnalysisSettings, now: datetime) -> Iterator[Reason]:
    if verdict.stage.requests > 0 or verdict.intervals:
        yield _rate(verdict)
        yield _requests(verdict, settings)
    if verdict.health is not None:
        yield _health(verdict, verdict.health, now)
    if verdict.regression is not None:
        yield _regression(verdict, verdict.regression, settings)
    if verdict.intervals:
        yield _last_hour(verdict)
        yield _noise(verdict)
    yield _data(verdict)
    if verdict.silent > timedelta(0):
        yield Reason("silence", Status.WAITING, f"no requests for {duration(verdict.silent)}", {"span": verdict.silent})
    yield from (Reason("note", Status.NOTED, note) for note in verdict.notes)


def _rate(verdict: Verdict) -> Reason:
    rate = verdict.stage
    bounds = ""
    if verdict.lower is not None and verdict.upper is not None:
        bounds = f"; likely between {percent(verdict.lower)} and {percent(verdict.upper)}"
    figures = {**_counts(rate), "lower": verdict.lower, "upper": verdict.upper, "limit": verdict.limit}
    text = f"{measured(rate, verdict.limit)}{bounds}"
    return Reason("error rate", Status.NOTED, text, figures)


def _counts(rate: Rate) -> dict[str, float | None]:
    return {"error_rate": rate.value, "requests": rate.requests, "failures": rate.failures}


def _requests(verdict: Verdict, settings: AnalysisSettings) -> Reason:
    found, needed = verdict.stage.requests, settings.min_requests
    more = max(0.0, needed - found)
    text = f"{amount(found, 'request')}; health takes at least {count(needed)}"
    figures = {"requests": found, "needed": float(needed), "more": more}
    return Reason("requests", Status.WAITING if more else Status.PASSED, text, figures)


def _health(verdict: Verdict, bet: Bet, now: datetime) -> Reason:
    forecast = verdict.forecast
    at = None if bet.won or forecast is None else now + forecast.duration
    figures = {
        "evidence": bet.capital,
        "needed": bet.bar,
        "more_requests": None if forecast is None else forecast.requests,
        "to_go": None if forecast is None else forecast.duration,
        "expected_at": at,
    }
    text = f"evidence {_capital(bet)} of {count(bet.bar)} that the rate is within its limit"
    if bet.won:
        since = f", healthy since {moment(verdict.healthy_since)}" if verdict.healthy_since else ""
        return Reason("health", Status.PASSED, text + since, {**figures, "since": verdict.healthy_since})
    if forecast is None or at is None:
        text += "; at this error rate and traffic it will not get there"
        return Reason("health", Status.WAITING, text, figures)
    more = f"about {amount(round(forecast.requests), 'more request')}, which takes {duration(forecast.duration)}"
    return Reason("health", Status.WAITING, f"{text}; {more} at this traffic: at about {moment(at)}", figures)


def _regression(verdict: Verdict, bet: Bet, settings: AnalysisSettings) -> Reason:
    figures = {"evidence": bet.capital, "needed": bet.bar, "since": verdict.regressing_since}
    text = f"evidence {_capital(bet)} of {count(bet.bar)} that the rate is over its limit"
    if verdict.regressing_since is not None:
        text += f", most of it since {moment(verdict.regressing_since)}"
    if verdict.outcome is Outcome.REGRESSED:
        return Reason("regression", Status.FAILED, text, figures)
    if bet.won:
        asked = f"{amount(settings.min_failures, 'failure')} and {amount(settings.confirm_intervals, 'interval')}"
        return Reason("regression", Status.WAITING, f"{text}; it also takes {asked} in a row over the limit", figures)
    if bet.capital >= QUIET * bet.bar:
        text += f"; health needs less than {count(QUIET * bet.bar)}"
        return Reason("regression", Status.WAITING, text, figures)
    return Reason("regression", Status.PASSED, text, figures)


def _last_hour(verdict: Verdict) -> Reason:
    text = f"{measured(verdict.last_hour, verdict.limit)}; it decides nothing"
    if verdict.last_hour.value is None:
        text = "no requests"
    return Reason("last hour", Status.NOTED, text, _counts(verdict.last_hour))


def _noise(verdict: Verdict) -> Reason:
    factor = verdict.noise
    text = "failures vary no more than by chance"
    if factor > 1:
        times = f"they vary {count(factor)} times as much as by chance"
        text = f"failures come in clumps: {times}, so more evidence is asked for"
    return Reason("noise", Status.NOTED, text, {"factor": factor})


def _data(verdict: Verdict) -> Reason:
    figures = {
        "intervals": float(verdict.intervals),
        "gaps": float(verdict.gaps),
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


def _capital(bet: Bet) -> str:
    # Never "100 of 100" for a bet that has not been won.
    capital = bet.capital if bet.won or bet.capital < bet.bar - 1 else min(bet.capital, bet.bar - 0.1)
    return f"over {count(_MANY)}" if capital > _MANY else count(capital)
