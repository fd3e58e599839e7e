"""All formats, by the name that `--format` takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rollout_bot.export.flags import FLAGD, LAUNCHDARKLY, UNLEASH
from rollout_bot.export.interface import Format
from rollout_bot.export.kubernetes import ARGO_ROLLOUTS, CONFIG_MAP, GATEWAY_API, ISTIO
from rollout_bot.export.nginx import NGINX
from rollout_bot.export.values import ENV, JSON

_ALL = (ENV, JSON, CONFIG_MAP, FLAGD, NGINX, ARGO_ROLLOUTS, GATEWAY_API, ISTIO, UNLEASH, LAUNCHDARKLY)

FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in _ALL})
