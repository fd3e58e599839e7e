"""REST answers and bodies held against GitHub's published OpenAPI description, by the models generated from it."""

from __future__ import annotations

import re
import types
import typing
import warnings
from datetime import datetime
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from githubkit_schemas.v2022_11_28 import models
from githubkit.utils import UNSET
from pydantic import BaseModel, TypeAdapter, ValidationError

_ABSENT = object()
_EMPTY: dict[object, object] = {bool: False, int: 0, float: 0.0, str: "", datetime: "2026-03-02T09:00:00Z"}


def complete(model: str, known: Any) -> Any:
    """An answer with every field that the description requires: those given, the others null or empty.

    `known` is an object, or a list of them. Raises AssertionError where the outcome is not as published.
    """
    kind = getattr(models, model)
    answer = [_object(kind, each) for each in known] if isinstance(known, list) else _object(kind, known)
    try:
        _adapter(model, isinstance(known, list)).validate_python(answer)
    except ValidationError as error:
        raise AssertionError(f"the fake's answer is no {model}: {error}") from error
    return answer


def unlawful(model: str, body: Any) -> str | None:
    """What is wrong with the body of a request: fields of another type, missing, or unknown to the description."""
    kind = getattr(models, model)
    try:
        kind.model_validate(body)
    except ValidationError as error:
        return f"{model}: {error}"
    unknown = sorted((body or {}).keys() - {field.alias or name for name, field in kind.model_fields.items()})
    return f"{model}: unknown fields {unknown}" if unknown else None


def union(prefix: str, known: list[Any]) -> list[Any]:
    """Answers as they are, each of which has to be one of the models whose names begin with the prefix."""
    try:
        _union(prefix).validate_python(known)
    except ValidationError as error:
        raise AssertionError(f"the fake's answer is no {prefix}: {error}") from error
    return known


@cache
def _union(prefix: str) -> TypeAdapter[Any]:
    kinds: Any = tuple(getattr(models, name) for name in sorted(dir(models)) if re.fullmatch(rf"{prefix}\d+", name))
    return TypeAdapter(list[Union[kinds]])  # noqa: UP007 - of a tuple


@cache
def _adapter(model: str, many: bool) -> TypeAdapter[Any]:
    kind: Any = getattr(models, model)
    return TypeAdapter(list[kind] if many else kind)


def _object(model: type[BaseModel], known: dict[str, Any]) -> dict[str, Any]:
    answer = {}
    names = set()
    for name, field in model.model_fields.items():
        key = field.alias or name
        names.add(key)
        if key in known:
            answer[key] = _value(field.annotation, known[key])
        elif field.is_required():
            answer[key] = _value(field.annotation, _ABSENT)
    unknown = known.keys() - names
    assert not unknown, f"{model.__name__} has no {sorted(unknown)}"
    return answer


def _value(kind: Any, known: Any) -> Any:
    options = _options(kind)
    if known is _ABSENT:
        return _neutral(options)
    nested = [each for each in options if isinstance(each, type) and issubclass(each, BaseModel)]
    if isinstance(known, dict) and nested:
        return _object(next((each for each in nested if _fits(each, known)), nested[0]), known)
    if isinstance(known, list):
        items = [get_args(each)[0] for each in options if get_origin(each) is list]
        return [_value(items[0], each) for each in known] if items else known
    return known


def _fits(model: type[BaseModel], known: dict[str, Any]) -> bool:
    """Whether what tells the alternatives of a union apart, such as `type`, is this one's."""
    fixed = {
        field.alias or name: get_args(option)
        for name, field in model.model_fields.items()
        for option in _options(field.annotation)
        if get_origin(option) is Literal
    }
    return all(key not in known or known[key] in values for key, values in fixed.items())


def _neutral(options: list[Any]) -> Any:
    if type(None) in options:
        return None
    first = options[0]
    if get_origin(first) is Literal:
        return get_args(first)[0]
    if get_origin(first) in (list, dict):
        return get_origin(first)()
    if isinstance(first, type) and issubclass(first, BaseModel):
        return _object(first, {})
    return _EMPTY.get(first, "")


def _options(kind: Any) -> list[Any]:
    """The alternatives of a type, without annotations and that of being left out."""
    if get_origin(kind) is Literal and UNSET in get_args(kind):
        return []
    if get_origin(kind) is typing.Annotated:
        return _options(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return [each for option in get_args(kind) for each in _options(option)]
    return [kind]
