"""A tree of reasons: what was found, whether it is in the way, in a sentence and in figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

Figure = float | datetime | timedelta | str | None
"""A count, a fraction of one, an evidence, a moment (aware), a span; a word. None: not known, or there is none."""

Figures = Mapping[str, Figure]


class Status(StrEnum):
    """`WAITING` may pass by itself; `FAILED` asks for somebody or has led to a rollback; `NOTED` decides nothing."""

    PASSED = "passed"
    WAITING = "waiting"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class Reason:
    """One node. `name` is short and stays the same from tick to tick; `text` is one sentence for people.

    `figures` are for programs, in the order in which they matter: those called `…_rate`, `limit`, `lower`, `upper` and
    `increase` are fractions of one, `…_at` and `since` moments, `to_go` and the other spans of time; the rest counts.
    """

    name: str
    status: Status
    text: str
    figures: Figures = field(default_factory=dict)
    children: tuple[Reason, ...] = ()

    def walk(self) -> Iterator[Reason]:
        """This reason and all beneath it, from the top down."""
        yield self
        for child in self.children:
            yield from child.walk()
