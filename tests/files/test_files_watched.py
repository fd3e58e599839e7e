"""Guardrails and convergence in a policy: what good ones become, and the message that each bad one earns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from rollout_bot.core.model.guardrails import Guardrail, Severity
from rollout_bot.core.model.policy import Convergence, Fault, Policy
from rollout_bot.files.policy import SourceType, read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.schema import load
from rollout_bot.tick.reading import check_policy

HEAD = """\
schema_version: 1
rollout: checkout
metrics: {source: recording, path: r.csv}
stages: [{name: full, percentage: 100, duration: 0h, max_error_rate: 1%}]
"""


class Source:
    """Checks nothing but that a query is not `bad`."""

    schema: Mapping[str, object] = {"additionalProperties": True}

    def faults(self, settings: Mapping[str, object]) -> Iterator[Fault]:
        return iter(())

    def reading_faults(self, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:
        if query == "bad":
            yield Fault((), f"{query!r} of {settings['path']}", "a good one")


def source(_name: str) -> SourceType:
    return Source()


def read(more: str) -> Policy:
    return read_policy((HEAD + more).encode(), "f", sources=source)


def complaints(more: str) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        read(more)
    return [line.removeprefix("f:") for line in str(caught.value).splitlines()]


def test_every_key_arrives() -> None:
    full = "{name: p99, query: q, max: 5e-1, min: -1, breaches: 3, severity: hold, observe_only: true}"
    policy = read(
        f"guardrails: [{{name: up, query: u, min: 1}}, {full}]\n"
        "convergence: {observed_percentage: share, tolerance: 2.5, max_wait: 30m}\n"
    )
    assert policy.guardrails == (
        Guardrail("up", "u", min=1.0),
        Guardrail("p99", "q", 0.5, -1.0, 3, Severity.HOLD, observe_only=True),
    )
    assert policy.convergence == Convergence("share", 2.5, timedelta(minutes=30))


def test_neither_is_needed() -> None:
    assert (read("").guardrails, read("").convergence) == ((), None)
    assert read("guardrails: []").guardrails == ()


def test_the_schema_has_the_defaults_and_the_keys_of_the_models() -> None:
    schema: Any = load("policy")
    for model, properties in (
        (Guardrail, schema["$defs"]["guardrail"]["properties"]),
        (Convergence, schema["properties"]["convergence"]["properties"]),
    ):
        assert set(properties) == {field.name for field in dataclasses.fields(model)}
    written = {
        key: each["default"] for key, each in schema["$defs"]["guardrail"]["properties"].items() if "default" in each
    }
    assert written == {"breaches": 1, "severity": Guardrail("", "").severity, "observe_only": False}
    convergence = schema["properties"]["convergence"]["properties"]
    assert (convergence["tolerance"]["default"], convergence["max_wait"]["default"]) == (
        Convergence("").tolerance,
        "1h",
    )
    assert Convergence("").max_wait == timedelta(hours=1)
    assert schema["$defs"]["guardrail"]["properties"]["severity"]["enum"] == [each.value for each in Severity]


NAME = "a name of lower-case letters, digits, _ and -, beginning with a letter, of at most 31 characters"
QUERY = "a query of the metrics source, of up to 2000 characters"
DURATION = "a whole number with its unit: 90s, 15m, 24h, 2d"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: P99, query: q, max: 1}", f"5:21: guardrails[0].name: found 'P99'; allowed: {NAME}"),
        (
            "{query: q, max: 1}",
            f"5:14: guardrails[0].name: found no such key; allowed: {NAME}. Add name to guardrails[0]",
        ),
        (
            "{name: a, max: 1}",
            f"5:14: guardrails[0].query: found no such key; allowed: {QUERY}. Add query to guardrails[0]",
        ),
        ("{name: a, query: '', max: 1}", f"5:31: guardrails[0].query: found ''; allowed: {QUERY}"),
        ("{name: a, query: 5, max: 1}", f'5:31: guardrails[0].query: found 5; allowed: {QUERY}. Put it in quotes: "5"'),
        ("{name: a, query: bad, max: 1}", "5:31: guardrails[0].query: found 'bad' of r.csv; allowed: a good one"),
        (
            "{name: a, query: q}",
            "5:14: guardrails[0]: found the keys name, query; allowed: the key max; or the key min",
        ),
        ("{name: a, query: q, max: 0.5s}", "5:39: guardrails[0].max: found '0.5s'; allowed: a number"),
        ("{name: a, query: q, max: .inf}", "5:39: guardrails[0].max: found '.inf'; allowed: a number"),
        ("{name: a, query: q, max: 1e301}", "5:39: guardrails[0].max: found 1e+301; allowed: a number"),
        ("{name: a, query: q, max: true}", "5:39: guardrails[0].max: found true; allowed: a number"),
        ("{name: a, query: q, max: 1, min: 2}", "5:47: guardrails[0].min: found 2 above max, 1; allowed: at most max"),
        (
            "{name: a, query: q, max: 1, breaches: 97}",
            "5:52: guardrails[0].breaches: found 97; allowed: a whole number from 0 to 96",
        ),
        (
            "{name: a, query: q, max: 1, severity: roll_back}",
            "5:52: guardrails[0].severity: found 'roll_back'; allowed: rollback, hold, warn. Did you mean rollback?",
        ),
        (
            "{name: a, query: q, max: 1, observe_only: yes}",
            (
                "5:56: guardrails[0].observe_only: found 'yes'; allowed: true or false. "
                "Write true or false, without quotes"
            ),
        ),
        (
            "{name: a, query: q, maximum: 1, max: 1}",
            (
                "5:34: guardrails[0].maximum: found an unknown key; "
                "allowed: name, query, max, min, breaches, severity, observe_only"
            ),
        ),
        (
            "{name: a, query: q, max: 1}, {name: a, query: q, max: 1}",
            "5:50: guardrails[1].name: found 'a', the name of guardrail 0; allowed: a name of its own",
        ),
    ],
)
def test_one_fault_of_a_guardrail_one_message(entry: str, message: str) -> None:
    assert complaints(f"guardrails: [{entry}]") == [message]


@pytest.mark.parametrize("entries", ["5", "{}", "[a]", "[{name: [], query: q, max: 1}]"])
def test_what_is_no_list_of_guardrails_is_told(entries: str) -> None:
    assert complaints(f"guardrails: {entries}")


BAD = "found 'bad' of r.csv; allowed: a good one"
TOLERANCE = "a number above 0 and up to 50, in percentage points"
MISSING = f"observed_percentage: found no such key; allowed: {QUERY}. Add observed_percentage to convergence"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{}", f"5:14: convergence.{MISSING}"),
        ("{observed_percentage: bad}", f"5:36: convergence.observed_percentage: {BAD}"),
        ("{observed_percentage: q, tolerance: 0}", f"5:50: convergence.tolerance: found 0; allowed: {TOLERANCE}"),
        ("{observed_percentage: q, tolerance: 1%}", f"5:50: convergence.tolerance: found '1%'; allowed: {TOLERANCE}"),
        ("{observed_percentage: q, max_wait: 5}", f"5:49: convergence.max_wait: found 5; allowed: {DURATION}"),
    ],
)
def test_one_fault_of_convergence_one_message(section: str, message: str) -> None:
    assert [line.removesuffix(". Which unit is meant?") for line in complaints(f"convergence: {section}")] == [message]


def test_an_unknown_key_of_convergence_is_told() -> None:
    (found,) = complaints("convergence: {observed_percentage: q, wait: 1h}")
    assert "convergence.wait: found an unknown key; allowed: observed_percentage, tolerance, max_wait" in found


def test_queries_are_checked_by_the_source_that_is_named() -> None:
    columns = HEAD + "guardrails: [{name: a, query: max(p99), max: 1}]\n"
    with pytest.raises(InvalidFile, match="the name of a column of the recording"):
        check_policy(columns.encode(), "f")
    counted = columns.replace("path: r.csv", "path: r.csv, total: a_total, failed: b_total")
    with pytest.raises(InvalidFile, match="an aggregation, not a plain selector"):
        check_policy(counted.encode(), "f")
