"""Writes `docs/files.md` from the JSON Schemas of the files: python tools/files_docs.py."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rollout_bot.commands.schema import schema

TARGET = Path(__file__).parents[1] / "docs" / "files.md"
HEAD = """\
# Every field of every file

Written by `python tools/files_docs.py` from the JSON Schemas that `rollout-bot schema policy`, `rollout-bot schema
state` and `rollout-bot schema approval` print; a test holds them against each other. What the fields are good for, with
examples, is in [policy.md](policy.md), [metrics.md](metrics.md) and [state.md](state.md). `[]` stands for each entry of
a list; what is in **bold** is required.
"""
FILES = {"policy.yaml": "policy", "state.yaml": "state", "approvals/STAGE.yaml": "approval"}
WORDS = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false", "null": "null"}


def document() -> str:
    """The whole page as Markdown."""
    return "\n".join([HEAD, *(_section(file, json.loads(schema(name))) for file, name in FILES.items())])


def _section(file: str, whole: Mapping[str, Any]) -> str:
    rows = (f"| {' | '.join(cells)} |" for cells in _rows(whole, whole, ""))
    table = "\n".join(["| field | allowed | default | meaning |", "| --- | --- | --- | --- |", *rows])
    return f"## {file}\n\n{whole['description']}\n\n{table}\n"


def _rows(node: Mapping[str, Any], whole: Mapping[str, Any], above: str) -> Iterator[tuple[str, ...]]:
    required = node.get("required", ())
    for name, found in node.get("properties", {}).items():
        each = _resolved(found, whole)
        path = f"{above}{name}"
        field = f"**`{path}`**" if name in required else f"`{path}`"
        default = f"`{_plain(each['default'])}`" if "default" in each else ""
        yield field, _escaped(_allowed(each, whole)), default, _escaped(each.get("description", each.get("title", "")))
        yield from _rows(each, whole, f"{path}.")
        yield from _rows(_resolved(each.get("items", {}), whole), whole, f"{path}[].")


def _resolved(node: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """With what a `$ref` leads to; what stands beside it wins."""
    reference = node.get("$ref")
    return {**whole["$defs"][reference.rpartition("/")[2]], **node} if reference else node


def _allowed(node: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if "x-allowed" in node:
        return str(node["x-allowed"])
    if "enum" in node:
        return ", ".join(f"`{each}`" for each in node["enum"])
    kinds = node.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    items = _resolved(node.get("items", {}), whole)
    if "array" in kinds and "properties" not in items and items:
        return f"a list: {_allowed(items, whole)}"
    return " or ".join(WORDS.get(kind, kind) for kind in kinds)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
    print(f"wrote {TARGET}", file=sys.stderr)
