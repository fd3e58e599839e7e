"""The settings by which sources reach a server over HTTP, and what they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from rollout_bot.core.durations import PATTERN, parse_duration
from rollout_bot.core.model.policy import Fault
from rollout_bot.metrics.http import MAX_BYTES, Access, address_fault
from rollout_bot.metrics.interface import Surroundings

SECRET: Mapping[str, object] = {"type": "string", "minLength": 1, "environment": True}
DURATION: Mapping[str, object] = {"type": "string", "pattern": PATTERN}

PROPERTIES: Mapping[str, object] = {
    "headers": {"type": "object", "additionalProperties": SECRET, "maxProperties": 50},
    "basic": {
        "type": "object",
        "properties": {"username": SECRET, "password": SECRET},
        "required": ["username", "password"],
        "additionalProperties": False,
    },
    "bearer": SECRET,
    "ca_file": {"type": "string", "minLength": 1, "description": "PEM; relative to the repository's root."},
    "deadline": {**DURATION, "default": "30s", "description": "For everything that one measurement asks."},
    "max_bytes": {"type": "integer", "minimum": 1, "default": MAX_BYTES, "description": "Of one answer, unpacked."},
}


def access(settings: Mapping[str, object], surroundings: Surroundings, address: str) -> Access:
    """`address` is the name of the setting that holds the URL."""
    given = cast("Mapping[str, Any]", settings)
    basic = given.get("basic", {})
    return Access(
        address=given[address],
        headers=given.get("headers", {}),
        username=basic.get("username"),
        password=basic.get("password"),
        bearer=given.get("bearer"),
        ca_file=str(surroundings.root / given["ca_file"]) if "ca_file" in given else None,
        deadline=parse_duration(given.get("deadline", "30s")).total_seconds(),
        max_bytes=given.get("max_bytes", MAX_BYTES),
    )


def connection_faults(settings: Mapping[str, object], address: str) -> list[Fault]:
    """Faults that all sources over HTTP share."""
    faults = []
    url = settings.get(address)
    # What comes from the environment is known at run time only.
    if isinstance(url, str) and "${" not in url and (fault := address_fault(url)):
        faults.append(Fault((address,), fault, "an http:// or https:// URL, or ${NAME} of a variable that holds one"))
    if "basic" in settings and "bearer" in settings:
        faults.append(Fault(("bearer",), "basic and bearer", "one of them"))
    return faults + duration_faults(settings, "deadline", least=1)


def duration_faults(settings: Mapping[str, object], name: str, *, least: int) -> list[Fault]:
    """A duration that is too long, or shorter than `least` seconds."""
    text = settings.get(name)
    if not isinstance(text, str):
        return []
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        return [Fault((name,), repr(text), str(error))]
    return [] if seconds >= least else [Fault((name,), repr(text), f"at least {least}s")]
