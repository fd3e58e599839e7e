from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.forges import POLICY, STATE
from support.github import FakeGitHub
from support.github_forge import FILES, Connect, connector
from support.repositories import START, Repository, make

from rollout_bot.forge.github import GitHubForge
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


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path, FILES) as found:
        yield found


@pytest.fixture
def connect(github: FakeGitHub) -> Connect:
    return connector(github)


@pytest.fixture
def hub(connect: Connect) -> GitHubForge:
    return connect()
