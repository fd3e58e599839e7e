from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.github import FakeGitHub, strict
from support.hosted import Site
from support.ticks import initial

APP = 4711


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites; each serves until the end of the test. Options are those of `FakeGitHub`."""
    with ExitStack() as stack:
        count = 0

        def made(**options: Any) -> Site:
            nonlocal count
            count += 1
            folder = tmp_path / f"site{count}"
            folder.mkdir()
            options = {"files": initial(), "rules": strict(APP)} | options
            github = stack.enter_context(FakeGitHub(folder, **options))
            return Site(github, folder, github.app_token(app=APP))

        yield made


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """The recommended rules, an App's token, and a rollout at canary."""
    return make_site()
