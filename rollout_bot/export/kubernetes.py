"""Kubernetes: the state as a ConfigMap, and the weights of what shifts traffic there.

A mesh draws lots for each request. Where users have to stay on one side, the service itself asks an `Enforcer`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rollout_bot.core.model.state import State
from rollout_bot.export.interface import HOST, Format, Setting, Settings
from rollout_bot.export.values import variables
from rollout_bot.files.emit import Block, emit
from rollout_bot.files.state import write_state

_PORT = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"

_NAME = Setting("name", "the name of the object", "checkout", default="{rollout}")
_STABLE = Setting("stable", "the service without the change", "checkout")
_CANARY = Setting("canary", "the service with the change", "checkout-canary")


def _object(state: State, api: str, kind: str, name: str, content: Mapping[str, object]) -> str:
    about = (
        f"{state.rollout} at {state.percentage} % ({state.stage}, generation {state.generation}), by rollout-bot export"
    )
    return emit(about, {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **content})


def _config_map(state: State, settings: Settings) -> str:
    data = {**variables(state), "state.yaml": Block(write_state(state))}
    return _object(state, "v1", "ConfigMap", settings["name"], {"data": data})


def _argo_rollouts(state: State, settings: Settings) -> str:
    # The pause has no end, at 100 % too: Argo would drop the old version there, and nothing could be rolled back.
    steps = [{"setWeight": state.percentage}, {"pause": {}}]
    spec = {"strategy": {"canary": {"steps": steps}}}
    return _object(state, "argoproj.io/v1alpha1", "Rollout", settings["name"], {"spec": spec})


def _gateway_api(state: State, settings: Settings) -> str:
    backends = [
        {"name": settings["stable"], "port": int(settings["port"]), "weight": 100 - state.percentage},
        {"name": settings["canary"], "port": int(settings["port"]), "weight": state.percentage},
    ]
    hosts = {"hostnames": [settings["host"]]} if settings["host"] else {}
    spec = {"parentRefs": [{"name": settings["gateway"]}], **hosts, "rules": [{"backendRefs": backends}]}
    return _object(state, "gateway.networking.k8s.io/v1", "HTTPRoute", settings["name"], {"spec": spec})


def _istio(state: State, settings: Settings) -> str:
    route = [
        {"destination": {"host": settings["stable"]}, "weight": 100 - state.percentage},
        {"destination": {"host": settings["canary"]}, "weight": state.percentage},
    ]
    spec = {"hosts": [settings["host"]], "http": [{"route": route}]}
    return _object(state, "networking.istio.io/v1", "VirtualService", settings["name"], {"spec": spec})


CONFIG_MAP = Format("configmap", "a Kubernetes ConfigMap with the values and the file", _config_map, (_NAME,))
ARGO_ROLLOUTS = Format("argo-rollouts", "a patch of an Argo Rollout: setWeight, and a pause", _argo_rollouts, (_NAME,))
GATEWAY_API = Format(
    "gateway-api",
    "a Gateway API HTTPRoute with two weights",
    _gateway_api,
    (
        Setting("gateway", "the Gateway that the route belongs to", "public"),
        _STABLE,
        _CANARY,
        Setting("port", "the port of both services", "8080", _PORT),
        Setting("host", "the host name that the route is for", "shop.example.com", HOST, default=""),
        _NAME,
    ),
)
ISTIO = Format(
    "istio",
    "an Istio VirtualService with two weights",
    _istio,
    (
        Setting("host", "the host name that clients call", "checkout", HOST),
        Setting("stable", _STABLE.meaning, _STABLE.example, HOST),
        Setting("canary", _CANARY.meaning, _CANARY.example, HOST),
        _NAME,
    ),
)
