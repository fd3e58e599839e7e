"""The rollouts as the files of a checkout have them, committed or not; of a bare repository, as its HEAD has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rollout_bot.core.repository import ROOT, policy_path, state_path
from rollout_bot.core.state import State, misfits
from rollout_bot.files.problems import InvalidFile, Problem
from rollout_bot.files.state import read_state

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def is_name(text: str) -> bool:
    """Whether a rollout can be called that: it becomes a folder, a part of a branch and of a metric's name."""
    return _NAME.fullmatch(text) is not None


class NotThere(InvalidFile):
    """A rollout or one of its files is missing; an InvalidFile whose message says how to write it."""

    def __init__(self, path: str, rollout: str) -> None:
        hint = f"Write it with: rollout-bot init {rollout}"
        super().__init__((Problem(path, 1, 1, "", "no such file", "a file that is there", hint),))


@dataclass(frozen=True)
class Checkout:
    """Reads without the forge: `percentage` and `validate` must work in any clone, shallow ones included."""

    repository: Path

    @cached_property
    def root(self) -> Path:
        """The folder that holds `rollout-state/`: the nearest above that has it or is the top of a repository."""
        here = self.repository.absolute()
        return next(
            (each for each in (here, *here.parents) if (each / ROOT).is_dir() or (each / ".git").exists()), here
        )

    def rollouts(self) -> tuple[str, ...]:
        folder = self.root / ROOT
        return tuple(sorted(each.name for each in folder.iterdir() if each.is_dir())) if folder.is_dir() else ()

    def state(self, rollout: str) -> State:
        """The state, checked against its policy. Raises InvalidFile."""
        from rollout_bot.files.policy import read_policy

        path = state_path(rollout)
        state = read_state(self._read(path, rollout), path)
        policy = read_policy(self._read(policy_path(rollout), rollout), policy_path(rollout))
        wrong = [*misfits(state, policy), *_misplaced(rollout, state.rollout)]
        if wrong:
            raise InvalidFile(tuple(Problem(path, 1, 1, "", each, "a state that fits its policy") for each in wrong))
        return state

    def problems(self, rollout: str) -> tuple[str, ...]:
        """Everything that is wrong with one rollout's files."""
        from rollout_bot.evaluation import check_policy
        from rollout_bot.files.approval import read_approval

        policy, state = policy_path(rollout), state_path(rollout)
        checks: list[tuple[str, Callable[[bytes, str], object]]] = [(policy, check_policy), (state, read_state)]
        checks.extend((path, read_approval) for path in self._approvals(rollout))
        found: list[str] = []
        for path, read in checks:
            try:
                read(self._read(path, rollout), path)
            except InvalidFile as error:
                found.extend(map(str, error.problems))
        if not found:
            try:
                self.state(rollout)
            except InvalidFile as error:
                found.extend(map(str, error.problems))
        return tuple(found)

    def _approvals(self, rollout: str) -> Iterator[str]:
        folder = f"{ROOT}/{rollout}/approvals"
        for each in sorted((self.root / folder).glob("*.yaml")):
            yield f"{folder}/{each.name}"

    def _read(self, path: str, rollout: str) -> bytes:
        if not is_name(rollout):
            allowed = "a lower-case letter, then up to 62 letters, digits and dashes"
            raise InvalidFile((Problem(ROOT, 1, 1, "", f"a rollout called {rollout!r}", allowed),))
        try:
            if (self.root / ".git").exists() or (self.root / ROOT).is_dir():
                return (self.root / path).read_bytes()
            return self._committed(path)
        except FileNotFoundError:
            raise NotThere(path, rollout) from None

    def _committed(self, path: str) -> bytes:
        from rollout_bot.forge.git import Git, GitFailed

        git = Git(self.root)
        try:
            git.run("rev-parse", "--git-dir")
            return git.run("cat-file", "blob", f"HEAD:{path}")
        except GitFailed as error:
            raise FileNotFoundError(path) from error


def _misplaced(folder: str, rollout: str) -> Iterator[str]:
    if folder != rollout:
        yield f"rollout is {rollout!r}, but its folder is called {folder!r}"
