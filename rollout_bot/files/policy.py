"""`policy.yaml` → Policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Protocol

from rollout_bot.core.model.guardrails import Guardrail, Severity
from rollout_bot.core.model.policy import (
    AnalysisRule,
    AnalysisSettings,
    Convergence,
    Dependency,
    Fault,
    Metrics,
    Policy,
    Stage,
)
from rollout_bot.core.model.routes import Channel, Event, Route, Urgency
from rollout_bot.core.model.windows import WEEKDAYS, Window
from rollout_bot.files.calendar import dates, hours, zone
from rollout_bot.files.document import Document, Path, parse
from rollout_bot.files.formats import confidence, duration, interval, rate
from rollout_bot.files.problems import InvalidFile, Problem, Unreadable, field_name, show
from rollout_bot.files.schema import load, problems


class SourceType(Protocol):
    """What a policy needs to know of a metrics source: the rules for its keys in the `metrics` section."""

    @property
    def schema(self) -> Mapping[str, object]:
        """JSON Schema of the source's own keys, without `source`."""

    def faults(self, settings: Mapping[str, object]) -> Iterator[Fault]:
        """What the schema cannot see; paths start below `metrics`."""

    def reading_faults(self, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:
        """What is wrong with a query for other values than counts; paths start at the query."""


def read_policy(text: bytes, file: str, *, sources: Callable[[str], SourceType] | None = None) -> Policy:
    """Reads and checks a policy. Raises InvalidFile with all its problems.

    `sources` gives the source of a name, or raises LookupError(allowed) or LookupError(allowed, hint): the names there
    are, as "prometheus, web", and a sentence on what is wrong with this one. Without it, of the `metrics` section only
    `source` is checked. `${NAME}` stays as it is: see `environment.expand`.
    """
    document = parse(text, file)
    found = document.problems + problems(document, load("policy"))
    if isinstance(document.value, dict):
        broken = tuple(problem.field for problem in found)
        if sources is not None:
            found += [each for each in _metrics(document, document.value, sources) if each.field not in broken]
        contradictions = (_located(document, fault) for fault in _outline(document.value).faults())
        found += [each for each in contradictions if not any(_within(each.field, field) for field in broken)]
    if found or not isinstance(document.value, dict):
        raise InvalidFile(tuple(found))
    return _policy(document.value)


def located(text: bytes, file: str, faults: Iterable[Fault]) -> tuple[Problem, ...]:
    """Faults of a policy's `after`, which its file alone does not show, at their places in it."""
    document = parse(text, file)
    # One alone need not be written as the list that it is to the core.
    alone = isinstance(document.value, dict) and isinstance(document.value.get("after"), str)
    return tuple(_located(document, replace(fault, path=fault.path[:1] if alone else fault.path)) for fault in faults)


def _metrics(document: Document, value: Mapping[str, Any], sources: Callable[[str], SourceType]) -> list[Problem]:
    section = value.get("metrics")
    if not isinstance(section, dict) or not isinstance(name := section.get("source"), str):
        return []
    try:
        source = sources(name)
    except LookupError as error:
        allowed, hint, *_ = (*map(str, error.args), "", "")
        allowed = allowed or "the name of an installed metrics source"
        return [document.problem(("metrics", "source"), show(name), allowed, hint)]
    settings = {key: value for key, value in section.items() if key != "source"}
    schema = {"additionalProperties": False, "type": "object", **source.schema}
    found = problems(document, schema, settings, ("metrics",))
    # A source may count on its schema while it looks closer.
    found = found or [_located(document, fault, ("metrics",)) for fault in source.faults(settings)]
    for path, query in _queries(value):
        found += [_located(document, fault, path) for fault in source.reading_faults(query, settings)]
    return found


def _queries(value: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """The queries for other values than counts, as far as they can be read."""
    guardrails, convergence = value.get("guardrails"), value.get("convergence")
    fields: list[tuple[Path, object]] = [
        (("guardrails", index, "query"), each.get("query"))
        for index, each in enumerate(guardrails if isinstance(guardrails, list) else [])
        if isinstance(each, dict)
    ]
    if isinstance(convergence, dict):
        fields.append((("convergence", "observed_percentage"), convergence.get("observed_percentage")))
    yield from ((path, query) for path, query in fields if isinstance(query, str) and query)


def _within(field: str, other: str) -> bool:
    return field == other or field.startswith((f"{other}.", f"{other}["))


def _located(document: Document, fault: Fault, prefix: Path = ()) -> Problem:
    return document.problem((*prefix, *fault.path), fault.found, fault.allowed)


def _outline(value: dict[str, Any]) -> Policy:
    """The policy as far as it can be read, for the faults between fields; the unreadable is made to fit."""
    entries = value.get("stages")
    stages: list[Stage] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        fields = entry if isinstance(entry, dict) else {}
        name, percentage = fields.get("name"), fields.get("percentage")
        name = name if isinstance(name, str) else field_name(("stages", index))
        if isinstance(percentage, bool) or not isinstance(percentage, int | float):
            percentage = stages[-1].percentage if stages else 0
        # A whole number may be written 10.0; what is not one has its problem already.
        least, longest = _span(fields.get("duration")), _span(fields.get("max_wait"))
        stages.append(
            Stage(name, int(percentage), least or timedelta(0), 1.0, requires_approval=False, max_wait=longest)
        )
    return Policy(
        "outline",
        tuple(stages),
        Metrics(""),
        guardrails=tuple(_guardrail_outlines(value.get("guardrails"))),
        notify=_route_outlines(value.get("notify")),
    )


def _guardrail_outlines(entries: object) -> Iterator[Guardrail]:
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        fields = entry if isinstance(entry, dict) else {}
        name = fields.get("name")
        name = name if isinstance(name, str) else field_name(("guardrails", index))
        yield Guardrail(name, "", _bound(fields.get("max")), _bound(fields.get("min")))


def _route_outlines(entries: object) -> tuple[Route, ...]:
    """None of them where one cannot be read: that has its problem already."""
    try:
        return _notify(entries) if isinstance(entries, list) else ()
    except (AttributeError, KeyError, TypeError, ValueError):
        return ()


def _notify(entries: list[dict[str, Any]]) -> tuple[Route, ...]:
    return tuple(
        Route(
            Channel(each["channel"]),
            _variable(each["address"]),
            _variable(each["secret"]) if "secret" in each else None,
            tuple(map(Event, each.get("events", Event))),
            Urgency(each.get("severity", Urgency.INFO)),
        )
        for each in entries
    )


def _variable(text: str) -> str:
    """The name in `${NAME}`: what it stands for is nobody's business here."""
    return text.removeprefix("${").removesuffix("}")


def _bound(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _span(value: object) -> timedelta | None:
    try:
        return duration(value)
    except Unreadable:
        return None


def _policy(value: dict[str, Any]) -> Policy:
    section = value["metrics"]
    settings = {key: each for key, each in section.items() if key != "source"}
    return Policy(
        value["rollout"],
        tuple(_stage(each) for each in value["stages"]),
        Metrics(section["source"], MappingProxyType(settings)),
        **_converted(value, _SETTINGS),
    )


def _stage(value: dict[str, Any]) -> Stage:
    return Stage(
        value["name"],
        int(value["percentage"]),
        duration(value["duration"]),
        rate(value["max_error_rate"]),
        value.get("requires_approval", False),
        duration(value["max_wait"]) if "max_wait" in value else None,
    )


def _guardrails(entries: list[dict[str, Any]]) -> tuple[Guardrail, ...]:
    return tuple(Guardrail(each["name"], each["query"], **_converted(each, _GUARDRAIL)) for each in entries)


def _convergence(value: dict[str, Any]) -> Convergence:
    return Convergence(value["observed_percentage"], **_converted(value, _CONVERGENCE))


def _analysis(value: dict[str, Any]) -> AnalysisSettings:
    return AnalysisSettings(**_converted(value, _ANALYSIS))


def _after(value: str | list[str]) -> tuple[Dependency, ...]:
    """One alone need not be written as a list."""
    parts = (each.split("@") for each in ([value] if isinstance(value, str) else value))
    return tuple(Dependency(rollout, stage) for rollout, stage in parts)


def _window(value: dict[str, Any]) -> Window:
    return Window(value["zone"], zone(value["zone"]), **_converted(value, _WINDOW))


def _converted(value: dict[str, Any], readers: Mapping[str, Callable[[Any], object]]) -> dict[str, Any]:
    return {key: read(value[key]) for key, read in readers.items() if key in value}


_SETTINGS: Mapping[str, Callable[[Any], object]] = {
    "interval": interval,
    "analysis": _analysis,
    "rollback_on_error": bool,
    "cooldown": duration,
    "cooldown_backoff": float,
    "max_rollbacks": int,
    "merge_on_approval": bool,
    "operators": tuple,
    "reviewers": tuple,
    "deploy_workflow": str,
    "links": lambda value: MappingProxyType(dict(value)),
    "notify": _notify,
    "window": _window,
    "guardrails": _guardrails,
    "convergence": _convergence,
    "after": _after,
}
_WINDOW: Mapping[str, Callable[[Any], object]] = {
    "days": lambda names: frozenset(map(WEEKDAYS.index, names)),
    "hours": lambda spans: tuple(map(hours, spans)),
    "exclude": lambda spans: tuple(map(dates, spans)),
}
_GUARDRAIL: Mapping[str, Callable[[Any], object]] = {
    "max": float,
    "min": float,
    "breaches": int,
    "severity": Severity,
    "observe_only": bool,
}
_CONVERGENCE: Mapping[str, Callable[[Any], object]] = {"tolerance": float, "max_wait": duration}
_ANALYSIS: Mapping[str, Callable[[Any], object]] = {
    "confidence": confidence,
    "promote_confidence": confidence,
    "min_requests": int,
    "min_failures": int,
    "confirm_intervals": int,
    "max_error_rate_increase": rate,
    "rule": AnalysisRule,
}
