"""Asks a metrics source for what is watched beside the counts: guardrails, and what share the fleet enforces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rollout_bot.core.gates.convergence import Converging, converge
from rollout_bot.core.model.guardrails import Watched, looked_at_from, watch
from rollout_bot.core.model.history import Standing
from rollout_bot.core.model.policy import OFF, Policy
from rollout_bot.core.samples import Readings, Unmeasured, Window
from rollout_bot.metrics.interface import Source


def watched(source: Source | Unmeasured, policy: Policy, standing: Standing, now: datetime) -> tuple[Watched, ...]:
    """How the policy's guardrails stand; at 0 % there is nothing to guard."""
    guardrails, interval, since = policy.guardrails, policy.interval, standing.evidence_since
    if not guardrails or standing.state.stage == OFF.name:
        return ()
    start = looked_at_from(guardrails, since, now, interval)
    queries = {each.name: each.query for each in guardrails}
    found = readings(source, queries, Window(start, now, interval))
    return watch(guardrails, found, since=since, now=now, interval=interval)


def converging(source: Source | Unmeasured, policy: Policy, standing: Standing, now: datetime) -> Converging | None:
    """Whether the fleet enforces the committed percentage; None where the policy does not ask."""
    settings = policy.convergence
    if settings is None:
        return None
    since = standing.observed_since or standing.entered_at
    name = "observed_percentage"
    window = Window(since, now, policy.interval)
    found = readings(source, {name: settings.observed_percentage}, window)[name]
    percentage = standing.state.percentage
    return converge(settings, found, percentage=percentage, since=since, now=now, interval=policy.interval)


def readings(
    source: Source | Unmeasured, queries: Mapping[str, str], window: Window
) -> Mapping[str, Readings | Unmeasured]:
    """What a source gives for queries, by name. One that fails, or gives something else, has measured nothing."""
    if isinstance(source, Unmeasured):
        return dict.fromkeys(queries, source)
    try:
        found = source.readings(queries, window)
        return {name: _checked(found[name]) for name in queries}
    except Exception as error:  # noqa: BLE001 - a source may come from anybody; its fault must not stop a tick
        return dict.fromkeys(queries, Unmeasured(f"the metrics source failed ({type(error).__name__})"))


def _checked(found: object) -> Readings | Unmeasured:
    if isinstance(found, Readings | Unmeasured):
        return found
    return Unmeasured(f"the metrics source delivered no readings ({type(found).__name__})")
