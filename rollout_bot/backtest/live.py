"""Whether a policy can work with the traffic that there is: what its metrics deliver, and what each stage needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core.analysis.feasibility import MATTERS, Load, Outlook, load, outlooks, remedies
from rollout_bot.core.durations import format_duration
from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.model.policy import Policy, Stage
from rollout_bot.core.model.state import State
from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.samples import Sample, Unmeasured, Window
from rollout_bot.core.wording import amount, count, duration, percent
from rollout_bot.metrics.interface import Source
from rollout_bot.tick.evaluation import Evaluator, measure

DAY = timedelta(hours=24)
_LEAST_CONSTANT = 12
_QUERIES = "compare the queries in policy.yaml with what the service exports, and the address with the server's"


def examine_live(evaluator: Evaluator, policy: Policy, state: State) -> Iterator[Finding]:
    """Every finding about the last 24 hours, or as much of them as the stage has been proposed for."""
    source, problems = evaluator.source(policy)
    if source is None:
        for problem in problems:
            yield Finding(Level.WRONG, policy.rollout, problem, "until then nothing is measured, and nothing advances")
        return
    for each in source.probe(evaluator.now, policy.interval):
        yield replace(each, subject=f"{policy.rollout} {each.subject}")
    start = max(evaluator.now - DAY, min(state.change.proposed_at, evaluator.now - timedelta(hours=1)))
    found = _measured(source, policy, start, evaluator.now)
    subject = f"{policy.rollout} traffic"
    if isinstance(found, Unmeasured):
        yield Finding(Level.WRONG, subject, found.reason, _QUERIES)
        return
    yield from _gaps(subject, found, policy)
    traffic = load(found.entries, policy.interval, state.percentage)
    if traffic is None:
        yield _nothing(subject, found, state)
        return
    yield _traffic(subject, traffic, policy, state)
    yield from _constant(subject, found)
    for outlook in outlooks(policy, traffic):
        yield _stage(policy, traffic, outlook)


def _measured(source: Source, policy: Policy, start: datetime, now: datetime) -> Hindsight | Unmeasured:
    """Whole intervals up to now. A recording that ended earlier is looked at up to its end."""
    extent = source.extent(policy.interval)
    end = min(now, extent[1]) if extent else now
    whole = max(1, (end - start) // policy.interval) if end > start else DAY // policy.interval
    found = measure(source, Window(end - whole * policy.interval, end, policy.interval))
    if isinstance(found, Unmeasured):
        return found
    try:
        return Hindsight(found, policy.interval)
    except ValueError as error:
        return Unmeasured(str(error))


def _gaps(subject: str, found: Hindsight, policy: Policy) -> Iterator[Finding]:
    gaps = [entry for entry in found.entries if not isinstance(entry, Sample)]
    if gaps:
        lost = sum((each.end - each.start for each in gaps), timedelta(0))
        text = f"not measured for {duration(lost)} of the last {duration(len(found.entries) * policy.interval)}"
        yield Finding(Level.WEAK, subject, f"{text}: {gaps[-1].reason}", "each gap makes health be shown anew")


def _nothing(subject: str, found: Hindsight, state: State) -> Finding:
    if not state.percentage:
        text = "at 0 % nothing is enforced, so nothing can be measured"
        return Finding(Level.UNKNOWN, subject, text, "ask again once a stage is entered, or measure a baseline")
    text = f"no request was counted in {amount(len(found.entries), 'interval')}"
    return Finding(Level.WRONG, subject, text, _QUERIES)


def _traffic(subject: str, traffic: Load, policy: Policy, state: State) -> Finding:
    here = traffic.requests * state.percentage / 100
    text = (
        f"{count(traffic.requests)} requests an interval ({format_duration(policy.interval)}) in the whole service, "
        f"{count(here)} of them at {state.stage} {state.percentage} %; from {count(traffic.quietest)} to "
        f"{count(traffic.busiest)} an hour; {percent(traffic.rate)} fail"
    )
    return Finding(Level.RIGHT, subject, text)


def _constant(subject: str, found: Hindsight) -> Iterator[Finding]:
    totals = [entry.enforced.total for entry in found.entries if isinstance(entry, Sample)]
    if len(totals) >= _LEAST_CONSTANT and len(set(totals)) == 1 and totals[0]:
        text = f"every interval counts {amount(totals[0], 'request')}, neither more nor fewer"
        yield Finding(Level.WEAK, subject, text, "see whether the query counts requests, or gives a constant")


def _stage(policy: Policy, traffic: Load, found: Outlook) -> Finding:
    stage = found.stage
    subject = f"{policy.rollout} {stage.name} {stage.percentage} %"
    limit = percent(stage.max_error_rate)
    most = policy.analysis.max_error_rate_increase
    lenient = traffic.baseline_rate is not None and not stage.whole
    if traffic.rate > stage.max_error_rate and not (lenient and traffic.rate <= (traffic.baseline_rate or 0.0) + most):
        text = f"{percent(traffic.rate)} fail already now, over the limit of {limit}: it would be rolled back"
        fix = f"a max_error_rate over {percent(traffic.rate)}, or a service that fails less"
        return Finding(Level.WRONG, subject, text, fix)
    detected = f"a regression to {percent(found.regression)} ({MATTERS:g} times what is allowed) " + (
        f"is found within {duration(found.detection)}" if found.detection else "is not found within two weeks"
    )
    traffic_here = f"{count(found.requests)} requests an interval"
    if policy.above(stage) is None:
        level = Level.RIGHT if found.detection else Level.WEAK
        return Finding(level, subject, f"{traffic_here}; {detected}", "" if found.detection else _found_sooner())
    if found.proof is None or found.proof > stage.patience:
        when = "not in three weeks" if found.proof is None else f"only after {duration(found.proof)}"
        text = f"{traffic_here}, {percent(traffic.rate)} fail: health is shown {when} (limit {limit}); {detected}"
        return Finding(Level.WRONG, subject, text, _ways_out(policy, stage, traffic, found))
    text = f"{traffic_here}: health is shown within {duration(found.proof)}; {detected}"
    if found.detection is None or found.detection > max(found.proof, stage.duration):
        return Finding(Level.WEAK, subject, f"{text}, after the stage has been left", _found_sooner())
    if found.proof > stage.duration:
        fix = f"it stays that long whatever is asked for; a duration of {_hours(found.proof)} would say so"
        return Finding(Level.WEAK, subject, f"{text}; longer than its duration of {duration(stage.duration)}", fix)
    return Finding(Level.RIGHT, subject, text)


def _found_sooner() -> str:
    return "a longer duration, a stricter max_error_rate, or more traffic"


def _ways_out(policy: Policy, stage: Stage, traffic: Load, found: Outlook) -> str:
    would = remedies(policy, stage, traffic, max(stage.duration, DAY))
    within = duration(would.target)
    ways = []
    if would.limit is not None:
        ways.append(f"max_error_rate: {percent(would.limit).replace(' ', '')} (health within {within})")
    if would.traffic is not None:
        ways.append(f"{would.traffic:g} times the traffic (health within {within})")
    if found.proof is not None:
        ways.append(f"duration: {_hours(found.proof)}")
    if traffic.baseline_rate is None and not stage.whole:
        ways.append("a baseline to compare with (metrics.baseline)")
    ways.append(f"an owner who decides (rollout-bot advance {policy.rollout} --reason …)")
    return "; or ".join(ways)


def _hours(span: timedelta) -> str:
    return format_duration(timedelta(hours=-(-span // timedelta(hours=1))))
