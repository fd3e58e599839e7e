"""One repository on either forge, with what people do to it, that can be set back to an earlier moment."""

from __future__ import annotations

import copy
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import GateState
from rollout_bot.core.record import TickRecord
from rollout_bot.files.state import read_state
from rollout_bot.forge.interface import Forge
from rollout_bot.forge.local import LocalForge
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.leaves import Leaves
from rollout_bot.tick.tick import Tick
from support.chaos.injection import Target
from support.chaos.services import Services
from support.github import FakeGitHub
from support.hosted import Site
from support.repositories import START
from support.ticks import NAME, STATE, World

Files = Mapping[str, str | bytes | None]


class Hosting(ABC):
    """A repository and its people. `now` is the true time."""

    name: str
    files = False

    def __init__(self, services: Services) -> None:
        self.services = services
        self._now = START

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._now = self.services.now = now

    @property
    def hosts(self) -> dict[str, Target]:
        return self.services.hosts

    def tick(self, request: Request | None = None, skew: timedelta = timedelta()) -> TickRecord:
        """One run of the bot and all that follows it, with a clock that is wrong by `skew`."""
        now = self.now + skew
        forge = self.forge(now)
        evaluator = Evaluator(now, self.services.folder, self.services.environment)
        record = Tick(forge, evaluator, frozenset((NAME,)) if request else None).run(request)
        Leaves(self.services.environment, self.services.textfile, every=request is None).follow(record, forge)
        return record

    def gist(self) -> object:
        """What a run leaves behind, times and texts aside, and what its gate keeps from being merged."""
        snapshot = self.forge(self.now).snapshot()
        state = read_state(snapshot.files[STATE], STATE)
        where = state.stage, state.percentage, state.attempt, state.generation, state.hold is not None
        green = [pull for pull in snapshot.open_pulls() if pull.gate and pull.gate.state is GateState.SUCCESS]
        return where, sorted(pull.branch for pull in green)

    @abstractmethod
    def forge(self, now: datetime) -> Forge: ...
    @abstractmethod
    def end(self) -> object:
        """What a run leaves behind, numbers and commit ids aside."""

    @abstractmethod
    def keep(self) -> Any:
        """The present, to be handed to `restore` any number of times."""

    @abstractmethod
    def restore(self, kept: Any) -> None: ...
    @abstractmethod
    def approve(self, number: int, by: str) -> None: ...
    @abstractmethod
    def close(self, number: int, by: str) -> None: ...
    @abstractmethod
    def push(self, files: Files) -> None:
        """Past every rule, to the base branch."""

    @abstractmethod
    def show(self, path: str, commit: str) -> str | None: ...


class LocalHosting(Hosting):
    """A git repository with a work tree."""

    name = "local"
    files = True

    def __init__(self, folder: Path, files: Files, services: Services) -> None:
        super().__init__(services)
        self._kept = 0
        self.world = World.made(folder / "shop", files)

    def forge(self, now: datetime) -> LocalForge:
        return self.world.forge(now)

    def end(self) -> object:
        status = self.world.repository.git("status", "--porcelain")
        return *self.world.end(self.now), tuple(self.world.repository.branches()), status

    def keep(self) -> Path:
        self._kept += 1
        path = self.world.repository.path.with_name(f"kept-{self._kept}")
        _copy(self.world.repository.path, path)
        return path

    def restore(self, kept: Path) -> None:
        shutil.rmtree(self.world.repository.path)
        _copy(kept, self.world.repository.path)

    def approve(self, number: int, by: str) -> None:
        self.world.forge(self.now).approve(number, by)

    def close(self, number: int, by: str) -> None:
        self.world.forge(self.now).close(number, by)

    def push(self, files: Files) -> None:
        self.world.repository.commit(files, self.now)

    def show(self, path: str, commit: str) -> str | None:
        found = self.world.repository.git("ls-tree", "--format=%(objectname)", commit, "--", path)
        return self.world.repository.git("cat-file", "blob", found) if found else None


class GitHubHosting(Hosting):
    """The fake GitHub, with an App's token."""

    name = "GitHub"

    def __init__(self, github: FakeGitHub, site: Site, services: Services) -> None:
        super().__init__(services)
        self.github, self.site = github, site

    @property
    def now(self) -> datetime:
        return self.github.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.github.now = self.services.now = now

    @property
    def hosts(self) -> dict[str, Target]:
        return {**self.services.hosts, self.github.origin.removeprefix("http://"): Target.GITHUB}

    def forge(self, now: datetime) -> Forge:
        forge = self.site.forge()
        forge.now = now
        return forge

    def end(self) -> object:
        """Without labels of what is over: no rollout depends on them, and nobody adds them later."""
        tree, branches, pulls, labels = self.site.end()
        return tree, branches, pulls, [each for each in labels if each[0] in branches]  # type: ignore[attr-defined]

    def keep(self) -> tuple[dict[str, Any], dict[str, str]]:
        world = self.github.world
        return copy.deepcopy({name: each for name, each in vars(world).items() if name != "store"}), self._references()

    def restore(self, kept: tuple[dict[str, Any], dict[str, str]]) -> None:
        world, references = kept
        vars(self.github.world).update(copy.deepcopy(world))
        there = self._references()
        # Objects stay: nothing leads to them any more.
        commands = [f"delete {name}\n" for name in there if name not in references]
        commands += [f"update {name} {oid}\n" for name, oid in references.items() if there.get(name) != oid]
        store = self.github.world.store
        store.git.run("update-ref", "--stdin", stdin="".join(commands).encode())
        store._heads = None

    def _references(self) -> dict[str, str]:
        lines = self.github.world.store.git.line("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)  # type: ignore[misc]

    def approve(self, number: int, by: str) -> None:
        self.github.person(by).approve(number)

    def close(self, number: int, by: str) -> None:
        self.github.person(by).close(number)

    def push(self, files: Files) -> None:
        self.github.commit(files)

    def show(self, path: str, commit: str) -> str | None:
        return self.github.show(path, commit)


def _copy(folder: Path, to: Path) -> None:
    """Objects are never changed, so that a second name is as good as a second file."""
    shutil.copytree(
        folder, to, copy_function=lambda one, other: (os.link if "/objects/" in one else shutil.copy2)(one, other)
    )
