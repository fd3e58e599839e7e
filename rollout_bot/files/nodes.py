"""From the parser's events to values that know their place.

A scalar is read by the YAML 1.2 core schema without its oddities: `off` and `yes` are texts, times are texts, numbers
are decimal. Tags, merge keys, several documents, and keys that are no texts or come twice are refused; depth, aliases
and the number of values are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

import yaml

from rollout_bot.files.problems import InvalidFile, Problem, field_name, show

MAX_DEPTH = 32
MAX_NODES = 20_000
MAX_ALIASES = 100

_LOADER: type[yaml.CSafeLoader | yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 40


class Node:
    """A value and where it stands; `keys` has the places of a mapping's keys. `size` counts it and all within it."""

    __slots__ = ("children", "column", "keys", "line", "size", "value")

    def __init__(self, value: object, line: int, column: int) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.size = 1
        self.children: dict[str | int, Node] = {}
        self.keys: dict[str, tuple[int, int]] = {}


class Builder:
    """Makes nodes from the parser's events: PyYAML's own constructors neither keep places nor bound anything."""

    def __init__(self, text: str, file: str) -> None:
        self.problems: list[Problem] = []
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._file = file
        self._path: list[str | int] = []
        self._anchors: dict[str, Node] = {}
        self._aliases = 0
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._empty()
        root = self._node(next(self._events))
        if root.value is None:
            self._empty()
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._stop(after, "a second document after '---'", "one document in a file", "Keep one of them")
        return root

    def _empty(self) -> NoReturn:
        refuse(self._file, "an empty file", "a mapping of keys", "Restore it from git, or write a new one")

    def _node(self, event: yaml.Event) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._count(event, 1)
        tag, anchor = getattr(event, "tag", None), getattr(event, "anchor", None)
        if tag is not None:
            self._note(event, f"the tag {show(tag)}", "plain YAML without tags", "Remove the tag")
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        else:
            if len(self._path) >= MAX_DEPTH:
                self._stop(event, f"more than {MAX_DEPTH} levels of nesting", f"at most {MAX_DEPTH}")
            node = self._mapping(event) if isinstance(event, yaml.MappingStartEvent) else self._sequence(event)
            node.size += sum(child.size for child in node.children.values())
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        value: object = event.value
        if event.implicit[0] and not event.style:
            value = _plain(event.value)
            if value is _TOO_LARGE:
                self._note(event, "a number beyond all bounds", f"numbers of at most {_LONGEST_NUMBER} characters")
                value = 0
        return Node(value, *place(event))

    def _sequence(self, event: yaml.Event) -> Node:
        values: list[object] = []
        node = Node(values, *place(event))
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            self._path.append(len(values))
            child = self._node(item)
            self._path.pop()
            node.children[len(values)] = child
            values.append(child.value)
        return node

    def _mapping(self, event: yaml.Event) -> Node:
        values: dict[str, object] = {}
        node = Node(values, *place(event))
        while not isinstance(item := next(self._events), yaml.MappingEndEvent):
            key = self._key(item, node)
            self._path.append("?" if key is None else key)
            child = self._node(next(self._events))
            self._path.pop()
            if key is not None and key not in values:
                values[key] = child.value
                node.children[key] = child
                node.keys[key] = place(item)
        return node

    def _key(self, event: yaml.Event, mapping: Node) -> str | None:
        """The key, or None where its value is to be read past."""
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            self._stop(event, "a key that is a mapping or a list", "keys that are texts")
        key = self._node(event).value
        if key == "<<" and not getattr(event, "style", None):
            self._note(event, "the merge key <<", "keys written out", "Copy the keys here")
            return None
        if not isinstance(key, str):
            hint = f'Put it in quotes: "{event.value}"' if isinstance(event, yaml.ScalarEvent) else ""
            self._note(event, f"the key {show(key)}", "keys that are texts", hint)
            return None
        if key in mapping.keys:
            line, column = mapping.keys[key]
            found = f"the key {show(key)} a second time, after line {line}, column {column}"
            self._path.append(key)
            self._note(event, found, "each key once", "Keep one of them")
            self._path.pop()
        return key

    def _alias(self, event: yaml.AliasEvent) -> Node:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._stop(event, f"more than {MAX_ALIASES} aliases", f"at most {MAX_ALIASES}", "Write the values out")
        node = self._anchors.get(str(event.anchor))
        if node is None:
            self._stop(event, f"the alias {show(f'*{event.anchor}')}", "aliases of what stands before, complete")
        self._count(event, node.size)
        return node

    def _count(self, event: yaml.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._stop(event, f"more than {MAX_NODES:,} values", f"at most {MAX_NODES:,}, aliases expanded")

    def _note(self, event: yaml.Event, found: str, allowed: str, hint: str = "") -> None:
        field = field_name(tuple(self._path))
        self.problems.append(Problem(self._file, *place(event), field, found, allowed, hint))

    def _stop(self, event: yaml.Event, found: str, allowed: str, hint: str = "") -> NoReturn:
        self._note(event, found, allowed, hint)
        raise InvalidFile(tuple(self.problems))


_TOO_LARGE = object()


def _plain(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if not _FLOAT.fullmatch(text):
        return text
    if len(text) > _LONGEST_NUMBER:
        return _TOO_LARGE
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    return _TOO_LARGE if abs(number) == float("inf") else number


def place(event: yaml.Event) -> tuple[int, int]:
    """Line and column from 1."""
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def refuse(file: str, found: str, allowed: str, hint: str = "", place: tuple[int, int] = (1, 1)) -> NoReturn:
    """Raises InvalidFile for a file of which nothing can be made."""
    raise InvalidFile((Problem(file, *place, "", found, allowed, hint),)) from None
