from __future__ import annotations

from pathlib import Path

import pytest
from support.forges import POLICY, STATE
from support.repositories import START, Repository, make

from rollout_bot.forge.local import LocalForge


@pytest.fixture(autouse=True)
def _no_personal_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make(tmp_path / "service", {STATE: "stage: quarter\n", POLICY: "stages: []\n"})


@pytest.fixture
def forge(repository: Repository) -> LocalForge:
    return LocalForge(repository.path, now=START)
