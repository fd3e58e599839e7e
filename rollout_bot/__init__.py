"""Carries a risky change from 10 % to 100 % of traffic by pull requests, and takes it back before users notice.

For services and pipelines in Python, imported when first used:

- `read_state(path)`: the content of a `state.yaml` as a `State`; raises `InvalidFile` where there is none;
- `Enforcer.from_file(path)`: who gets the change, at the percentage that is committed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rollout_bot.contract import read_state
    from rollout_bot.core.model.state import State
    from rollout_bot.enforcer import Enforcer
    from rollout_bot.files.problems import InvalidFile

__all__ = ["Enforcer", "InvalidFile", "State", "read_state"]

_HOMES = {
    "Enforcer": "rollout_bot.enforcer",
    "InvalidFile": "rollout_bot.files.problems",
    "State": "rollout_bot.core.model.state",
    "read_state": "rollout_bot.contract",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
