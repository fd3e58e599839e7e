"""Whether stages can work at the traffic and the error rate that there are, and what would if they cannot.

Every answer comes from the rule itself: a `Course` is fed with intervals that are all alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise, estimate
from rollout_bot.core.model.policy import AnalysisRule, Policy, Stage
from rollout_bot.core.samples import Counts, Gap, Sample

MATTERS = 2.0
"""The smallest regression that matters has an error rate of so many limits."""

_LONGEST = timedelta(days=14)
"""A regression that takes longer to be found is as good as never found."""

_FACTORS = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Load:
    """What an average interval had, of the whole service. Rates are fractions.

    `quietest` and `busiest` are the requests of an hour. `baseline_rate` is None where there is no baseline cohort;
    where the enforced cohort has no requests, `rate` is that of the baseline.
    """

    requests: float
    quietest: float
    busiest: float
    rate: float
    baseline_rate: float | None
    noise: Noise

    def sample(self, stage: Stage, rate: float, index: int, interval: timedelta) -> Sample:
        """An interval of a stage whose enforced cohort fails at that rate."""
        start = _BEGIN + index * interval
        total = self.requests * stage.percentage / 100
        baseline = None
        if self.baseline_rate is not None:
            others = self.requests - total
            baseline = Counts(others, others * self.baseline_rate)
        return Sample(start, start + interval, Counts(total, total * rate), baseline)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What to expect of a stage. None for a time: it does not come within three weeks, or two for `detection`.

    `proof` is how long health takes to be shown at the present error rate, `regression` the error rate of the smallest
    regression that matters, `detection` how long that takes to be found.
    """

    stage: Stage
    requests: float
    proof: timedelta | None
    regression: float
    detection: timedelta | None


@dataclass(frozen=True, slots=True)
class Remedies:
    """What would let a stage show health within `target`: this limit, or so many times the traffic; None: neither."""

    target: timedelta
    limit: float | None
    traffic: float | None


def load(entries: Iterable[Sample | Gap], interval: timedelta, percentage: int) -> Load | None:
    """The whole service's traffic, from intervals in which the enforced cohort had that percentage of it.

    None without a request. Where a baseline is measured, the service is both cohorts together.
    """
    samples = [entry for entry in entries if isinstance(entry, Sample)]
    compared = [each.baseline for each in samples if each.baseline is not None]
    services = [_service(each, percentage) for each in samples]
    requests = sum(each.total for each in services)
    if not requests:
        return None
    hour = max(1, round(timedelta(hours=1) / interval))
    per_hour = timedelta(hours=1) / interval / hour
    hours = [sum(each.total for each in services[at : at + hour]) for at in range(0, len(services) - hour + 1, hour)]
    hours = [each * per_hour for each in hours] or [requests / len(services) * timedelta(hours=1) / interval]
    enforced = _sum(each.enforced for each in samples)
    baseline = _sum(compared)
    baseline_rate = baseline.failed / baseline.total if baseline.total else None
    rate = enforced.failed / enforced.total if enforced.total else baseline_rate or 0.0
    # As many failures as there really were: what is scaled up would seem to come in clumps.
    noise = estimate([_sum([each.enforced, each.baseline or Counts(0.0, 0.0)]) for each in samples])
    return Load(requests / len(services), min(hours), max(hours), rate, baseline_rate, noise)


def _service(sample: Sample, percentage: int) -> Counts:
    enforced, baseline = sample.enforced, sample.baseline
    if baseline is not None:
        return Counts(enforced.total + baseline.total, enforced.failed + baseline.failed)
    if not percentage:
        return Counts(0.0, 0.0)
    return Counts(enforced.total * 100 / percentage, enforced.failed * 100 / percentage)


def _sum(counts: Iterable[Counts]) -> Counts:
    total = failed = 0.0
    for each in counts:
        total, failed = total + each.total, failed + each.failed
    return Counts(total, failed)


def outlooks(policy: Policy, found: Load) -> Iterator[Outlook]:
    """What to expect of each stage, in order."""
    for stage in policy.stages:
        regression = min(1.0, MATTERS * allowed(policy, stage, found))
        yield Outlook(
            stage,
            found.requests * stage.percentage / 100,
            proof(policy, stage, found),
            regression,
            detection(policy, stage, found, regression),
        )


def allowed(policy: Policy, stage: Stage, found: Load) -> float:
    """The error rate up to which a stage is fine: with a baseline, at least its rate and what is tolerated over it."""
    if found.baseline_rate is None or stage.whole:
        return stage.max_error_rate
    return max(stage.max_error_rate, found.baseline_rate + policy.analysis.max_error_rate_increase)


def proof(policy: Policy, stage: Stage, found: Load) -> timedelta | None:
    """How long it takes to show health at the present error rate; None if that does not come within three weeks."""
    course = _course(policy, stage, found)
    # A threshold has nothing to forecast; what it takes is requests.
    most = timedelta(days=1) // policy.interval if policy.analysis.rule is AnalysisRule.THRESHOLD else 1
    for index in range(most):
        course.sample(found.sample(stage, found.rate, index, policy.interval))
        if course.healthy:
            return (index + 1) * policy.interval
    forecast = course.forecast()
    return None if forecast is None else policy.interval + forecast.duration


def detection(policy: Policy, stage: Stage, found: Load, rate: float) -> timedelta | None:
    """How long an error rate goes on until it is found, counted from its beginning; None if for over two weeks."""
    course = _course(policy, stage, found)
    for index in range(_LONGEST // policy.interval):
        course.sample(found.sample(stage, rate, index, policy.interval))
        if course.regressed:
            return (index + 1) * policy.interval
    return None


def _course(policy: Policy, stage: Stage, found: Load) -> Course:
    compared = found.baseline_rate is not None and not stage.whole
    return Course(stage.max_error_rate, policy.interval, policy.analysis, found.noise, with_baseline=compared)


def remedies(policy: Policy, stage: Stage, found: Load, target: timedelta) -> Remedies:
    """What would let the stage show health in that time, each thing by itself."""

    def enough(stage: Stage, found: Load) -> bool:
        needed = proof(policy, stage, found)
        return needed is not None and needed <= target

    laxer: Sequence[float] = [_rounded(stage.max_error_rate * factor) for factor in _FACTORS]
    limit = next((each for each in laxer if each < 1 and enough(replace(stage, max_error_rate=each), found)), None)
    more = (each for each in _FACTORS if enough(stage, replace(found, requests=found.requests * each)))
    return Remedies(target, limit, next(more, None))


def _rounded(rate: float) -> float:
    """To two digits: a limit is written by people."""
    return float(f"{rate:.2g}")
