"""The rollouts as the files of a checkout have them, committed or not; of a bare repository, as its HEAD has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rollout_bot.core.model.repository import LARGEST, ROOT, approval_path, is_name, policy_path, state_path
from rollout_bot.core.model.state import ChangeKind, State, misfits
from rollout_bot.files.problems import InvalidFile, NotThere, Problem
from rollout_bot.files.state import read_state

if TYPE_CHECKING:
    from rollout_bot.core.model.policy import Policy
    from rollout_bot.tick.neighbours import Neighbours


@dataclass(frozen=True)
class Checkout:
    """Reads without the forge: `percentage` and `validate` must work in any clone, shallow ones included."""

    repository: Path

    @cached_property
    def root(self) -> Path:
        """The folder that holds `rollout-state/`: the nearest above that has it or is the top of a repository.

        Raises NotThere where there is no folder to begin with.
        """
        here = self.repository.absolute()
        if not here.is_dir():
            raise NotThere(f"{self.repository} is no folder; give the path of a git repository")
        return next((each for each in (here, *here.parents) if _is_top(each)), here)

    def rollouts(self) -> tuple[str, ...]:
        return tuple(name.removesuffix("/") for name in self._names(ROOT) if name.endswith("/"))

    def policy(self, rollout: str) -> Policy:
        """The policy, without a look at its metrics section. Raises InvalidFile."""
        from rollout_bot.files.policy import read_policy

        path = policy_path(rollout)
        return read_policy(self.content(path, rollout), path)

    def state(self, rollout: str) -> State:
        """The state, checked against its policy and, where it has gone up, its approval. Raises InvalidFile."""
        path = state_path(rollout)
        state = read_state(self.content(path, rollout), path)
        policy = self.policy(rollout)
        wrong = [*misfits(state, policy), *_misplaced(rollout, state.rollout)]
        if wrong:
            raise InvalidFile(tuple(Problem(path, 1, 1, "", each, "a state that fits its policy") for each in wrong))
        bare = state.change.kind is ChangeKind.ADVANCE and self._unapproved(state, policy, self._content)
        if bare and not self._was_approved(state):
            raise InvalidFile((_without_approval(state),))
        return state

    def _unapproved(self, state: State, policy: Policy, content: Callable[[str], bytes | None]) -> bool:
        stage = policy.stage(state.stage)
        if stage is None or not stage.requires_approval:
            return False
        from rollout_bot.core.model.approved import lacks_marker
        from rollout_bot.files.approval import read_approval

        path = approval_path(state.rollout, state.stage)
        marker = content(path)
        try:
            return marker is None or lacks_marker(state, policy, {state.stage: read_approval(marker, path)})
        except InvalidFile:
            return True

    def _was_approved(self, state: State) -> bool:
        """Whether the commit that brought the state was right by the files that it had; a shallow clone cannot tell.

        Since then the policy may have been made stricter, or the marker tidied away.
        """
        from rollout_bot.files.policy import read_policy

        path = policy_path(state.rollout)
        commit = self._brought(state_path(state.rollout))
        then = self._committed_at(commit, path) if commit else None
        try:
            return then is not None and not self._unapproved(
                state, read_policy(then, path), lambda each: self._committed_at(commit, each)
            )
        except InvalidFile:
            return False

    def _brought(self, path: str) -> str:
        """The commit that brought a file as it is now; empty where there is none, or nobody can tell."""
        from rollout_bot.forge.git import Git
        from rollout_bot.forge.interface import ForgeError

        try:
            commit = Git(self.root).line("log", "-1", "--first-parent", "--format=%H", "HEAD", "--", path)
        except ForgeError:
            return ""
        return commit if commit and self._committed_at(commit, path) == self._content(path) else ""

    def _committed_at(self, commit: str, path: str) -> bytes | None:
        try:
            return self._committed_file(path, commit)
        except FileNotFoundError:
            return None

    def problems(self, rollout: str) -> tuple[str, ...]:
        """Everything that is wrong with one rollout's files."""
        from rollout_bot.files.approval import read_approval
        from rollout_bot.tick.reading import check_policy

        policy, state = policy_path(rollout), state_path(rollout)
        if not is_name(rollout):
            return (_no_name(rollout),)
        checks: list[tuple[str, Callable[[bytes, str], object]]] = [(policy, check_policy), (state, read_state)]
        checks.extend((path, read_approval) for path in self._approvals(rollout))
        found: list[str] = []
        for path, read in checks:
            try:
                read(self.content(path, rollout), path)
            except InvalidFile as error:
                found.extend(str(error).splitlines())
        if not found:
            try:
                self.state(rollout)
            except InvalidFile as error:
                found.extend(str(error).splitlines())
        return tuple(found) or self._neighbours.problems(rollout)

    @cached_property
    def _neighbours(self) -> Neighbours:
        from rollout_bot.tick.neighbours import Neighbours

        return Neighbours(self.rollouts(), self._content)

    def _content(self, path: str) -> bytes | None:
        try:
            return self.content(path, path.split("/")[1])
        except NotThere:
            return None

    def _approvals(self, rollout: str) -> Iterator[str]:
        folder = f"{ROOT}/{rollout}/approvals"
        for name in self._names(folder):
            if name.endswith(".yaml"):
                yield f"{folder}/{name}"

    def content(self, path: str, rollout: str) -> bytes:
        """A file of a rollout. Raises NotThere."""
        if not is_name(rollout):
            raise NotThere(_no_name(rollout))
        try:
            return self._file(path) if self._has_files else self._committed_file(path)
        except FileNotFoundError:
            raise NotThere(f"{path} is missing; write it with: rollout-bot init {rollout}") from None
        except OSError as error:
            raise NotThere(f"{path} cannot be read: {error.strerror}") from None

    def _file(self, path: str) -> bytes:
        """As much as it takes to see that it is too long: a link may lead to something without an end."""
        with (self.root / path).open("rb") as file:
            return file.read(LARGEST + 1)

    def _names(self, folder: str) -> list[str]:
        """What a folder holds, sorted; folders end with a slash."""
        try:
            if self._has_files:
                return sorted(each.name + "/" * each.is_dir() for each in (self.root / folder).iterdir())
            tree = self._committed("ls-tree", "-z", folder).decode("utf-8", "surrogateescape")
        except OSError:
            return []
        entries = (line.split("\t", 1) for line in tree.split("\0") if line)
        return sorted(name + "/" * (" tree " in kind) for kind, name in entries)

    @property
    def _has_files(self) -> bool:
        return (self.root / ".git").exists() or (self.root / ROOT).is_dir()

    def _committed_file(self, path: str, at: str = "HEAD") -> bytes:
        from rollout_bot.forge.git import Git

        name = self._committed("rev-parse", "--verify", "--quiet", path, at=at).decode().strip()
        return Git(self.root).blobs([name], LARGEST)[name]

    def _committed(self, *command: str, at: str = "HEAD") -> bytes:
        """What git says about a path, the last argument, as of a commit. Raises FileNotFoundError."""
        from rollout_bot.forge.git import Git, GitFailed

        *arguments, path = command
        try:
            return Git(self.root).run(*arguments, f"{at}:{path}")
        except GitFailed as error:
            raise FileNotFoundError(path) from error


def _is_top(folder: Path) -> bool:
    """A bare repository is one, too, wherever it lies; but not the git directory of a work tree."""
    bare = folder.name != ".git" and (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    return bare or (folder / ROOT).is_dir() or (folder / ".git").exists()


def _no_name(rollout: str) -> str:
    return f"{rollout!r} cannot name a rollout; allowed: a lower-case letter, then up to 62 letters, digits and dashes"


def _without_approval(state: State) -> Problem:
    marker = approval_path(state.rollout, state.stage)
    return Problem(
        state_path(state.rollout),
        1,
        1,
        "",
        f"stage {state.stage!r}, entered without its approval",
        f"with {marker} for attempt {state.attempt}, which an owner adds by pull request",
        f"Or go down: rollout-bot rollback {state.rollout} --reason …",
    )


def _misplaced(folder: str, rollout: str) -> Iterator[str]:
    if folder != rollout:
        yield f"rollout is {rollout!r}, but its folder is called {folder!r}"
