"""What `export` writes for Kubernetes: valid by the published schemas, with exactly the weights that are committed."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.guardian import guardian
from support.npm import installed

import rollout_bot
from rollout_bot.export.registry import FORMATS

SCHEMAS = Path(__file__).parent / "kubernetes-schemas"
STAGES = {"off": 0, "canary": 10, "quarter": 25, "half": 50, "most": 75, "full": 100}
SETTINGS = {
    "configmap": {},
    "argo-rollouts": {},
    "gateway-api": {
        "gateway": "public",
        "stable": "shop",
        "canary": "shop-new",
        "port": "8080",
        "host": "shop.example",
    },
    "istio": {"host": "shop", "stable": "shop", "canary": "shop-new.prod.svc.cluster.local", "name": "shop"},
}
ARGO_ROLLOUT = """\
metadata: {labels: {team: checkout}}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "shop:1"}]}
  strategy: {canary: {canaryService: shop-new, stableService: shop, steps: [{setWeight: 5}]}}
"""


def problems(*objects: Mapping[str, object]) -> list[str]:
    """What the schemas say against the objects."""
    command = ["node", installed(SCHEMAS) / "validate.mjs"]
    done = subprocess.run(command, input=json.dumps(objects), check=True, capture_output=True, text=True, timeout=60)
    found: list[str] = json.loads(done.stdout)
    return found


def exported(name: str, stage: str, /, **settings: str) -> dict[str, Any]:
    document = yaml.safe_load(FORMATS[name].text(guardian(stage), {**SETTINGS[name], **settings}))
    assert isinstance(document, dict)
    return document


def merged(onto: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396), which is what `kubectl patch --type merge` applies."""
    result = dict(onto)
    for key, value in patch.items():
        nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if nested else value
    return result


def test_the_published_schemas_take_all_of_it() -> None:
    objects = [exported(name, stage) for name in SETTINGS for stage in STAGES]
    objects += [merged(yaml.safe_load(ARGO_ROLLOUT), exported("argo-rollouts", stage)) for stage in STAGES]
    assert problems(*objects) == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("configmap", ("data", "percentage")),
        ("argo-rollouts", ("spec", "strategy", "canary", "steps", 0, "setWeight")),
        ("argo-rollouts", ("spec", "strategy", "canary", "steps", 1, "pause")),
        ("gateway-api", ("spec", "rules", 0, "backendRefs", 1, "weight")),
        ("gateway-api", ("spec", "parentRefs", 0, "name")),
        ("istio", ("spec", "http", 0, "route", 1, "weight")),
        ("istio", ("spec", "http", 0, "route", 0, "destination")),
    ],
)
def test_the_schemas_know_each_place_that_matters(name: str, path: tuple[str | int, ...]) -> None:
    document = exported(name, "quarter")
    broken: Any = copy.deepcopy(document)
    *way, last = path
    holder = broken
    for part in way:
        holder = holder[part]
    holder[last] = [["nonsense"]]
    assert len(problems(document, broken)) == 1


@pytest.mark.parametrize(("stage", "percentage"), STAGES.items())
def test_the_weights_are_those_that_are_committed(stage: str, percentage: int) -> None:
    (rule,) = exported("gateway-api", stage)["spec"]["rules"]
    weights = {each["name"]: each["weight"] for each in rule["backendRefs"]}
    assert weights == {"shop": 100 - percentage, "shop-new": percentage}
    (http,) = exported("istio", stage)["spec"]["http"]
    weights = {each["destination"]["host"]: each["weight"] for each in http["route"]}
    assert weights == {"shop": 100 - percentage, "shop-new.prod.svc.cluster.local": percentage}
    strategy = merged(yaml.safe_load(ARGO_ROLLOUT), exported("argo-rollouts", stage))["spec"]["strategy"]["canary"]
    assert strategy["steps"] == [{"setWeight": percentage}, {"pause": {}}]
    assert strategy["canaryService"] == "shop-new"


def test_a_patch_touches_nothing_else() -> None:
    document = exported("argo-rollouts", "quarter", name="shop")
    assert document["metadata"] == {"name": "shop"}
    assert list(document["spec"]) == ["strategy"]


def test_a_config_map_carries_the_file_itself(tmp_path: Path) -> None:
    data = exported("configmap", "quarter")["data"]
    mounted = tmp_path / "state.yaml"
    mounted.write_text(data.pop("state.yaml"))
    assert rollout_bot.read_state(mounted) == guardian()
    assert data == {
        "rollout": "guardian",
        "stage": "quarter",
        "percentage": "25",
        "attempt": "1",
        "generation": "2",
    }


def test_a_route_without_a_host_is_for_all_of_them() -> None:
    settings = {key: value for key, value in SETTINGS["gateway-api"].items() if key != "host"}
    document = yaml.safe_load(FORMATS["gateway-api"].text(guardian(), settings))
    assert "hostnames" not in document["spec"]
    assert problems(document) == []
