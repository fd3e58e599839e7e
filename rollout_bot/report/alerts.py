"""Alerting rules for Prometheus over the metrics that are published about a rollout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from rollout_bot.core.model.policy import Policy
from rollout_bot.core.observation import metric_prefix, stuck_after
from rollout_bot.core.wording import duration

RECENT = timedelta(minutes=15)
SILENT = timedelta(hours=1)
WAITING = timedelta(days=1)

RUNBOOKS = "docs/operations/RUNBOOKS.md"

_HEAD = "# Alerts for rollouts, written by `rollout-bot alerts`. What to do about each: {runbooks}\n"


@dataclass(frozen=True, slots=True)
class _Alert:
    """`name` without that of the rollout; its runbook is the section of that name."""

    name: str
    severity: str
    expression: str
    summary: str
    description: str
    lasting: timedelta = timedelta(0)


def alert_rules(policies: Iterable[Policy], runbooks: str = RUNBOOKS) -> str:
    """A rule file with a group for each rollout. `runbooks` is where RUNBOOKS.md can be read."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Expressions on lines of their own, as people write them."""

    def represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    Dumper.add_representer(str, represent)
    groups = [_group(policy, runbooks) for policy in policies]
    body = yaml.dump({"groups": groups}, Dumper=Dumper, sort_keys=False, width=200, allow_unicode=True)
    return _HEAD.format(runbooks=runbooks) + body


def _group(policy: Policy, runbooks: str) -> Mapping[str, object]:
    rules = [_rule(policy.rollout, alert, runbooks) for alert in _alerts(policy)]
    return {"name": metric_prefix(policy.rollout), "rules": rules}


def _rule(rollout: str, alert: _Alert, runbooks: str) -> Mapping[str, object]:
    camel = "".join(part.capitalize() for part in rollout.split("-"))
    rule: dict[str, object] = {"alert": f"{camel}Rollout{alert.name}", "expr": alert.expression}
    if alert.lasting:
        rule["for"] = _span(alert.lasting)
    return rule | {
        "labels": {"severity": alert.severity, "rollout": rollout},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{runbooks}#{alert.name.lower()}",
        },
    }


def _alerts(policy: Policy) -> Iterator[_Alert]:
    """Aggregated each: the metrics may come from several collectors, with labels of their own."""
    name, rollout = metric_prefix(policy.rollout), policy.rollout
    stage = f'{{{{ with query "{name}_stage == 1" }}}}{{{{ . | first | label "stage_name" }}}}{{{{ end }}}}'
    yield _Alert(
        "Rollback", "critical", _rolled_back(name),
        f"{rollout} was rolled back",
        f"A rollback was merged within the last {duration(RECENT)}; it stands at {stage} now.",
    )  # fmt: skip
    yield _Alert(
        "Regressed", "critical",
        f'max({name}_verdict{{outcome="regressed"}}) > 0\n'
        f"unless time() - max({name}_last_rollback_timestamp_seconds) < {_seconds(SILENT)}",
        f"{rollout} has regressed and is not rolled back",
        f"More requests fail in {stage} than its limit allows, and nothing was rolled back.",
        timedelta(minutes=30),
    )  # fmt: skip
    yield _Alert(
        "Stuck", "warning",
        f"time() - max({name}_stage_started_at) > {_seconds(stuck_after(policy))}\n"
        f"and max({name}_percentage) < {policy.stages[-1].percentage}",
        f"{rollout} does not get on",
        f"It has been in {stage} for {{{{ $value | humanizeDuration }}}}.",
    )  # fmt: skip
    yield from _watching(name, rollout)
    yield from _waiting(name, rollout)


def _rolled_back(name: str) -> str:
    """Counters are told with the next tick and may be new; the time of the merge is exact, but may be told late.

    So each catches what the other misses: a series that grows, a pair of stages that had none, and a rollback that
    was there when the metrics were published for the first time.
    """
    counter, window = f"{name}_rollback_total", _span(RECENT)
    # Once for each pair, however many collectors tell of it.
    now, before = (f"sum(max by (from_stage, to_stage) ({each}))" for each in (counter, f"{counter} offset {window}"))
    return (
        f"sum(increase({counter}[{window}])) > 0\n"
        f"or {now} > {before}\n"
        f"or time() - max({name}_last_rollback_timestamp_seconds) < {_seconds(RECENT)}"
    )


def _watching(name: str, rollout: str) -> Iterator[_Alert]:
    tick = f"{name}_last_tick_timestamp_seconds"
    yield _Alert(
        "NoTick", "critical",
        f"time() - max({tick}) > {_seconds(SILENT)}\nor absent({tick})",
        f"nobody watches {rollout}",
        f"The bot has not looked at it for more than {duration(SILENT)}: nothing would be rolled back.",
        timedelta(minutes=5),
    )  # fmt: skip
    yield _Alert(
        "CannotMeasure", "warning",
        f"max({name}_cannot_measure) > 0",
        f"{rollout} cannot be measured",
        "There are no usable data, or its files cannot be evaluated: it holds, and nothing would be rolled back.",
        timedelta(minutes=30),
    )  # fmt: skip


def _waiting(name: str, rollout: str) -> Iterator[_Alert]:
    yield _Alert(
        "ApprovalWaiting", "info",
        f"max({name}_approval_waiting_seconds) > {_seconds(WAITING)}",
        f"{rollout} waits for a code owner",
        "A pull request with a green gate has waited for an approval for {{ $value | humanizeDuration }}.",
    )  # fmt: skip
    yield _Alert(
        "GateBlocked", "warning",
        f"max({name}_gate_blocked) > 0",
        f"the gate of {rollout} is shut",
        "The open pull request of the next transition cannot be merged: its status rollout/gate is no success.",
        timedelta(hours=1),
    )  # fmt: skip


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())


def _span(span: timedelta) -> str:
    """As Prometheus writes it: 15m, 1h."""
    minutes = int(span.total_seconds()) // 60
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"
