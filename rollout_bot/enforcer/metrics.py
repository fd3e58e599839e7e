"""What a service that enforces shows to Prometheus: the counts that are judged, and the percentage really in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

if TYPE_CHECKING:
    from rollout_bot.enforcer.enforcer import Enforcer

_ENFORCED, _BASELINE = "enforced", "baseline"


class Metrics:
    """For a rollout called NAME, its dashes turned to underscores:

    - `NAME_enforcement_total{cohort="enforced"}`, requests that got the change;
    - `NAME_enforcement_failed_total{cohort="enforced"}`, those of them that failed;
    - the same with `cohort="baseline"` for all other requests, where `baseline` asks for it. A policy then has to name
      the cohort in its selectors, or it would judge both together;
    - `NAME_enforcement_percentage`, the percentage that this process goes by.
    """

    def __init__(self, enforcer: Enforcer, *, baseline: bool, registry: CollectorRegistry | None) -> None:
        home = REGISTRY if registry is None else registry
        prefix = f"{enforcer.rollout.replace('-', '_')}_enforcement"
        total = Counter(prefix, "Requests, with the change (enforced) or without.", ["cohort"], registry=home)
        failed = Counter(f"{prefix}_failed", "Requests that failed.", ["cohort"], registry=home)
        # Made at once: a counter that appears with its first failure is easily overlooked.
        cohorts = {True: _ENFORCED, **({False: _BASELINE} if baseline else {})}
        self._counters = {which: (total.labels(name), failed.labels(name)) for which, name in cohorts.items()}
        self._gauge = Gauge(
            f"{prefix}_percentage", "The percentage in force.", registry=home, multiprocess_mode="liveall"
        )
        self._gauge.set_function(lambda: enforcer.percentage)
        self._enforcer = enforcer
        self._shown = -1
        self._show()

    def count(self, enforced: bool, *, failed: bool = False) -> None:
        """Counts one request: whether it got the change, and whether it failed."""
        self._show()
        counters = self._counters.get(enforced)
        if counters:
            total, failures = counters
            total.inc()
            if failed:
                failures.inc()

    def _show(self) -> None:
        # Where several processes share a folder of metrics, the gauge is read from there and its function never called.
        percentage = self._enforcer.percentage
        if percentage != self._shown:
            self._gauge.set(percentage)
            self._shown = percentage
