"""What an examination of a set-up finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`WRONG` would break a rollout; `WEAK` works, with a risk worth knowing; `UNKNOWN` cannot be told from here."""

    RIGHT = "right"
    WEAK = "weak"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `fix` says what to do, and is empty only where all is right."""

    level: Level
    subject: str
    found: str
    fix: str = ""
