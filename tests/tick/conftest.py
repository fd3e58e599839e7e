"""The two rollouts that most ticks of these tests begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repositories import START
from support.ticks import HOUR, World, initial

NOW = START + 3 * HOUR


@pytest.fixture
def world(tmp_path: Path) -> World:
    """In canary for three hours, healthy; the next stage needs an owner."""
    made = World.made(tmp_path / "repository")
    made.serve(NOW)
    return made


@pytest.fixture
def half(tmp_path: Path) -> World:
    """In half for three hours, healthy; the next stage needs nobody."""
    made = World.made(tmp_path / "half", initial(stage="half"))
    made.serve(NOW)
    return made
