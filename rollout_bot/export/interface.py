"""What a format is, and the settings that it cannot do without."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rollout_bot.core.model.state import State

Settings = Mapping[str, str]

DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""A name of a Kubernetes object or service (RFC 1123)."""

HOST = rf"(?:\*\.)?{DNS_LABEL}(?:\.{DNS_LABEL})*"


class UnfitSetting(ValueError):
    """A setting is missing, unknown or malformed; the message says which, and what would do."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What only the user knows, such as the name of a service. `pattern` is what its whole value has to match.

    `default` stands in where nothing is given: None asks for a value, and `{rollout}` in it becomes the rollout's name.
    """

    name: str
    meaning: str
    example: str
    pattern: str = DNS_LABEL
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """`write` makes the text, final newline included, from a state and all of the format's settings."""

    name: str
    summary: str
    write: Callable[[State, Settings], str]
    settings: tuple[Setting, ...] = ()

    def text(self, state: State, given: Settings) -> str:
        """What to hand to the engine. Raises UnfitSetting."""
        known = [setting.name for setting in self.settings]
        for name in given:
            if name not in known:
                allowed = ", ".join(known) if known else "none"
                raise UnfitSetting(f"format {self.name} has no setting {name!r}; allowed: {allowed}")
        missing = [setting for setting in self.settings if setting.default is None and setting.name not in given]
        if missing:
            needed = ", ".join(f"{each.name} ({each.meaning})" for each in missing)
            way_out = " ".join(f"--set {each.name}={each.example}" for each in missing)
            raise UnfitSetting(f"format {self.name} needs {needed}; add, for example: {way_out}")
        return self.write(state, {each.name: self._value(each, state, given) for each in self.settings})

    def _value(self, setting: Setting, state: State, given: Settings) -> str:
        value = given.get(setting.name, (setting.default or "").format(rollout=state.rollout))
        optional = setting.default == "" and setting.name not in given
        if not optional and not re.fullmatch(setting.pattern, value, re.ASCII):
            example = f"{setting.name}={setting.example}"
            raise UnfitSetting(
                f"{value!r} is no {setting.name} for format {self.name}; allowed, for example: {example}"
            )
        return value
