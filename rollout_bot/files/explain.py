"""jsonschema's errors in our words: what was found, what is allowed, the way out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from rollout_bot.files.document import Document, Path
from rollout_bot.files.formats import FORMATS
from rollout_bot.files.problems import Problem, Unreadable, field_name, kind, show
from rollout_bot.files.quick import Schema, pattern, resolve
from rollout_bot.files.walk import secret

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


def _pattern(_validator: object, text: str, instance: object, _schema: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not pattern(text).search(instance):
        yield ValidationError("pattern")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})  # type: ignore[no-untyped-call]
_FORMATS = FormatChecker(formats=())
# Whether null is allowed is for `type` to say.
for _name, _reader in FORMATS.items():
    _FORMATS.checks(_name, raises=Unreadable)(lambda value, read=_reader: value is None or read(value) is not None)


def explain(document: Document, schema: Schema, value: object, prefix: Path) -> list[Problem]:
    """Every problem of `value`, one for each place; empty if jsonschema finds it valid."""
    found: dict[str, tuple[bool, Problem]] = {}
    translator = _Translator(document, schema, prefix)
    for error in _Validator(schema, format_checker=_FORMATS).iter_errors(value):
        for problem in translator.problems(error):
            # A format's own message says more than the pattern and the bounds beside it.
            better = error.validator == "format"
            if problem.field not in found or (better and not found[problem.field][0]):
                found[problem.field] = (better, problem)
    return [problem for _, problem in found.values()]


class _Translator:
    def __init__(self, document: Document, root: Schema, prefix: Path) -> None:
        self._document = document
        self._root = root
        self._prefix = prefix

    def problems(self, error: ValidationError) -> Iterator[Problem]:
        path = (*self._prefix, *error.absolute_path)
        hidden = secret(self._root, tuple(error.absolute_path))
        schema: Any = error.schema
        if error.validator == "required":
            yield from self._missing(schema, error.instance, path)
        elif error.validator == "additionalProperties":
            yield from self._unknown(schema, error.instance, path)
        elif isinstance(error.cause, Unreadable):
            cause = error.cause
            found, hint = (kind(error.instance), "") if hidden else (cause.found, cause.hint)
            yield self._document.problem(path, found, cause.allowed, hint)
        else:
            found, hint = (kind(error.instance), "") if hidden else (_found(error), _hint(error))
            yield self._document.problem(path, found, self._describe(schema), hint)

    def _missing(self, schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Problem]:
        known = schema.get("properties", {})
        for key in schema["required"]:
            if key not in value:
                hint = f"Add {key} to {field_name(path)}" if path else f"Add {key}"
                yield self._document.problem((*path, key), "no such key", self._describe(known.get(key)), hint)

    def _unknown(self, schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[Problem]:
        known = list(schema.get("properties", {}))
        patterns = [pattern(each) for each in schema.get("patternProperties", {})]
        free = [key for key in known if key not in value]
        for key in value:
            if key in known or any(each.search(key) for each in patterns):
                continue
            near = difflib.get_close_matches(key, free, 1)
            hint = f"Did you mean {near[0]}?" if near else ""
            allowed = ", ".join(known) or "no keys"
            yield self._document.problem((*path, key), "an unknown key", allowed, hint, at_key=True)

    def _describe(self, schema: object) -> str:
        """What a schema allows, as a phrase."""
        if not isinstance(schema, Mapping):
            return "nothing" if schema is False else "any value"
        if "x-allowed" in schema:
            return str(schema["x-allowed"])
        if "$ref" in schema:
            return self._describe(resolve(schema["$ref"], self._root))
        if "const" in schema:
            return show(schema["const"])
        if "enum" in schema:
            return ", ".join(each if isinstance(each, str) else show(each) for each in schema["enum"])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return "; or ".join(dict.fromkeys(self._describe(each) for each in schema[several]))
        if "required" in schema and "type" not in schema:
            return "the key " + ", ".join(schema["required"])
        return _bounded(schema)


def _found(error: ValidationError) -> str:
    value: Any = error.instance
    if error.validator in ("minItems", "maxItems"):
        return f"{len(value)} entries" if value else "an empty list"
    if error.validator in ("anyOf", "oneOf") and isinstance(value, dict):
        return f"the key{'s' * (len(value) > 1)} {', '.join(value)}" if value else "an empty mapping"
    if error.validator == "maxLength":
        return f"a text of {len(value)} characters"
    return show(value)


def _hint(error: ValidationError) -> str:
    value: Any = error.instance
    schema: Any = error.schema
    if error.validator == "type":
        allowed = schema["type"]
        if allowed == "boolean" and isinstance(value, str):
            return "Write true or false, without quotes"
        if allowed == "string" and isinstance(value, bool | int | float):
            return f'Put it in quotes: "{show(value)}"'
        if allowed == "integer" and isinstance(value, str) and re.fullmatch(r"[0-9]{1,9} ?%?", value):
            return f"Write {int(value.rstrip(' %'))}, without quotes or sign"
    if error.validator == "enum" and isinstance(value, str):
        near = difflib.get_close_matches(value, [each for each in schema["enum"] if isinstance(each, str)], 1)
        return f"Did you mean {near[0]}?" if near else ""
    return ""


def _bounded(schema: Mapping[str, Any]) -> str:
    names = schema.get("type", [])
    text = " or ".join(_KINDS[name] for name in ([names] if isinstance(names, str) else names)) or "another value"
    if "pattern" in schema:
        text += f" that matches {schema['pattern']}"
    if schema.get("minLength") == 1:
        text += " that is not empty"
    words = {
        "minLength": "characters: at least",
        "maxLength": "characters: at most",
        "minItems": "entries: at least",
        "maxItems": "entries: at most",
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
    }
    bounds = [
        f"{words[name]} {schema[name]:g}"
        for name in words
        if name in schema and (name, schema[name]) != ("minLength", 1)
    ]
    return ", ".join([text, *bounds])
