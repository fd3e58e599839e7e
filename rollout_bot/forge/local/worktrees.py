"""Work trees that have the base branch checked out: they follow it, and nobody's edits are lost."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from rollout_bot.forge.git import Git, GitFailed, shown
from rollout_bot.forge.interface import ForgeError


class WorkTrees:
    """The main work tree and the linked ones of a repository."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def on(self, branch: str) -> list[Path]:
        """Folders that have a branch checked out."""
        found: list[Path] = []
        folder = ""
        for line in self._git.line("worktree", "list", "--porcelain").split("\n"):
            if line.startswith("worktree "):
                folder = line.removeprefix("worktree ")
            elif line == f"branch refs/heads/{branch}" and Path(folder).is_dir():
                found.append(Path(folder))
        return found

    def move(self, branch: str, old: str, new: str) -> None:
        """Brings every work tree on a branch from one commit to another; unrelated edits stay.

        Repeating it is harmless. Raises ForgeError where uncommitted edits are in the way; that work tree is untouched.
        """
        for folder in self.on(branch):
            git = Git(folder)
            try:
                git.maybe("update-index", "-q", "--refresh")
                git.run("read-tree", "-m", "-u", old, new)
            except GitFailed as error:
                raise ForgeError(
                    f"uncommitted edits in {shown(str(folder))} are in the way: {error.reason}; commit or stash them"
                ) from None

    def move_back(self, branch: str, old: str, new: str) -> None:
        """Undoes `move`, as far as nobody has edited the same paths since."""
        with suppress(ForgeError):
            self.move(branch, new, old)
