"""Why a verdict is what it is, in sentences with figures for people who have other things to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rollout_bot.core.course import QUIET, Course
from rollout_bot.core.samples import Gap
from rollout_bot.core.verdict import Bet, Outcome, Rate, Verdict
from rollout_bot.core.wording import amount, count, duration, moment, percent

_SHOWN = 5
_MANY = 1e6


def explain(verdict: Verdict, course: Course, since: datetime, stretch: Rate) -> tuple[str, ...]:
    """The reasons of a verdict on evidence that is not late. `stretch` counts from `verdict.regressing_since` on."""
    if verdict.outcome is Outcome.UNAVAILABLE:
        return blind(course) if course.blind else tuple(_anew(verdict, course))
    if verdict.stage.value is None:
        return (_nothing(verdict, since),)
    if verdict.outcome is Outcome.REGRESSED:
        return tuple(_regressed(verdict, stretch))
    if verdict.outcome is Outcome.HEALTHY:
        return measured(verdict.stage, verdict.limit), f"{_health(verdict)}, {_regression(verdict)}"
    return measured(verdict.stage, verdict.limit), *_missing(verdict, course)


def measured(rate: Rate, limit: float, when: str = "") -> str:
    """An error rate beside its limit."""
    if rate.value is None:
        return "no requests so far"
    text, allowed = percent(rate.value), percent(limit)
    # "0.5 % … over the limit of 0.5 %" would read as a mistake.
    just = "just " if text == allowed else ""
    side = f"{just}over" if rate.value > limit else "exactly" if rate.value == limit else f"{just}within"
    failed = f"{text} of {amount(rate.requests, 'request')} failed ({count(rate.failures)}){when}"
    return f"{failed}, {side} the limit of {allowed}"


def late(newest: datetime | None, since: datetime, now: datetime, allowed: timedelta) -> str:
    """Why data that end at `newest` say nothing about now; so far none may have come since the stage began."""
    if newest is None or newest <= since:
        began = f"the stage began at {moment(since)}, {duration(now - since)} ago"
        return f"no complete interval since {began}; allowed: {duration(allowed)}"
    ago = duration(now - newest)
    return f"newest complete interval ended at {moment(newest)}, {ago} ago; allowed: {duration(allowed)}"


def blind(course: Course) -> tuple[str, ...]:
    """Why the newest intervals cannot be judged."""
    return (_gap(course.last_gap),) if course.last_gap else ()


def gaps(found: Sequence[Gap]) -> tuple[str, ...]:
    """A remark for each of the newest gaps, and how many there were before."""
    shown = tuple(_gap(gap) for gap in found[-_SHOWN:])
    rest = len(found) - len(shown)
    return (*shown, f"and {amount(rest, 'earlier gap')}") if rest else shown


def _gap(gap: Gap) -> str:
    return f"no data from {moment(gap.start)} to {moment(gap.end)} ({gap.reason})"


def _anew(verdict: Verdict, course: Course) -> Iterator[str]:
    for gap in blind(course):
        missing = "; ".join(_missing(verdict, course))
        yield f"{gap}; health must be shown anew since then: {missing}"
    yield measured(verdict.stage, verdict.limit)


def _nothing(verdict: Verdict, since: datetime) -> str:
    began = f"since the stage began at {moment(since)}"
    if not verdict.intervals:
        return f"no complete interval yet {began}"
    return f"no requests in {amount(verdict.intervals, 'interval')} {began}: nothing to judge by"


def _regressed(verdict: Verdict, stretch: Rate) -> Iterator[str]:
    began = verdict.regressing_since
    if began and began != verdict.start:
        yield measured(stretch, verdict.limit, f" since {moment(began)}")
        yield f"since the stage began {_of(verdict.stage)}; in the last hour {_of(verdict.last_hour)}"
    else:
        yield measured(verdict.stage, verdict.limit)
        yield f"in the last hour {_of(verdict.last_hour)}"
    yield _regression(verdict)


def _of(rate: Rate) -> str:
    if rate.value is None:
        return "no requests"
    return f"{percent(rate.value)} of {count(rate.requests)} ({count(rate.failures)})"


def _missing(verdict: Verdict, course: Course) -> Iterator[str]:
    """What stands between this verdict and a clear one."""
    settings = course.settings
    if course.regression.won:
        yield f"{_regression(verdict)}, but {_unconfirmed(course)}"
    elif not course.quiet:
        bar = course.regression.bar
        yield f"{_regression(verdict)}; health needs less than {count(QUIET * bar)}"
    if course.muted:
        silence = duration(course.silent * course.interval)
        yield f"no requests for {silence}, where about {count(round(course.missed))} were to be expected"
    if course.proving < settings.min_requests:
        yield f"only {amount(course.proving, 'request')} of the {count(settings.min_requests)} that health takes"
    if not course.health.won:
        yield f"{_health(verdict)}; {_outlook(verdict)}"


def _unconfirmed(course: Course) -> str:
    settings = course.settings
    if course.failures < settings.min_failures:
        return f"only {amount(course.failures, 'failure')} of the {settings.min_failures} it takes"
    return f"it may be over: not {settings.confirm_intervals} intervals in a row are over the limit now"


def _outlook(verdict: Verdict) -> str:
    forecast = verdict.forecast
    if forecast is None:
        return "at this error rate and traffic it will not get there"
    return f"at this traffic about {duration(forecast.duration)} more ({amount(round(forecast.requests), 'request')})"


def _health(verdict: Verdict) -> str:
    return f"evidence for health {_capital(verdict.health)}"


def _regression(verdict: Verdict) -> str:
    return f"evidence for a regression {_capital(verdict.regression)}"


def _capital(bet: Bet | None) -> str:
    if bet is None:
        return "unknown"
    # Never "100 (100 needed)" for a bet that has not been won.
    capital = bet.capital if bet.won or bet.capital < bet.bar - 1 else min(bet.capital, bet.bar - 0.1)
    figure = f"over {count(_MANY)}" if capital > _MANY else count(capital)
    return f"{figure} ({count(round(bet.bar, 1))} needed)"
