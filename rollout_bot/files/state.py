"""`state.yaml` ↔ State."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any

from rollout_bot.core.model.state import BaselineEvidence, Change, ChangeKind, Evidence, Hold, State
from rollout_bot.core.verdict import Outcome
from rollout_bot.files.document import parse
from rollout_bot.files.emit import emit
from rollout_bot.files.formats import date_time, write_time
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.schema import mapping

_ABOUT = """The state of this rollout: which share of traffic gets the change, and why.
Only the pull requests of rollout-bot change this file; deployments read `percentage` from it."""


def read_state(text: bytes, file: str) -> State:
    """Raises InvalidFile with all its problems."""
    document = parse(text, file)
    value = mapping(document, "state")
    change = value["change"]
    if change["kind"] != ChangeKind.START and change.get("from") is None:
        problem = document.problem(("change", "from"), "no stage", "the stage before this change")
        raise InvalidFile((problem,))
    return State(
        rollout=value["rollout"],
        stage=value["stage"],
        percentage=int(value["percentage"]),
        attempt=int(value["attempt"]),
        generation=int(value["generation"]),
        change=_read_change(change),
        hold=Hold(**value["hold"]) if value.get("hold") else None,
        evidence=_read_evidence(value["evidence"]) if value.get("evidence") else None,
    )


def write_state(state: State) -> str:
    """The text of `state.yaml`. Equal states give equal texts; `read_state` gives the state back."""
    return emit(_ABOUT, state_document(state))


def state_document(state: State) -> dict[str, object]:
    """The content of `state.yaml` as plain values, valid by its schema."""
    values: dict[str, object] = {
        "schema_version": 1,
        "rollout": state.rollout,
        "stage": state.stage,
        "percentage": state.percentage,
        "attempt": state.attempt,
        "generation": state.generation,
        "change": _write_change(state.change),
    }
    if state.hold:
        values["hold"] = {"reason": state.hold.reason, "by": state.hold.by}
    if state.evidence:
        values["evidence"] = _write_evidence(state.evidence)
    return values


def _read_change(value: dict[str, Any]) -> Change:
    return Change(
        kind=ChangeKind(value["kind"]),
        from_stage=value.get("from"),
        reason=value["reason"],
        by=value["by"],
        proposed_at=date_time(value["proposed_at"]),
    )


def _write_change(change: Change) -> dict[str, object]:
    values = {
        "kind": change.kind.value,
        "from": change.from_stage,
        "reason": change.reason,
        "by": change.by,
        "proposed_at": write_time(change.proposed_at),
    }
    return _present(values)


def _read_evidence(value: dict[str, Any]) -> Evidence:
    return Evidence(
        outcome=Outcome(value["outcome"]),
        max_error_rate=float(value["max_error_rate"]),
        requests=float(value["requests"]),
        failures=float(value["failures"]),
        error_rate=_number(value.get("error_rate")),
        lower=_number(value.get("lower")),
        upper=_number(value.get("upper")),
        start=_moment(value.get("start")),
        end=_moment(value.get("end")),
        measured_at=date_time(value["measured_at"]),
        source=value["source"],
        queries=MappingProxyType(dict(value.get("queries") or {})),
        baseline=_read_baseline(value["baseline"]) if value.get("baseline") else None,
    )


def _read_baseline(value: dict[str, Any]) -> BaselineEvidence:
    return BaselineEvidence(
        requests=float(value["requests"]),
        failures=float(value["failures"]),
        error_rate=_number(value.get("error_rate")),
        max_error_rate_increase=float(value["max_error_rate_increase"]),
        increase=_number(value.get("increase")),
        increase_lower=_number(value.get("increase_lower")),
        increase_upper=_number(value.get("increase_upper")),
    )


def _write_evidence(evidence: Evidence) -> dict[str, object]:
    values = {
        "outcome": evidence.outcome.value,
        "max_error_rate": evidence.max_error_rate,
        "requests": evidence.requests,
        "failures": evidence.failures,
        "error_rate": evidence.error_rate,
        "lower": evidence.lower,
        "upper": evidence.upper,
        "baseline": _present(asdict(evidence.baseline)) if evidence.baseline else None,
        "start": evidence.start and write_time(evidence.start),
        "end": evidence.end and write_time(evidence.end),
        "measured_at": write_time(evidence.measured_at),
        "source": evidence.source,
        "queries": dict(evidence.queries) or None,
    }
    return _present(values)


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _moment(value: object) -> datetime | None:
    return None if value is None else date_time(value)
