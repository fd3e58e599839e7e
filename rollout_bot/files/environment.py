"""`${NAME}` from the environment, only where a schema says that a field takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rollout_bot.files.problems import field_name
from rollout_bot.files.quick import Schema
from rollout_bot.files.walk import below, marked

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|(\$\{)")

Path = tuple[str | int, ...]


class NotSet(Exception):
    """Variables that fields name and the environment lacks. The message never holds a value."""


def expand(
    settings: Mapping[str, object], schema: Schema, environment: Mapping[str, str], prefix: Path = ()
) -> dict[str, object]:
    """The settings with `${NAME}` replaced in texts whose schema has `"environment": true`; `$${` stands for `${`.

    A variable that is empty counts as not set: that is how a CI passes on a secret that does not exist. `prefix` is
    put before the fields' names in messages. Raises NotSet with all that is missing.
    """
    faults: list[str] = []
    walker = _Walker(schema, environment, faults)
    expanded = {
        key: walker.value(each, list(below(schema, key, schema)), (*prefix, key)) for key, each in settings.items()
    }
    if faults:
        raise NotSet("\n".join(faults))
    return expanded


class _Walker:
    def __init__(self, root: Schema, environment: Mapping[str, str], faults: list[str]) -> None:
        self._root = root
        self._environment = environment
        self._faults = faults

    def value(self, value: object, schemas: list[object], path: Path) -> object:
        if isinstance(value, str):
            return self._text(value, path) if marked(schemas, "environment", self._root) else value
        if isinstance(value, Mapping):
            return {key: self.value(each, self._below(schemas, key), (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, self._below(schemas, index), (*path, index)) for index, each in enumerate(value)]
        return value

    def _below(self, schemas: list[object], key: str | int) -> list[object]:
        return [each for schema in schemas for each in below(schema, key, self._root)]

    def _text(self, text: str, path: Path) -> str:
        def replacement(match: re.Match[str]) -> str:
            escaped, name, broken = match.groups()
            if escaped:
                return "${"
            if broken:
                self._fault(
                    path, "a ${ that begins no name", "${NAME} with letters, digits and _", "Write $${ for a plain ${"
                )
                return ""
            value = self._environment.get(name, "")
            if not value:
                state = "empty" if name in self._environment else "not set"
                self._fault(
                    path, f"${{{name}}}, which is {state}", "variables that are set", f"Set {name} in the environment"
                )
            return value

        return _REFERENCE.sub(replacement, text)

    def _fault(self, path: Path, found: str, allowed: str, hint: str) -> None:
        fault = f"{field_name(path)}: found {found}; allowed: {allowed}. {hint}"
        if fault not in self._faults:
            self._faults.append(fault)
