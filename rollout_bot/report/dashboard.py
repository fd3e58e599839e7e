"""Dashboards for Grafana over the metrics that are published: of one rollout, or of all that there are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rollout_bot.core.observation import metric_prefix

Json = dict[str, Any]

_SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
"""Columns of Grafana's grid."""

_COUNTED = "From the history of the repository, with what people merged."

Query = tuple[str, str]
"""An expression of PromQL and the legend of its series."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """`width` in columns of the grid, `height` in its rows. `steps` draws no slopes between values."""

    kind: str
    title: str
    description: str
    queries: tuple[Query, ...]
    width: int = 12
    height: int = 8
    unit: str = "short"
    steps: bool = False
    bars: bool = False
    logarithmic: bool = False
    text: str = "auto"


def rollout_dashboard(rollout: str) -> str:
    """Everything about one rollout, as JSON to be imported."""
    name = metric_prefix(rollout)
    entered = f"{name}_stage == 1 unless {name}_stage offset 1m == 1"
    return _document(f"Rollout {rollout}", _uid(rollout), _one(name), entered, "{{stage_name}}")


def overview_dashboard() -> str:
    """All rollouts side by side, whatever their names: nothing has to be changed for a new one."""
    stage = _all("stage")
    entered = f"{stage} == 1 unless {_all('stage', ' offset 1m')} == 1"
    return _document("Rollouts", "rollouts", _overview(stage), entered, "{{rollout}}: {{stage_name}}")


def _uid(rollout: str) -> str:
    """The same whenever it is written, so that an import replaces the one before; Grafana takes 40 characters."""
    uid = f"rollout-{rollout}"
    return uid if len(uid) <= 40 else f"rollout-{hashlib.sha256(rollout.encode()).hexdigest()[:32]}"


def _one(name: str) -> Iterator[_Panel]:
    age = f"time() - max({name}_last_tick_timestamp_seconds)"
    yield _Panel("stat", "Stage", "The stage that is committed.", ((f"{name}_stage == 1", "{{stage_name}}"),),
                 width=4, height=4, text="name")  # fmt: skip
    yield _Panel("stat", "Traffic", "The share that is committed to get the change.",
                 ((f"max({name}_percentage)", ""),), width=4, height=4, unit="percent")  # fmt: skip
    yield _Panel("stat", "Verdict", "What the last tick judged.", ((f"{name}_verdict == 1", "{{outcome}}"),),
                 width=4, height=4, text="name")  # fmt: skip
    yield _Panel("stat", "In this stage for", "", ((f"time() - max({name}_stage_started_at)", ""),),
                 width=4, height=4, unit="s")  # fmt: skip
    yield _Panel("stat", "Approval waits for", "How long a green pull request has waited for a code owner.",
                 ((f"max({name}_approval_waiting_seconds)", ""),), width=4, height=4, unit="s")  # fmt: skip
    yield _Panel("stat", "Last tick", "How long ago the bot looked.", ((age, ""),), width=4, height=4, unit="s")
    rates = (
        (f"max({name}_error_rate)", "last hour"),
        (f"max({name}_stage_error_rate)", "this stage"),
        (f"max by (side) ({name}_stage_error_rate_bound)", "likely {{side}}"),
        (f"max({name}_max_error_rate)", "limit"),
    )
    yield _Panel("timeseries", "Error rate", "Failed requests divided by all requests.", rates, unit="percentunit")
    bets = (
        (f"max by (bet) ({name}_evidence)", "{{bet}}"),
        (f"max by (bet) ({name}_evidence_needed)", "{{bet}}: needed"),
    )
    yield _Panel("timeseries", "Evidence", "Capital of the two bets, and at which capital they are won.", bets,
                 logarithmic=True)  # fmt: skip
    yield _Panel("timeseries", "Percentage", "The share of traffic over time.",
                 ((f"max({name}_percentage)", "committed"),), unit="percent", steps=True)  # fmt: skip
    yield _Panel("timeseries", "Waiting for approval", "How long a pull request has waited, over time.",
                 ((f"max({name}_approval_waiting_seconds)", "waiting"),), unit="s")  # fmt: skip
    up = f"max by (to_stage) (increase({name}_advancement_total[1h]))"
    yield _Panel("timeseries", "Advances per hour", _COUNTED, ((up, "to {{to_stage}}"),), bars=True)
    down = f"max by (from_stage, to_stage) (increase({name}_rollback_total[1h]))"
    yield _Panel("timeseries", "Rollbacks per hour", _COUNTED, ((down, "{{from_stage}} → {{to_stage}}"),), bars=True)


def _overview(stage: str) -> Iterator[_Panel]:
    legend = "{{rollout}}"
    yield _Panel("state-timeline", "Stages", "Which stage each rollout is in.",
                 ((f"{stage} == 1", "{{rollout}}: {{stage_name}}"),), width=_WIDTH)  # fmt: skip
    yield _Panel("timeseries", "Percentage", "The share of traffic that is committed.", ((_all("percentage"), legend),),
                 unit="percent", steps=True)  # fmt: skip
    yield _Panel("timeseries", "Error rate", "Failed requests divided by all requests, in the last hour.",
                 ((_all("error_rate"), legend),), unit="percentunit")  # fmt: skip
    yield _Panel("timeseries", "Evidence for health", "Capital of the bet; where it is won, a stage may be left.",
                 ((_all("evidence", labels='bet="health"'), legend),), logarithmic=True)  # fmt: skip
    yield _Panel("timeseries", "Evidence for a regression", "Capital of the bet; where it is won, a rollback follows.",
                 ((_all("evidence", labels='bet="regression"'), legend),), logarithmic=True)  # fmt: skip
    for title, counter in (("Advances", "advancement_total"), ("Rollbacks", "rollback_total")):
        yield _Panel("timeseries", f"{title} per hour", _COUNTED, ((_hourly(counter), legend),), bars=True)
    yield _Panel("timeseries", "Waiting for approval", "How long a pull request has waited for a code owner.",
                 ((_all("approval_waiting_seconds"), legend),), unit="s")  # fmt: skip
    watched = f"time() - {_all('last_tick_timestamp_seconds')}"
    yield _Panel("timeseries", "Last tick", "How long ago the bot looked.", ((watched, legend),), unit="s")


def _all(suffix: str, offset: str = "", labels: str = "") -> str:
    """A metric of all rollouts, told apart by the label `rollout`, whoever collects it."""
    matchers = f'__name__=~".+_rollout_{suffix}"' + (f", {labels}" if labels else "")
    return f'label_replace({{{matchers}}}{offset}, "rollout", "$1", "__name__", "(.+)_rollout_{suffix}")'


def _hourly(counter: str) -> str:
    """A difference, since `increase` forgets the name that tells the rollouts apart."""
    now, before = (f"sum by (rollout) ({_all(counter, offset)})" for offset in ("", " offset 1h"))
    return f"clamp_min({now} - {before}, 0)"


def _document(title: str, uid: str, panels: Iterable[_Panel], entered: str, label: str) -> str:
    document = {
        "title": title,
        "uid": uid,
        "description": "Written by `rollout-bot dashboard`.",
        "tags": ["rollout-bot"],
        "schemaVersion": 39,
        "timezone": "utc",
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "templating": {"list": [_variable()]},
        "annotations": {"list": [_annotation(entered, label)]},
        "panels": list(_placed(panels)),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _variable() -> Json:
    """Whoever imports the dashboard chooses the data source at its top."""
    return {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "hide": 0}


def _annotation(entered: str, label: str) -> Json:
    return {
        "name": "Stage changes",
        "enable": True,
        "iconColor": "blue",
        "datasource": _SOURCE,
        "expr": entered,
        "step": "1m",
        "titleFormat": label,
    }


def _placed(panels: Iterable[_Panel]) -> Iterator[Json]:
    """Row by row; the widths of each row fill the grid."""
    x = y = 0
    for number, panel in enumerate(panels, start=1):
        yield {
            "id": number,
            "type": panel.kind,
            "title": panel.title,
            "description": panel.description,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
            "targets": [_target(index, query) for index, query in enumerate(panel.queries)],
            "fieldConfig": {"defaults": {"unit": panel.unit, "custom": _custom(panel)}, "overrides": []},
            "options": _options(panel),
        }
        x = (x + panel.width) % _WIDTH
        y += panel.height if x == 0 else 0


def _target(index: int, query: Query) -> Json:
    expression, legend = query
    return {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}


def _custom(panel: _Panel) -> Json:
    if panel.kind != "timeseries":
        return {}
    custom: Json = {"drawStyle": "bars" if panel.bars else "line", "fillOpacity": 50 if panel.bars else 0}
    if panel.steps:
        custom["lineInterpolation"] = "stepAfter"
    if panel.logarithmic:
        custom["scaleDistribution"] = {"type": "log", "log": 10}
    return custom


def _options(panel: _Panel) -> Json:
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": panel.text, "colorMode": "none"}
    return {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}}
