"""A cheap look at a document that is most likely right.

Importing jsonschema takes longer than everything else that `rollout-bot percentage` does, and 1,000 rollouts are read
at every tick. So this says yes where jsonschema would, and "ask jsonschema" for all else: it can never widen a schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from rollout_bot.files.formats import FORMATS
from rollout_bot.files.problems import Unreadable

Schema = Mapping[str, object]

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "$comment", "title", "description", "examples", "default", "environment", "writeOnly"}
)


def accepts(schema: object, value: object, root: Schema) -> bool:
    """True only if `value` is valid by `schema`, whose references point into `root`. False proves nothing."""
    if not isinstance(schema, Mapping):
        return schema is True
    return all(
        keyword in _ANNOTATIONS or keyword.startswith("x-") or _satisfied(keyword, schema, value, root)
        for keyword in schema
    )


def _satisfied(keyword: str, schema: Schema, value: object, root: Schema) -> bool:
    if keyword == "$ref":
        return accepts(resolve(str(schema["$ref"]), root), value, root)
    check = _CHECKS.get(keyword)
    if value is None and check and keyword not in ("type", "enum", "const", "anyOf", "allOf", "oneOf"):
        return True  # the other keywords speak of texts, numbers, lists and mappings only
    return check is not None and check(schema, value, root)


def resolve(reference: str, root: Schema) -> object:
    """The schema behind a reference of the form "#/$defs/name"; False, which accepts nothing, for any other."""
    parts = reference.split("/")
    found = root.get("$defs")
    return found.get(parts[2], False) if parts[:2] == ["#", "$defs"] and isinstance(found, Mapping) else False


@cache
def pattern(text: str) -> re.Pattern[str]:
    """A pattern as JSON Schema means it: there "$" does not let a trailing newline pass, in Python it does."""
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", text))


def _type(schema: Schema, value: object, _root: Schema) -> bool:
    allowed = schema["type"]
    names = [allowed] if isinstance(allowed, str) else allowed
    return isinstance(names, list) and any(type(value) in _TYPES.get(name, ()) for name in names)


def _enum(schema: Schema, value: object, _root: Schema) -> bool:
    # Only texts: 1, 1.0 and True are equal in Python and not all of them in JSON.
    allowed = schema["enum"]
    return isinstance(value, str) and isinstance(allowed, list) and value in allowed


def _const(schema: Schema, value: object, _root: Schema) -> bool:
    return type(value) is type(schema["const"]) and isinstance(value, str | int) and value == schema["const"]


def _properties(schema: Schema, value: object, root: Schema) -> bool:
    known = schema["properties"]
    if not isinstance(value, dict) or not isinstance(known, Mapping):
        return False
    return all(key not in known or accepts(known[key], each, root) for key, each in value.items())


def _additional(schema: Schema, value: object, root: Schema) -> bool:
    known = schema.get("properties", {})
    if not isinstance(value, dict) or not isinstance(known, Mapping) or "patternProperties" in schema:
        return False
    more = schema["additionalProperties"]
    return all(key in known or accepts(more, each, root) for key, each in value.items())


def _names(schema: Schema, value: object, root: Schema) -> bool:
    return isinstance(value, dict) and all(accepts(schema["propertyNames"], key, root) for key in value)


def _any_of(schema: Schema, value: object, root: Schema) -> bool:
    several = schema["anyOf"]
    return isinstance(several, list) and any(accepts(each, value, root) for each in several)


def _all_of(schema: Schema, value: object, root: Schema) -> bool:
    several = schema["allOf"]
    return isinstance(several, list) and all(accepts(each, value, root) for each in several)


def _one_of(schema: Schema, value: object, root: Schema) -> bool:
    """Of names that are there or not alone, which is certain either way; whatever else is left to jsonschema."""
    several = schema["oneOf"]
    if not isinstance(value, dict) or not isinstance(several, list):
        return False
    if not all(isinstance(each, dict) and each.keys() == {"required"} for each in several):
        return False
    return sum(_required(each, value, root) for each in several) == 1


def _dependent(schema: Schema, value: object, _root: Schema) -> bool:
    needed = schema["dependentRequired"]
    if not isinstance(value, dict) or not isinstance(needed, Mapping):
        return False
    return all(key not in value or all(name in value for name in names) for key, names in needed.items())


def _required(schema: Schema, value: object, _root: Schema) -> bool:
    required = schema["required"]
    return isinstance(value, dict) and isinstance(required, list) and all(key in value for key in required)


def _items(schema: Schema, value: object, root: Schema) -> bool:
    return not isinstance(value, list) or all(accepts(schema["items"], each, root) for each in value)


def _pattern(schema: Schema, value: object, _root: Schema) -> bool:
    return not isinstance(value, str) or pattern(str(schema["pattern"])).search(value) is not None


def _format(schema: Schema, value: object, _root: Schema) -> bool:
    reader = FORMATS.get(str(schema["format"]))
    try:
        return reader is not None and reader(value) is not None
    except Unreadable:
        return False


def _number(keyword: str, fits: Callable[[float, float], bool]) -> Callable[[Schema, object, Schema], bool]:
    def check(schema: Schema, value: object, _root: Schema) -> bool:
        # A mixed type leaves other values alone, as JSON Schema does: "0.5%" passes any minimum.
        bound = schema[keyword]
        return type(value) not in (int, float) or (isinstance(bound, int | float) and fits(value, bound))  # type: ignore[arg-type]

    return check


def _length(
    keyword: str, kind: type[str | list[object] | dict[str, object]], least: bool
) -> Callable[[Schema, object, Schema], bool]:
    def check(schema: Schema, value: object, _root: Schema) -> bool:
        bound = schema[keyword]
        if not isinstance(value, kind) or not isinstance(bound, int):
            return not isinstance(value, kind)
        return len(value) >= bound if least else len(value) <= bound

    return check


_CHECKS: Mapping[str, Callable[[Schema, object, Schema], bool]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _properties,
    "additionalProperties": _additional,
    "propertyNames": _names,
    "anyOf": _any_of,
    "allOf": _all_of,
    "oneOf": _one_of,
    "dependentRequired": _dependent,
    "required": _required,
    "items": _items,
    "pattern": _pattern,
    "format": _format,
    "minimum": _number("minimum", lambda value, bound: value >= bound),
    "maximum": _number("maximum", lambda value, bound: value <= bound),
    "exclusiveMinimum": _number("exclusiveMinimum", lambda value, bound: value > bound),
    "exclusiveMaximum": _number("exclusiveMaximum", lambda value, bound: value < bound),
    "minLength": _length("minLength", str, least=True),
    "maxLength": _length("maxLength", str, least=False),
    "minItems": _length("minItems", list, least=True),
    "maxItems": _length("maxItems", list, least=False),
    "maxProperties": _length("maxProperties", dict, least=False),
}
