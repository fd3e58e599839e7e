"""The metrics of one rollout, by their published names, with their HELP texts."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.observation import Observation, metric_prefix
from rollout_bot.core.verdict import Outcome, Verdict


class Collected:
    """Observations as prometheus_client collects them."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._observations = tuple(observations)

    def collect(self) -> Iterator[Metric]:
        for each in self._observations:
            yield from families(each)


def registry(observations: Iterable[Observation]) -> CollectorRegistry:
    """What prometheus_client writes out or pushes; nothing of this process itself is in it."""
    found = CollectorRegistry(auto_describe=False)
    found.register(Collected(observations))
    return found


def families(observation: Observation) -> Iterator[Metric]:
    """What is unknown is left out: no traffic is not an error rate of 0, and NaN would poison sums."""
    name, record = metric_prefix(observation.rollout), observation.record
    yield _gauge(f"{name}_last_tick_timestamp_seconds", "When the bot last looked at this rollout.",
                 observation.now.timestamp())  # fmt: skip
    yield _gauge(f"{name}_forge_requests", "Requests that the last tick spent on the forge, for all its rollouts.",
                 observation.requests)  # fmt: skip
    if observation.budget is not None:
        yield _gauge(f"{name}_forge_requests_left", "Requests that the forge still allows this hour, at the tightest.",
                     observation.budget)  # fmt: skip
    yield _gauge(f"{name}_cannot_measure", "Whether there are no usable data, or files that cannot be evaluated.",
                 observation.cannot_measure)  # fmt: skip
    yield _gauge(f"{name}_gate_blocked", "Whether the gate keeps the open pull request from being merged.",
                 observation.gate_blocked)  # fmt: skip
    waited = (observation.now - record.pull.opened_at).total_seconds() if record.waits_for_owner and record.pull else 0
    yield _gauge(f"{name}_approval_waiting_seconds", "How long a pull request has waited for a code owner; 0 if none.",
                 waited)  # fmt: skip
    policy = record.situation.policy if record.situation else None
    yield from _place(name, observation, policy)
    yield from _counters(name, observation, policy)
    if record.situation is not None:
        yield from _judgement(name, record.situation)


def _place(name: str, observation: Observation, policy: Policy | None) -> Iterator[Metric]:
    state, entered_at = observation.state, observation.entered_at
    if state is None:
        return
    known = [each.name for each in policy.ladder] if policy else []
    stages = {stage: float(stage == state.stage) for stage in dict.fromkeys((*known, state.stage))}
    yield _labelled(f"{name}_stage", "The stage that is committed: 1, and 0 for all others.", "stage_name", stages)
    yield _gauge(f"{name}_percentage", "Share of the traffic that is committed to get the change, in percent.",
                 state.percentage)  # fmt: skip
    yield _gauge(f"{name}_held", "Whether somebody holds the rollout.", state.hold is not None)
    if entered_at is not None:
        yield _gauge(f"{name}_stage_started_at", "When the stage was entered, in seconds since 1970.",
                     entered_at.timestamp())  # fmt: skip


def _counters(name: str, observation: Observation, policy: Policy | None) -> Iterator[Metric]:
    """With zeros for what is to be expected: a counter that begins with its first event hides it from `increase`."""
    advances, rollbacks = observation.advances(), observation.rollbacks()
    ladder = policy.ladder if policy else ()
    steps = [(higher.name, lower.name) for lower, higher in itertools.pairwise(ladder)]
    up = CounterMetricFamily(f"{name}_advancement", "Advances, by the stage that was entered.", labels=["to_stage"])
    for stage in dict.fromkeys((*(higher for higher, _ in steps), *advances)):
        up.add_metric([stage], advances[stage])
    yield up
    down = CounterMetricFamily(
        f"{name}_rollback", "Rollbacks, by the stages that were left and entered.", labels=["from_stage", "to_stage"]
    )
    for pair in dict.fromkeys((*steps, *rollbacks)):
        down.add_metric(pair, rollbacks[pair])
    yield down
    latest = next((each.at for each in observation.changes if each.state.change.kind is ChangeKind.ROLL_BACK), None)
    if latest is not None:
        yield _gauge(f"{name}_last_rollback_timestamp_seconds", "When the latest rollback was merged.",
                     latest.timestamp())  # fmt: skip


def _judgement(name: str, situation: Situation) -> Iterator[Metric]:
    verdict = situation.verdict
    outcomes = {each.value: float(each is verdict.outcome) for each in Outcome}
    yield _labelled(f"{name}_verdict", "What the last tick judged: 1, and 0 for all others.", "outcome", outcomes)
    if situation.state.percentage:
        yield _gauge(f"{name}_max_error_rate", "The limit of the error rate in the judged stage, as a fraction.",
                     verdict.limit)  # fmt: skip
    rates = {"error_rate": ("in the last hour", verdict.last_hour), "stage_error_rate": ("in the stage", verdict.stage)}
    for suffix, (when, rate) in rates.items():
        if rate.value is not None:
            text = f"Failed requests divided by all requests {when}, as a fraction."
            yield _gauge(f"{name}_{suffix}", text, rate.value)
    yield _gauge(f"{name}_stage_requests", "Requests that the verdict rests on.", verdict.stage.requests)
    yield _gauge(f"{name}_stage_failures", "Failed requests that the verdict rests on.", verdict.stage.failures)
    yield from _bounds(name, verdict)
    bets = {"health": verdict.health, "regression": verdict.regression}
    capital = {bet: each.capital for bet, each in bets.items() if each is not None}
    if capital:
        bars = {bet: each.bar for bet, each in bets.items() if each is not None}
        yield _labelled(f"{name}_evidence", "Capital of the bet for health, or for a regression.", "bet", capital)
        yield _labelled(f"{name}_evidence_needed", "Capital at which the bet is won.", "bet", bars)


def _bounds(name: str, verdict: Verdict) -> Iterator[Metric]:
    if verdict.lower is not None and verdict.upper is not None:
        text = "Likely bounds of the error rate in the stage (95 %), as fractions."
        bounds = {"lower": verdict.lower, "upper": verdict.upper}
        yield _labelled(f"{name}_stage_error_rate_bound", text, "side", bounds)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=float(value))


def _labelled(name: str, text: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
