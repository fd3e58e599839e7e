"""What a publisher is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rollout_bot.core.observation import Observation


class Unpublished(Exception):
    """The metrics did not arrive, or not all; the message says why and holds no address and no credential."""


class Publisher(Protocol):
    """Takes the metrics of one tick to where they are collected, each time anew and as a whole."""

    def publish(self, observations: Sequence[Observation]) -> None:
        """Raises Unpublished, nothing else. Need not keep a deadline: whoever calls does not wait for ever."""
