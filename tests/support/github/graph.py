"""Runs any GraphQL request against GitHub's published schema, and answers as GitHub words it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    Source,
    build_schema,
    execute_sync,
    get_named_type,
    parse,
    validate,
    value_from_ast_untyped,
)
from graphql.language import DocumentNode, FragmentDefinitionNode, InlineFragmentNode

from rollout_bot.forge.git import GitFailed
from support.github.model import Refused
from support.npm import github_graphql_schema

MAX_NODES = 500_000
_MISSING = object()
_TAKEN = {"object", "id", "context", "data", "world"}
"""Fields whose Python names end in `_`, since a view uses the plain ones itself."""


@dataclass
class Cost:
    """Nodes that a request may return, connections fetched, and what breaks GitHub's bounds."""

    nodes: int = 0
    fetches: int = 0
    problems: tuple[dict[str, Any], ...] = ()

    @property
    def points(self) -> int:
        return max(1, round(self.fetches / 100))


@dataclass(frozen=True)
class Outcome:
    """`violations` are mistakes of whoever asked, or limits of the fake: no test may pass over them."""

    body: dict[str, Any]
    operations: tuple[str, ...] = ()
    write: bool = False
    violations: tuple[str, ...] = ()


class Unknown(Exception):
    """The fake does not know how to answer a field that the schema has."""


@cache
def schema() -> GraphQLSchema:
    return build_schema(github_graphql_schema(), assume_valid=True, no_location=True)


@cache
def _parsed(query: str) -> tuple[DocumentNode, tuple[GraphQLError, ...]]:
    document = parse(Source(query))
    return document, tuple(validate(schema(), document, max_errors=20))


def operations(query: str, name: str | None = None) -> tuple[tuple[str, ...], bool]:
    """The root fields that a request asks for, and whether it is a mutation; empty where it is no GraphQL."""
    try:
        operation = _operation(_parsed(query)[0], name)
    except (GraphQLError, LookupError):
        return (), False
    fields = operation.selection_set.selections
    return tuple(f.name.value for f in fields if isinstance(f, FieldNode)), operation.operation.value == "mutation"


def run(query: str, variables: Mapping[str, Any], name: str | None, root: Any, mutations: Any) -> Outcome:
    """Validates, bounds and executes one request."""
    try:
        document, errors = _parsed(query)
        operation = _operation(document, name)
    except (GraphQLError, LookupError) as error:
        return Outcome(_refusal([{"message": str(error)}]), violations=(f"GraphQL: {error}",))
    if errors:
        listed = [{"message": each.message, "locations": _places(each)} for each in errors]
        return Outcome(_refusal(listed), violations=tuple(f"GraphQL: {each.message}" for each in errors))
    cost = measure(document, operation, variables)
    if cost.problems:
        return Outcome(_refusal(list(cost.problems)), violations=tuple(str(p["message"]) for p in cost.problems))
    root.cost = cost
    write = operation.operation.value == "mutation"
    result = execute_sync(
        schema(),
        document,
        root_value=mutations if write else root,
        variable_values=dict(variables),
        operation_name=name,
        field_resolver=_resolve,
        type_resolver=lambda value, *_: value["__typename"] if isinstance(value, Mapping) else value.typename,
    )
    body: dict[str, Any] = {"data": result.data}
    violations = []
    if result.errors:
        body["errors"] = [_error(each) for each in result.errors]
        violations = [f"GraphQL: {e.message} at {e.path}" for e in result.errors if not _expected(e)]
    return Outcome(body, operations(query, name)[0], write, tuple(violations))


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    for each in document.definitions:
        if isinstance(each, OperationDefinitionNode) and (name is None or (each.name and each.name.value == name)):
            return each
    raise LookupError(f"No operation named {name!r}")


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    if isinstance(source, Mapping):
        value = source.get(info.field_name, _MISSING)
    else:
        value = getattr(source, _snake(info.field_name), _MISSING)
    if value is _MISSING:
        raise Unknown(f"the fake does not know {info.parent_type.name}.{info.field_name}")
    return value(**{_snake(key): each for key, each in arguments.items()}) if callable(value) else value


def _snake(name: str) -> str:
    found = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    return f"{found}_" if found in _TAKEN else found


def _expected(error: GraphQLError) -> bool:
    return isinstance(error.original_error, Refused)


def _error(error: GraphQLError) -> dict[str, Any]:
    cause = error.original_error
    kind = {"type": cause.kind} if isinstance(cause, Refused) else {}
    detail = cause.errors[0] if isinstance(cause, Refused) and isinstance(cause.errors, list) and cause.errors else None
    message = detail.get("message", detail) if isinstance(detail, dict) else detail or error.message
    if isinstance(cause, GitFailed):
        message = "Something went wrong while executing your query."
    return kind | {"path": error.path, "locations": _places(error), "message": message}


def _places(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": place.line, "column": place.column} for place in error.locations or ()]


def _refusal(errors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"errors": errors}


def measure(document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Cost:
    """What GitHub works out before it runs a request: `first` or `last` of 1 to 100 everywhere, 500,000 nodes."""
    defaults = {
        v.variable.name.value: value_from_ast_untyped(v.default_value)
        for v in operation.variable_definitions or ()
        if v.default_value
    }
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    root = schema().mutation_type if operation.operation.value == "mutation" else schema().query_type
    walk = _Walk({**defaults, **variables}, fragments)
    walk.selections(operation.selection_set.selections, root, 1)
    problems = list(walk.problems)
    if walk.nodes > MAX_NODES:
        text = (
            f"This query requests up to {walk.nodes:,} possible nodes which exceeds the maximum limit of {MAX_NODES:,}."
        )
        problems.append({"type": "MAX_NODE_LIMIT_EXCEEDED", "message": text})
    return Cost(walk.nodes, walk.fetches, tuple(problems))


class _Walk:
    def __init__(self, variables: Mapping[str, Any], fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self.variables, self.fragments = variables, fragments
        self.nodes, self.fetches = 0, 0
        self.problems: list[dict[str, Any]] = []

    def selections(self, selections: tuple[SelectionNode, ...], parent: Any, times: int) -> None:
        for each in selections:
            if isinstance(each, FieldNode):
                self._field(each, parent, times)
            elif isinstance(each, FragmentSpreadNode):
                fragment = self.fragments[each.name.value]
                kind = schema().type_map[fragment.type_condition.name.value]
                self.selections(fragment.selection_set.selections, kind, times)
            elif isinstance(each, InlineFragmentNode):
                kind = schema().type_map[each.type_condition.name.value] if each.type_condition else parent
                self.selections(each.selection_set.selections, kind, times)

    def _field(self, node: FieldNode, parent: Any, times: int) -> None:
        if node.selection_set is None or not hasattr(parent, "fields"):
            return
        definition = parent.fields[node.name.value]
        kind = get_named_type(definition.type)
        inner = times
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            inner = times * self._bound(node)
            self.nodes += inner
            self.fetches += times
        self.selections(node.selection_set.selections, kind, inner)

    def _bound(self, node: FieldNode) -> int:
        given = {a.name.value: value_from_ast_untyped(a.value, dict(self.variables)) for a in node.arguments or ()}
        value = given.get("first") if given.get("first") is not None else given.get("last")
        name = node.name.value
        if value is None:
            text = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
            self.problems.append({"type": "MISSING_PAGINATION_BOUNDARIES", "message": text})
        elif not 1 <= int(value) <= 100:
            text = f"Requesting {value} records on the `{name}` connection exceeds the `first` limit of 100 records."
            self.problems.append({"type": "EXCESSIVE_PAGINATION", "message": text})
        return int(value or 1)
