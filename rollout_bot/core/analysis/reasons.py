"""Why a verdict is what it is, in sentences with figures for people who have other things to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.sequential import QUIET, Sequential
from rollout_bot.core.model.policy import AnalysisRule
from rollout_bot.core.samples import Gap
from rollout_bot.core.verdict import Bet, Outcome, Rate, Verdict
from rollout_bot.core.wording import amount, count, duration, moment, percent, points

_SHOWN = 5
_MANY = 1e6


def explain(verdict: Verdict, course: Course, since: datetime, stretch: Rate) -> tuple[str, ...]:
    """The reasons of a verdict on evidence that is not late. `stretch` counts from `verdict.regressing_since` on."""
    if verdict.outcome is Outcome.UNAVAILABLE:
        return blind(course) if course.blind else tuple(_anew(verdict, course))
    if verdict.stage.value is None:
        return (_nothing(verdict, since),)
    if course.settings.rule is AnalysisRule.THRESHOLD:
        return tuple(_threshold(verdict, course))
    if verdict.outcome is Outcome.REGRESSED:
        return tuple(_regressed(verdict, course, stretch))
    if verdict.outcome is Outcome.SHARED:
        return tuple(_shared(verdict, course))
    if verdict.outcome is Outcome.HEALTHY:
        return _measured(verdict), f"{_health(verdict)}, {_suspicion(verdict, course)}"
    return *_silence(course), _measured(verdict), *_missing(verdict, course)


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


def compared(verdict: Verdict) -> str:
    """The increase over the baseline as half a sentence; nothing where there was nothing to compare with."""
    comparison = verdict.comparison
    if comparison is None or comparison.increase is None or comparison.baseline.value is None:
        return ""
    increase, rate = comparison.increase, percent(comparison.baseline.value)
    if increase == 0:
        return f", the same as the baseline's {rate}"
    side = "more" if increase > 0 else "less"
    # Within the limit more than that is tolerated too.
    over = increase > 0 and verdict.stage.value is not None and verdict.stage.value > verdict.limit
    tolerated = f" (tolerated: {points(comparison.tolerated)})" if over else ""
    return f", {points(abs(increase))} {side} than the baseline's {rate}{tolerated}"


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
    if course.unmeasured:
        yield _unmeasured(course)
    else:
        for gap in blind(course):
            missing = "; ".join(_missing(verdict, course))
            yield f"{gap}; health must be shown anew since then: {missing}"
    yield _measured(verdict)


def _unmeasured(course: Course) -> str:
    span = duration(course.unmeasured * course.interval)
    judged = "; until it is back, only the limit can take this stage back" if course.alone else ""
    return f"the baseline could not be measured for the last {span}, so there is nothing to compare with{judged}"


def _nothing(verdict: Verdict, since: datetime) -> str:
    began = f"since the stage began at {moment(since)}"
    if not verdict.intervals:
        return f"no complete interval yet {began}"
    return f"no requests in {amount(verdict.intervals, 'interval')} {began}: nothing to judge by"


def _measured(verdict: Verdict) -> str:
    return measured(verdict.stage, verdict.limit) + compared(verdict)


def _regressed(verdict: Verdict, course: Course, stretch: Rate) -> Iterator[str]:
    began = verdict.regressing_since
    if began and began != verdict.start:
        yield measured(stretch, verdict.limit, f" since {moment(began)}")
        yield (
            f"since the stage began {_of(verdict.stage)}{compared(verdict)}; in the last hour {_of(verdict.last_hour)}"
        )
    else:
        yield _measured(verdict)
        yield f"in the last hour {_of(verdict.last_hour)}"
    yield _regression(verdict)
    if course.alone:
        yield "there is no baseline to compare with now, so the limit alone was the judge of late"


def _shared(verdict: Verdict, course: Course) -> Iterator[str]:
    yield _measured(verdict)
    yield "the baseline is over the limit too and this cohort no worse, so the trouble is not this rollout's"
    over = course.bets["over"]
    yield f"evidence against the limit {stake(over)}, against the baseline {stake(verdict.regression)}"


def _threshold(verdict: Verdict, course: Course) -> Iterator[str]:
    hour, least = verdict.last_hour, course.settings.min_requests
    yield from _silence(course)
    yield measured(hour, verdict.limit, " in the last hour")
    if hour.requests < least:
        yield f"only {amount(hour.requests, 'request')} in the last hour of the {count(least)} that a verdict takes"
    yield f"since the stage began {_of(verdict.stage)}; the policy judges by the last hour alone (rule: threshold)"


def _of(rate: Rate) -> str:
    if rate.value is None:
        return "no requests"
    return f"{percent(rate.value)} of {count(rate.requests)} ({count(rate.failures)})"


def _suspicion(verdict: Verdict, course: Course) -> str:
    if course.compared and course.regression is not None and course.regression.won:
        return "and though it is worse than the baseline, it is not likely to be over the limit"
    return _regression(verdict)


def _silence(course: Course) -> Iterator[str]:
    """What nobody should wait for. It comes first: no figure says more."""
    if course.muted:
        yield _muted(course)
    if course.alone and not course.unmeasured:
        yield _alone(course)


def _missing(verdict: Verdict, course: Course) -> Iterator[str]:
    """What stands between this verdict and a clear one."""
    rule, settings = course.rule, course.settings
    if isinstance(rule, Sequential):
        if rule.won:
            yield f"{_regression(verdict)}, but {_unconfirmed(course, rule)}"
        elif not rule.quiet:
            least = "less of either" if rule.compared else f"less than {count(QUIET * rule.regression.bar)}"
            yield f"{_regression(verdict)}; health needs {least}"
    if course.proving < settings.min_requests:
        yield f"only {amount(course.proving, 'request')} of the {count(settings.min_requests)} that health takes"
    if course.health is not None and not course.health.won:
        yield f"{_health(verdict)}; {_outlook(verdict)}"


def _muted(course: Course) -> str:
    silence = duration(course.silent * course.interval)
    return f"no requests for {silence}, where about {count(round(course.enforced.missed))} were to be expected"


def _alone(course: Course) -> str:
    baseline = course.baseline
    if not baseline.requests:
        return "the baseline cohort has had no requests since the stage began: nothing to compare with"
    silence = duration(baseline.silent * course.interval)
    expected = count(round(baseline.missed))
    return f"no requests of the baseline cohort for {silence}, where about {expected} were to be expected"


def _unconfirmed(course: Course, rule: Sequential) -> str:
    settings = course.settings
    if rule.failures < settings.min_failures:
        return f"only {amount(course.failures, 'failure')} of the {settings.min_failures} it takes"
    return f"it may be over: not {settings.confirm_intervals} intervals in a row are over the limit now"


def _outlook(verdict: Verdict) -> str:
    forecast = verdict.forecast
    if forecast is None:
        return "at this error rate and traffic it will not get there"
    return f"at this traffic about {duration(forecast.duration)} more ({amount(round(forecast.requests), 'request')})"


def _health(verdict: Verdict) -> str:
    return f"evidence for health {stake(verdict.health)}"


def _regression(verdict: Verdict) -> str:
    odds = verdict.bets.get("odds")
    if odds is None:
        return f"evidence for a regression {stake(verdict.regression)}"
    worse, over = stake(verdict.regression), stake(odds)
    return f"evidence of being worse than the baseline {worse}, of being over the limit {over}"


def stake(bet: Bet | None) -> str:
    """The evidence of a bet beside what it takes."""
    if bet is None:
        return "unknown"
    # Never "100 (100 needed)" for a bet that has not been won.
    capital = bet.capital if bet.won or bet.capital < bet.bar - 1 else min(bet.capital, bet.bar - 0.1)
    figure = f"over {count(_MANY)}" if capital > _MANY else count(capital)
    return f"{figure} ({count(round(bet.bar, 1))} needed)"
