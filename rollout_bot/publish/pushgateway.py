"""A Prometheus Pushgateway: one group of metrics for each rollout, replaced with every push."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from rollout_bot.core.observation import Observation
from rollout_bot.core.wording import amount
from rollout_bot.network.delivery import Undelivered, address_fault, send
from rollout_bot.network.exchange import bounded
from rollout_bot.publish.interface import Unpublished

JOB = "rollout-bot"
"""Label `job` of all groups; the label `rollout` tells them apart."""

AT_ONCE = 8

BUG = "bug in the bot"


@dataclass(frozen=True, slots=True)
class Pushgateway:
    """`address` may hold a name and a password; `HOST:PORT` is enough."""

    address: str = field(repr=False)

    def publish(self, observations: Sequence[Observation]) -> None:
        """Pushes all, whichever of them fails."""
        if fault := address_fault(_whole(self.address)):
            raise Unpublished(f"the address of the Pushgateway cannot be used: {fault}")
        pushed = bounded((partial(self._push, each) for each in _mixed(observations)), at_once=AT_ONCE)
        failures = [BUG if each is None else each for each in pushed if each != ""]
        if failures:
            some = amount(len(failures), "rollout")
            raise Unpublished(f"the Pushgateway did not take the metrics of {some}: {failures[0]}")

    def _push(self, observation: Observation) -> str:
        """Why it failed; empty where it did not."""
        from prometheus_client import push_to_gateway

        from rollout_bot.publish.families import registry

        try:
            push_to_gateway(
                _whole(self.address),
                JOB,
                registry([observation]),
                grouping_key={"rollout": observation.rollout},
                handler=_handler,
            )
        except Undelivered as error:
            return str(error)
        return ""


def _mixed(observations: Sequence[Observation]) -> list[Observation]:
    """In another order at each tick: where time is too short for all, it is not always the same that are left out."""
    return sorted(observations, key=lambda each: sha256(f"{each.now.isoformat()} {each.rollout}".encode()).digest())


def _whole(address: str) -> str:
    return address if "://" in address else f"http://{address}"


def _handler(
    *, url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
) -> Callable[[], None]:
    """What prometheus_client sends with: its own one follows redirects and writes the address into its errors."""
    del method, timeout
    return lambda: send("PUT", url, data, dict(headers))
