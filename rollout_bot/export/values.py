"""Plain values, for whatever reads an environment or JSON."""

from __future__ import annotations

import json

from rollout_bot.core.model.state import State
from rollout_bot.export.interface import Format, Settings
from rollout_bot.files.state import state_document


def variables(state: State) -> dict[str, str]:
    """The contract's plain values as texts, by their names in `state.yaml`."""
    return {
        "rollout": state.rollout,
        "stage": state.stage,
        "percentage": str(state.percentage),
        "attempt": str(state.attempt),
        "generation": str(state.generation),
    }


def _env(state: State, _: Settings) -> str:
    # Every value is a name or a number: nothing in them needs quotes, in a shell, in Docker or in systemd.
    prefix = state.rollout.replace("-", "_").upper()
    values = {name: value for name, value in variables(state).items() if name != "rollout"}
    return "".join(f"{prefix}_ROLLOUT_{name.upper()}={value}\n" for name, value in values.items())


def _json(state: State, _: Settings) -> str:
    return json.dumps(state_document(state), indent=2, ensure_ascii=False) + "\n"


ENV = Format("env", "NAME_ROLLOUT_PERCENTAGE=25 and more, for shells, Docker, systemd, $GITHUB_ENV", _env)
JSON = Format("json", "all of state.yaml, by the same schema", _json)
