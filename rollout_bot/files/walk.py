"""Which parts of a JSON Schema speak of a value: what the marks `environment` and `writeOnly` are found by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rollout_bot.files.quick import Schema, resolve

_BRANCHES = ("allOf", "anyOf", "oneOf")
_DEEPEST = 16


def applying(schema: object, root: Schema, depth: int = 0) -> Iterator[Schema]:
    """The schema itself, what it refers to, and its alternatives, as far as they are mappings."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    yield schema
    others = [schema.get(name) for name in ("if", "then", "else")]
    others += [each for name in _BRANCHES for each in _list(schema.get(name))]
    if "$ref" in schema:
        others.append(resolve(str(schema["$ref"]), root))
    for each in others:
        yield from applying(each, root, depth + 1)


def below(schema: object, key: str | int, root: Schema) -> Iterator[object]:
    """The schemas of what a mapping has under `key`, or a list at that index."""
    for each in applying(schema, root):
        if isinstance(key, int):
            yield each.get("items")
            continue
        known = each.get("properties")
        if isinstance(known, Mapping) and key in known:
            yield known[key]
        else:
            yield each.get("additionalProperties")


def marked(schemas: list[object], mark: str, root: Schema) -> bool:
    """Whether one of them carries the mark."""
    return any(each.get(mark) is True for schema in schemas for each in applying(schema, root))


def secret(root: Schema, path: tuple[str | int, ...]) -> bool:
    """Whether the value at `path` may come from the environment or must not be shown."""
    schemas: list[object] = [root]
    for key in path:
        schemas = [each for schema in schemas for each in below(schema, key, root)]
        if marked(schemas, "environment", root) or marked(schemas, "writeOnly", root):
            return True
    return False


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
