"""Which forge a command works on, and who asks there."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from support.repositories import START, make

from rollout_bot.commands.exits import UsageError
from rollout_bot.commands.where import hosted, open_forge, person
from rollout_bot.core.model.shards import Shard
from rollout_bot.forge.local import LocalForge

RUNNER = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "org/service", "GITHUB_ACTOR": "alice", "GITHUB_TOKEN": "t"}


def options(repository: Path = Path(), forge: str = "auto", name: str | None = None) -> argparse.Namespace:
    return argparse.Namespace(repository=repository, forge=forge, person=name)


def test_away_from_a_runner_the_forge_is_local(tmp_path: Path) -> None:
    repository = make(tmp_path / "service")
    assert isinstance(open_forge(options(repository.path), START, {}), LocalForge)
    assert isinstance(open_forge(options(repository.path, "local"), START, RUNNER), LocalForge)


def test_on_a_runner_it_is_github_and_so_it_is_where_asked_for() -> None:
    for asked, environment in (("auto", RUNNER), ("github", {**RUNNER, "GITHUB_ACTIONS": ""})):
        found = hosted(options(forge=asked), environment)
        assert found is not None
        assert (found.repository, found.actor) == ("org/service", "alice")


def test_github_needs_a_token() -> None:
    with pytest.raises(UsageError, match="GITHUB_TOKEN is not set"):
        open_forge(options(), START, {**RUNNER, "GITHUB_TOKEN": ""})


@pytest.mark.parametrize(("shard", "runs"), [(None, 1), (Shard(2, 4), 4)])
def test_shards_share_what_github_takes_in_a_minute(
    shard: Shard | None, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(
        "rollout_bot.forge.github.GitHubForge", lambda *_, side_by_side, **__: made.append(side_by_side)
    )
    open_forge(argparse.Namespace(forge="auto", shard=shard), START, RUNNER)
    assert made == [runs]


def test_on_github_only_the_actor_of_the_run_can_ask() -> None:
    assert person(options(), RUNNER) == "alice"
    with pytest.raises(UsageError, match="leave --as out"):
        person(options(name="admin"), RUNNER)
    with pytest.raises(UsageError, match="GITHUB_ACTOR"):
        person(options(), {**RUNNER, "GITHUB_ACTOR": ""})


def test_locally_the_option_or_git_says_who_asks(tmp_path: Path) -> None:
    repository = make(tmp_path / "service")
    assert person(options(repository.path, name="bob"), {}) == "bob"
    assert person(options(repository.path), {}) == "Human"
    repository.git("config", "user.name", "")
    with pytest.raises(UsageError, match="--as NAME"):
        person(options(repository.path), {})
