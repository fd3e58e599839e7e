"""A file for the textfile collector of node_exporter, replaced in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout_bot.core.observation import Observation
from rollout_bot.publish.interface import Unpublished


@dataclass(frozen=True, slots=True)
class TextFile:
    """`path` should end in `.prom`: node_exporter reads no others."""

    path: Path

    def publish(self, observations: Sequence[Observation]) -> None:
        from prometheus_client import write_to_textfile

        from rollout_bot.publish.families import registry

        try:
            write_to_textfile(str(self.path), registry(observations))
        except OSError as error:
            raise Unpublished(f"{self.path}: cannot be written: {error.strerror}") from None
