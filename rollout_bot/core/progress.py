"""How far something long has got, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Takes how much is done of how much."""


def unseen(_done: int, _of: int) -> None:
    """Nobody looks."""
