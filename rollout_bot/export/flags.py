"""Flag engines. Each hashes the flag's name and the user's key to a place from 0 to 1, and cuts that range in two.

Where the cut moves up, nobody who has the change loses it.
"""

from __future__ import annotations

import json

from rollout_bot.core.model.state import State
from rollout_bot.export.interface import Format, Setting, Settings


def _text(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


def _flagd(state: State, _: Settings) -> str:
    flag: dict[str, object] = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "on" if state.percentage == 100 else "off",
    }
    # At 0 and 100 % nothing is left to a hash, and the default decides for users without a targeting key, too.
    if 0 < state.percentage < 100:
        flag["targeting"] = {"fractional": [["on", state.percentage], ["off", 100 - state.percentage]]}
    flag["metadata"] = {"stage": state.stage, "generation": state.generation}
    return _text({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {state.rollout: flag}})


def _unleash(state: State, _: Settings) -> str:
    return _text([{"op": "replace", "path": "/parameters/rollout", "value": str(state.percentage)}])


def _launchdarkly(state: State, settings: Settings) -> str:
    # Weights are thousandths of a per cent; of a boolean flag, variation 0 is true.
    shares = [
        {"variation": 0, "weight": state.percentage * 1000},
        {"variation": 1, "weight": (100 - state.percentage) * 1000},
    ]
    path = f"/environments/{settings['environment']}/fallthrough"
    return _text([{"op": "replace", "path": path, "value": {"rollout": {"variations": shares}}}])


FLAGD = Format("flagd", "a flagd (OpenFeature) flag definition with fractional targeting", _flagd)
UNLEASH = Format("unleash", "a JSON patch of an Unleash flexibleRollout strategy", _unleash)
LAUNCHDARKLY = Format(
    "launchdarkly",
    "a JSON patch of a boolean LaunchDarkly flag",
    _launchdarkly,
    (Setting("environment", "the key of the environment", "production", "[A-Za-z0-9][A-Za-z0-9._-]*"),),
)
