"""Vector selectors of PromQL: is a text one, and which series does it name?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rollout_bot.core.model.policy import Fault
from rollout_bot.core.wording import readable

LONGEST = 2_000
"""Characters of a query. The parser recurses and dies with the process on some tens of thousands."""

_DEEPEST = 50
_SIGNS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_OR_VECTOR = re.compile(r"\bor\s*(?:(?:on|ignoring)\s*\([^()]*\)\s*)?[\s(]*vector\s*\(", re.IGNORECASE)


class Malformed(ValueError):
    """The text is not what was asked for; the message says why."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that a series lacks reads as the empty string."""

    label: str
    operator: str
    value: str

    def accepts(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.label, "")
        hit = value == self.value if self.operator in ("=", "!=") else re.fullmatch(self.value, value) is not None
        return hit is not self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Selector:
    """A vector selector; the metric's name is a matcher like any other, on `__name__`."""

    matchers: tuple[Matcher, ...]

    def accepts(self, labels: Mapping[str, str]) -> bool:
        return all(matcher.accepts(labels) for matcher in self.matchers)


def parse_query(text: str) -> Any:
    """The syntax tree of a PromQL query. Raises Malformed."""
    import promql_parser

    if len(text) > LONGEST or _depth(text) > _DEEPEST:
        raise Malformed(f"longer than {LONGEST} characters or nested deeper than {_DEEPEST} levels")
    try:
        return promql_parser.parse(text)
    except ValueError as error:
        raise Malformed(str(error)) from None


def parse_selector(text: str) -> Selector:
    """Reads `name{label="value", …}`. Raises Malformed for anything else, such as a function or an offset."""
    import promql_parser

    tree = parse_query(text)
    if not isinstance(tree, promql_parser.VectorSelector):
        raise Malformed(f"{_kind(tree)}, not a plain selector")
    if tree.offset is not None or tree.at is not None:
        raise Malformed("a selector with offset or @, which would move it in time")
    if tree.matchers.or_matchers:
        raise Malformed("a selector with `or`, which many servers do not know")
    name = [Matcher("__name__", "=", tree.name)] if tree.name else []
    return Selector((*name, *_matchers(tree.matchers.matchers)))


def hides_absence(text: str) -> bool:
    """Whether `or vector(…)` turns "nothing there" into a number."""
    return _OR_VECTOR.search(text) is not None


def measures_nothing(tree: Any) -> str | None:
    """What a query is that no server can evaluate to a measured value at one moment; None for all others."""
    import promql_parser

    kinds = {
        promql_parser.MatrixSelector: "a selector with a range",
        promql_parser.StringLiteral: "a text",
        promql_parser.NumberLiteral: "a constant",
    }
    return kinds.get(type(tree))


def _matchers(matchers: list[Any]) -> Iterator[Matcher]:
    for matcher in matchers:
        yield Matcher(matcher.name, _SIGNS[str(matcher.op)], matcher.value)


def _kind(tree: Any) -> str:
    import promql_parser

    kinds = {
        promql_parser.AggregateExpr: "an aggregation",
        promql_parser.Call: "a function call",
        promql_parser.BinaryExpr: "an operation",
        promql_parser.MatrixSelector: "a selector with a range",
    }
    return kinds.get(type(tree), "an expression")


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def selector_fault(text: str, path: tuple[str, ...]) -> Fault | None:
    """What keeps a text from being a plain selector."""
    try:
        parse_selector(text)
    except Malformed as error:
        allowed = 'a plain selector that PromQL understands, such as requests_total{cohort="enforced"}'
        return Fault(path, f"{readable(repr(text))}: {error}", allowed)
    return None


def selector_faults(settings: Mapping[str, object]) -> Iterator[Fault]:
    """Faults of the settings `total` and `failed` where they are given."""
    for name in ("total", "failed"):
        text = settings.get(name)
        if isinstance(text, str) and (fault := selector_fault(text, (name,))):
            yield fault
