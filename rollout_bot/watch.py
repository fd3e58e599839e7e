"""Asks a metrics source for what is watched beside the counts: guardrails, and what share the fleet enforces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from rollout_bot.core.convergence import Converging, converge
from rollout_bot.core.guardrails import Watched, watch
from rollout_bot.core.history import Standing
from rollout_bot.core.policy import OFF, Policy
from rollout_bot.core.samples import Readings, Unmeasured, Window
from rollout_bot.metrics.interface import Source

_RECENT = timedelta(hours=24)
"""How far back guardrails are read: they are judged by their newest values, and a stage may last for months."""


def watched(source: Source | Unmeasured, policy: Policy, standing: Standing, now: datetime) -> tuple[Watched, ...]:
    """How the policy's guardrails stand; at 0 % there is nothing to guard."""
    guardrails, interval, since = policy.guardrails, policy.interval, standing.evidence_since
    if not guardrails or standing.state.stage == OFF.name:
        return ()
    longest = max(each.breaches for each in guardrails) + 2
    back = max(_RECENT, longest * interval)
    # Whole intervals after the beginning, so that the values are those of the intervals that are counted.
    start = since + max(0, (now - back - since) // interval) * interval
    queries = {each.name: each.query for each in guardrails}
    found = _readings(source, queries, Window(start, now, interval))
    return watch(guardrails, found, since=since, now=now, interval=interval)


def converging(source: Source | Unmeasured, policy: Policy, standing: Standing, now: datetime) -> Converging | None:
    """Whether the fleet enforces the committed percentage; None where the policy does not ask."""
    settings = policy.convergence
    if settings is None:
        return None
    since = standing.observed_since or standing.entered_at
    name = "observed_percentage"
    window = Window(since, now, policy.interval)
    found = _readings(source, {name: settings.observed_percentage}, window)[name]
    percentage = standing.state.percentage
    return converge(settings, found, percentage=percentage, since=since, now=now, interval=policy.interval)


def _readings(
    source: Source | Unmeasured, queries: Mapping[str, str], window: Window
) -> Mapping[str, Readings | Unmeasured]:
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
