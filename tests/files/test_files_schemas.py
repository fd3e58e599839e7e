"""The shipped schemas: valid, documented, and in step with the models; and the quick check never widens them."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from rollout_bot.core.model.policy import AnalysisSettings, Policy, Stage
from rollout_bot.core.model.state import Approval, Change, ChangeKind, Evidence, Hold, Override, State
from rollout_bot.core.verdict import Outcome
from rollout_bot.files.document import parse
from rollout_bot.files.explain import explain
from rollout_bot.files.quick import accepts, pattern
from rollout_bot.files.scaffold import codeowners_lines, policy_template
from rollout_bot.files.schema import Name, load
from rollout_bot.metrics.registry import find

NAMES: tuple[Name, ...] = get_args(Name)


def properties(schema: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for each in schema.values():
            yield from properties(each)


def defaults(model: type) -> dict[str, object]:
    return {each.name: each.default for each in dataclasses.fields(model)}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_valid_schema(name: Name) -> None:
    Draft202012Validator.check_schema(load(name))
    with pytest.raises(SchemaError):
        Draft202012Validator.check_schema({**load(name), "type": "mapping"})


@pytest.mark.parametrize("name", NAMES)
def test_every_property_is_documented_and_its_examples_are_right(name: Name) -> None:
    found = list(properties(load(name)))
    assert len(found) > 5
    for key, schema in found:
        assert schema["title"], key
        assert schema["description"].endswith("."), key
        for example in schema["examples"]:
            whole = {**schema, "$defs": load(name).get("$defs", {})}
            document = parse(b"a: 1", "f")
            assert explain(document, whole, example, ()) == [], key
            assert accepts(whole, example, whole), key


def test_objects_are_closed() -> None:
    def closed(schema: object) -> Iterator[bool]:
        if isinstance(schema, dict):
            if "properties" in schema and "source" not in schema["properties"]:
                yield schema["additionalProperties"] is False
            for each in schema.values():
                yield from closed(each)

    assert all(all(closed(load(name))) for name in NAMES)


def keys(schema: Any) -> set[str]:
    return set(schema["properties"])


def test_keys_are_those_of_the_models() -> None:
    def fields(model: type) -> set[str]:
        return {each.name for each in dataclasses.fields(model)}

    policy, state, approval = (load(name) for name in NAMES)
    inner: Any = state["properties"]
    assert keys(policy) == fields(Policy) | {"schema_version", "description"}
    assert keys(policy["properties"]["analysis"]) == fields(AnalysisSettings)  # type: ignore[index]
    assert keys(policy["$defs"]["stage"]) == fields(Stage)  # type: ignore[index]
    assert keys(state) == fields(State) | {"schema_version"}
    assert keys(inner["change"]) == (fields(Change) - {"from_stage"}) | {"from"}
    assert keys(inner["hold"]) == fields(Hold)
    assert keys(inner["evidence"]) == fields(Evidence)
    assert keys(approval) == fields(Approval) | {"schema_version"}
    assert keys(approval["properties"]["override"]) == fields(Override)  # type: ignore[index]
    assert inner["change"]["properties"]["kind"]["enum"] == [each.value for each in ChangeKind]
    assert inner["evidence"]["properties"]["outcome"]["enum"] == [each.value for each in Outcome]


def test_defaults_are_those_of_the_models() -> None:
    from rollout_bot.files.policy import read_policy

    head = yaml.safe_load(policy_template("a"))
    short = {key: head[key] for key in ("schema_version", "rollout", "metrics", "stages")}
    schema: Any = load("policy")["properties"]
    written = {key: each["default"] for key, each in schema.items() if "default" in each}
    written["analysis"] = {
        key: each["default"] for key, each in schema["analysis"]["properties"].items() if "default" in each
    }
    with_defaults = read_policy(yaml.safe_dump({**short, **written}).encode(), "f")
    assert with_defaults == read_policy(yaml.safe_dump(short).encode(), "f")
    assert len(written) == 8
    assert len(written["analysis"]) == 7


def test_the_template_is_the_default_policy() -> None:
    from rollout_bot.files.policy import read_policy

    text = policy_template("risky-change")
    policy = read_policy(text.encode(), "policy.yaml")
    assert policy.rollout == "risky-change"
    assert dataclasses.replace(policy, rollout="", stages=(), metrics=defaults(Policy)["metrics"]) == Policy(  # type: ignore[arg-type]
        "",
        (),
        defaults(Policy)["metrics"],  # type: ignore[arg-type]
    )
    assert [
        (each.name, each.percentage, each.duration.total_seconds() / 3600, each.max_error_rate, each.requires_approval)
        for each in policy.stages
    ] == [
        ("canary", 10, 24, 0.005, False),
        ("quarter", 25, 24, 0.004, True),
        ("half", 50, 48, 0.003, True),
        ("most", 75, 24, 0.002, False),
        ("full", 100, 0, 0.002, True),
    ]
    assert policy.metrics.source == "prometheus"
    assert policy.metrics.settings == {
        "address": "${PROMETHEUS_URL}",
        "total": "risky_change_enforcement_total",
        "failed": "risky_change_enforcement_failed_total",
    }
    assert yaml.safe_load(text)["stages"][1]["requires_approval"] is True


def test_owners_of_everything_but_the_state() -> None:
    assert codeowners_lines("@org/release") == (
        "/rollout-state/*/state.yaml\n"
        "/.github/CODEOWNERS            @org/release\n"
        "/rollout-state/*/approvals/    @org/release\n"
        "/rollout-state/*/policy.yaml   @org/release\n"
    )


@pytest.mark.parametrize(
    ("text", "value", "fits"),
    [("^a$", "a", True), ("^a$", "a\n", False), (r"^a\$", "a$b", True), ("a|b$", "cb\n", False)],
)
def test_a_dollar_means_the_end(text: str, value: str, fits: bool) -> None:
    assert bool(pattern(text).search(value)) is fits


SCALARS: list[object] = [
    None,
    True,
    False,
    0,
    1,
    1.0,
    2,
    -1,
    50,
    50.0,
    10**30,
    0.5,
    "",
    "a",
    "A",
    "off",
    "a\n",
    "1",
    "0.5%",
    "0%",
    "24h",
    "30s",
    "99%",
    "2026-01-31T09:15:00Z",
    "2026-13-31T09:15:00Z",
    "advance",
    "healthy",
    "prometheus",
]
scalars = st.sampled_from(SCALARS)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "name", "reason"]), inner),
    max_leaves=5,
)
GOOD: dict[str, object] = {
    "policy": yaml.safe_load(policy_template("guardian")),
    "state": {
        "schema_version": 1,
        "rollout": "a",
        "stage": "off",
        "percentage": 0,
        "attempt": 1,
        "generation": 1,
        "change": {"kind": "start", "reason": "", "by": "", "proposed_at": "2026-01-31T09:15:00Z", "from": None},
        "hold": {"reason": "", "by": ""},
        "evidence": {
            "outcome": "healthy",
            "max_error_rate": 0.5,
            "requests": 1,
            "failures": 0,
            "error_rate": None,
            "measured_at": "2026-01-31T09:15:00Z",
            "source": "web",
            "queries": {"a": "b"},
            "start": None,
        },
    },
    "approval": {
        "schema_version": 1,
        "rollout": "a",
        "stage": "b",
        "attempt": 1,
        "override": {"gates": ["duration"], "reason": "a", "by": "b"},
    },
}


def containers(value: object) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from containers(each)


@given(st.sampled_from(NAMES), st.data())
def test_quick_accepts_nothing_that_jsonschema_refuses(name: Name, data: st.DataObject) -> None:
    document = copy.deepcopy(GOOD[name])
    assert accepts(load(name), document, load(name))
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from(list(containers(document))))
        if isinstance(target, list):
            target.append(data.draw(values))
            continue
        key = data.draw(st.sampled_from([*target, "extra"]))
        if data.draw(st.booleans()):
            target[key] = data.draw(values)
        else:
            target.pop(key, None)
    if accepts(load(name), document, load(name)):
        assert explain(parse(b"a: 1", "f"), load(name), document, ()) == []


keywords = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["object", "array", "string", "integer", "number", "boolean", "null", ["string", "integer"]]
        ),
        "enum": st.lists(scalars, min_size=1, max_size=3),
        "const": scalars,
        "pattern": st.sampled_from(["^a$", "a", "^[0-9]+%?$"]),
        "format": st.sampled_from(["rate", "confidence", "short-duration", "interval", "date-time", "hours", "uri"]),
        "minimum": st.integers(-1, 2),
        "maximum": st.integers(0, 60),
        "exclusiveMinimum": st.floats(-1, 1),
        "exclusiveMaximum": st.floats(0, 60),
        "minLength": st.integers(0, 2),
        "maxLength": st.integers(0, 4),
        "minItems": st.integers(0, 2),
        "anyOf": st.lists(
            st.sampled_from([{"type": "string"}, {"required": ["a"]}, {"minimum": 1}, {"uniqueItems": True}]),
            min_size=1,
            max_size=2,
        ),
        "oneOf": st.lists(
            st.sampled_from([{"required": ["a"]}, {"required": ["name"]}, {"required": []}, {"type": "object"}]),
            min_size=1,
            max_size=2,
        ),
        "dependentRequired": st.dictionaries(st.sampled_from(["a", "name"]), st.just(["a"])),
        "maxItems": st.integers(0, 2),
        "required": st.lists(st.sampled_from(["a", "name"]), unique=True),
        "multipleOf": st.just(5),
        "uniqueItems": st.booleans(),
        "title": st.just("x"),
        "$ref": st.sampled_from(["#/$defs/one", "#/$defs/two"]),
        "patternProperties": st.just({"^r": {"type": "string"}}),
    },
)
schemas = st.recursive(
    keywords | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("object"),
            "properties": st.dictionaries(st.sampled_from(["a", "name"]), inner),
            "additionalProperties": inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=5,
)
ONE, TWO = {"type": "string"}, {"type": ["object", "null"], "additionalProperties": {"type": "integer"}}


@given(schemas, values)
def test_quick_is_right_about_schemas_of_other_packages(schema: object, value: object) -> None:
    root = {"allOf": [schema], "$defs": {"one": ONE, "two": TWO}}
    if accepts(schema, value, root):
        assert explain(parse(b"a: 1", "f"), root, value, ()) == []


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("recording", {"path": "metrics.csv"}),
        ("recording", {"path": "metrics.csv", "total": "a_total", "failed": "b_total"}),
        ("prometheus", {"address": "http://p", "total": "a_total", "failed_query": "b"}),
        ("web", {"url": "http://w", "rows": "rows", "time": "time", "total": "total", "failed": "failed"}),
    ],
)
def test_no_source_makes_ticks_wait_for_jsonschema(source: str, settings: dict[str, str]) -> None:
    schema = find(source).schema
    assert accepts(schema, settings, schema)
    assert not accepts(schema, {**settings, "unknown": "1"}, schema)


def test_quick_never_takes_two_for_one() -> None:
    schema = {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}
    assert [accepts(schema, value, schema) for value in ({"a": 1}, {"a": 1, "b": 1}, {})] == [True, False, False]
    assert not accepts({"oneOf": [{"type": "object"}, {"required": ["b"]}]}, {}, schema)
    assert not accepts({"allOf": [{"type": "object"}]}, None, schema)
    assert not accepts(schema, None, schema)
    assert not accepts({"dependentRequired": {"a": ["b"]}}, {"a": 1}, schema)


def test_the_schemas_are_written_as_people_read_them() -> None:
    import pkgutil

    for name in NAMES:
        text = (pkgutil.get_data("rollout_bot.files", f"schemas/{name}.schema.json") or b"").decode()
        assert text == json.dumps(load(name), indent=2, ensure_ascii=False) + "\n"
