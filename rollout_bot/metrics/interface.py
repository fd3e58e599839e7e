"""What a metrics source is, and how one is found by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rollout_bot.core.policy import Fault
from rollout_bot.core.samples import Measurement, Unmeasured, Window

ENTRY_POINTS = "rollout_bot.metrics"
"""The entry-point group: a name for `metrics.source` in a policy → a subclass of `Source`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source may need beside its settings: the folder that relative paths start from."""

    root: Path


class Source(ABC):
    """Reads counts of requests and failures.

    `schema` is the JSON Schema (an object with `properties`, `required` …) of the source's own keys in the policy's
    `metrics` section; the key `source` is not among them. A string property marked `"environment": true` has
    `${NAME}` expanded before the source is made.
    """

    schema: ClassVar[Mapping[str, object]]

    @abstractmethod
    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        """`settings` have passed `schema` and `faults` and have their environment expanded."""

    @abstractmethod
    def samples(self, window: Window) -> Measurement | Unmeasured:
        """Counts of the complete intervals in `window`. Never raises for what the outside world does."""

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:  # noqa: ARG003
        """What the schema cannot see, such as a query that does not parse; paths start below `metrics`."""
        return iter(())

    def queries(self) -> Mapping[str, str]:
        """What is asked, by name, to be frozen with the evidence. Never an address or a credential."""
        return {}
