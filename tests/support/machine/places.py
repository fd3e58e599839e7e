"""Where the machine runs: a forge in memory, the local forge on a git repository, and the fake GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rollout_bot.core.decision.actions import OpenPull
from rollout_bot.core.model.repository import PullRequest
from rollout_bot.forge.interface import Forge, ForgeError
from rollout_bot.forge.local import LocalForge
from support.chaos.hostings import GitHubHosting, LocalHosting
from support.chaos.services import Services
from support.github import FakeGitHub, Refused, strict
from support.hosted import Site
from support.model_forge import OWNER, Commit, ModelForge
from support.repositories import OWNERS, START

REFUSED = (ForgeError, Refused)
"""What a forge raises when somebody may not do what they try."""

STRANGER = "mallory"
"""Can write, and owns nothing."""

PEOPLE = {OWNER: "admin", "bob": "write", STRANGER: "write"}
GUARDED = f"{OWNERS}/rollout-state/*/state.yaml @{OWNER}\n"
"""CODEOWNERS with which not even a rollback can be merged without an owner."""

_OWNERS = ".github/CODEOWNERS"
_APP = 4711

Files = Mapping[str, bytes | None]


class Place(Protocol):
    """A repository with its people. `now` is the time there."""

    now: datetime
    roles: bool
    """Whether the forge knows who may ask for what."""

    def forge(self, now: datetime) -> Forge: ...
    def approve(self, number: int, by: str) -> None: ...
    def close(self, number: int, by: str) -> None: ...
    def merge(self, pull: PullRequest) -> None: ...
    def push(self, files: Files) -> None:
        """Past every rule, to the base branch."""

    def push_to(self, pull: PullRequest, files: Files) -> None:
        """One more commit on the branch of a pull request."""

    def propose(self, branch: str, files: Mapping[str, bytes]) -> None:
        """A stranger's pull request."""

    def protect(self, *, on: bool) -> None:
        """Whether the rules forbid the bot's own merges."""

    def show(self, path: str, commit: str) -> str | None: ...


class Memory:
    """`ModelForge`, and who acts on it."""

    roles = False

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.model = ModelForge(START, [Commit(dict(files), START)])

    @property
    def now(self) -> datetime:
        return self.model.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.model.now = now

    def forge(self, now: datetime) -> ModelForge:
        return self.model

    def approve(self, number: int, by: str) -> None:
        self.model.approve(number, by)

    def close(self, number: int, by: str) -> None:
        self.model.close(number, by)

    def merge(self, pull: PullRequest) -> None:
        self.model.merge(pull.number)

    def push(self, files: Files) -> None:
        kept = {path: content for path, content in {**self.model.files, **files}.items() if content is not None}
        self.model.commits.append(Commit(kept, self.now))

    def push_to(self, pull: PullRequest, files: Files) -> None:
        self.model.push(pull.number, dict(files))

    def propose(self, branch: str, files: Mapping[str, bytes]) -> None:
        if not any(pull.branch == branch for pull in self.model.open_pulls()):
            self.model.propose(branch, STRANGER, dict(files))

    def protect(self, *, on: bool) -> None:
        self.model.protected = on

    def show(self, path: str, commit: str) -> str | None:
        content = self.model.commits[int(commit)].files.get(path)
        return content.decode() if content is not None else None


class Local(LocalHosting):
    """The local forge."""

    roles = False

    def merge(self, pull: PullRequest) -> None:
        self.world.forge(self.now).merge(pull.number, STRANGER)

    def push_to(self, pull: PullRequest, files: Files) -> None:
        self.world.repository.commit(files, self.now, branch=pull.branch)

    def propose(self, branch: str, files: Mapping[str, bytes]) -> None:
        forge = LocalForge(self.world.repository.path, now=self.now, actor=STRANGER)
        texts = {path: content.decode() for path, content in files.items()}
        forge.apply(OpenPull(branch, self.world.repository.head(), texts, "Change", ""))

    def protect(self, *, on: bool) -> None:
        self.push({_OWNERS: GUARDED if on else OWNERS})


class GitHub(GitHubHosting):
    """The fake GitHub, with the recommended ruleset."""

    roles = True

    def merge(self, pull: PullRequest) -> None:
        self.github.person(STRANGER).merge(pull.number)

    def push_to(self, pull: PullRequest, files: Files) -> None:
        self.github.person(STRANGER).push(pull.branch, files)

    def propose(self, branch: str, files: Mapping[str, bytes]) -> None:
        self.github.person(STRANGER).propose(branch, files)

    def protect(self, *, on: bool) -> None:
        self.push({_OWNERS: GUARDED if on else OWNERS})


@contextmanager
def in_memory(folder: Path, files: Mapping[str, bytes]) -> Iterator[Place]:
    yield Memory(files)


@contextmanager
def on_local(folder: Path, files: Mapping[str, bytes]) -> Iterator[Place]:
    yield Local(folder, files, Services(folder))


@contextmanager
def on_github(folder: Path, files: Mapping[str, bytes]) -> Iterator[Place]:
    with FakeGitHub(folder, files, rules=strict(_APP), people=PEOPLE) as github:
        yield GitHub(github, Site(github, folder, github.app_token(app=_APP)), Services(folder))
