"""The schemas shipped with the package, and the check of a document against one."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from rollout_bot.files.document import Document, Path
from rollout_bot.files.problems import InvalidFile, Problem
from rollout_bot.files.quick import accepts

Name = Literal["policy", "state", "approval"]


@cache
def load(name: Name) -> Mapping[str, object]:
    """One of the JSON Schemas in `schemas/`, parsed."""
    # Not importlib.resources, whose import alone takes 20 ms.
    data = pkgutil.get_data("rollout_bot.files", f"schemas/{name}.schema.json")
    schema: dict[str, object] = json.loads(data or b"false")
    return schema


def problems(
    document: Document, schema: Mapping[str, object], value: object | None = None, prefix: Path = ()
) -> list[Problem]:
    """What `schema` has against the document, or against the `value` in it to which `prefix` leads."""
    value = document.value if value is None else value
    if accepts(schema, value, schema):
        return []
    from rollout_bot.files.explain import explain  # jsonschema is slow to import

    return explain(document, schema, value, prefix)


def mapping(document: Document, name: Name) -> dict[str, Any]:
    """The document's keys, valid by the schema of that name. Raises InvalidFile with all its problems."""
    found = document.problems + problems(document, load(name))
    if found or not isinstance(document.value, dict):
        raise InvalidFile(tuple(found))
    return document.value
