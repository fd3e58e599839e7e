"""How a pull request reaches the base branch, and how a merge that was killed half-way is finished or undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rollout_bot.forge.git import GitFailed, shown
from rollout_bot.forge.interface import Conflict, ForgeError
from rollout_bot.forge.local.objects import Entry, Objects
from rollout_bot.forge.local.pulls import as_text, as_texts, as_time, damaged, read_json, write_json
from rollout_bot.forge.local.worktrees import WorkTrees


@dataclass(frozen=True, slots=True)
class Landing:
    """A merge about to happen: `base` moves from `old` to `new`, which brings the head of a pull request."""

    number: int
    base: str
    head: str
    old: str
    new: str
    by: str
    at: datetime
    approvers: tuple[str, ...]


class Merging:
    """Moves work trees, then the base branch, then calls `finish`, which must be safe to repeat.

    What is about to happen is written down first. After a kill, `recover` finishes what reached the base branch and
    undoes what did not. Both need the forge's lock.
    """

    def __init__(self, objects: Objects, journal: Path, finish: Callable[[Landing], None]) -> None:
        self._objects = objects
        self._git = objects.git
        self._trees = WorkTrees(objects.git)
        self._journal = journal
        self._finish = finish

    def land(self, landing: Landing) -> None:
        """Raises ForgeError where uncommitted edits are in the way, Conflict where the base moved meanwhile."""
        write_json(self._journal, asdict(landing))
        reference, note = f"refs/heads/{landing.base}", f"rollout-bot: merge #{landing.number}"
        try:
            self._trees.move(landing.base, landing.old, landing.new)
            self._git.run("update-ref", "-m", note, reference, landing.new, landing.old)
        except GitFailed as error:
            self.recover()
            raise Conflict(f"{landing.base} moved during the merge of #{landing.number}: {error.reason}") from None
        except ForgeError:
            self.recover()
            raise
        self._finish(landing)
        self._forget()

    def recover(self) -> None:
        """Brings a killed merge to an end, one way or the other."""
        found = read_json(self._journal)
        if found is None:
            return
        landing = _landing(self._journal, found)
        tip = self._objects.heads().get(landing.base)
        if tip is not None and self._landed(tip, landing.new):
            self._finish(landing)
        elif tip == landing.old:
            self._trees.move_back(landing.base, landing.old, landing.new)
        self._forget()

    def _forget(self) -> None:
        """What stays written down is brought to its end once more by the next run, which does no harm."""
        try:
            self._journal.unlink()
        except OSError as error:
            raise ForgeError(f"{self._journal}: cannot be removed: {error.strerror}; check its permissions") from None

    def _landed(self, tip: str, commit: str) -> bool:
        try:
            return self._objects.contains(tip, commit)
        except GitFailed:
            return False


def combine(objects: Objects, base: str, head: str) -> dict[str, Entry | None]:
    """What a squash merge changes on the base: whole files, each from the side that changed it.

    Raises Conflict that names the first path which both sides changed, each in its own way.
    """
    wanted = objects.changes(objects.merge_base(base, head), head)
    present = objects.tree(base, wanted) if wanted else {}
    updates: dict[str, Entry | None] = {}
    for path, change in wanted.items():
        if present.get(path) not in (change.old, change.new):
            raise Conflict(
                f"{shown(path)} was changed on the base branch as well; close the pull request and let the next tick "
                "open a new one"
            )
        if present.get(path) != change.new:
            updates[path] = change.new
    return updates


def _landing(path: Path, found: Any) -> Landing:
    try:
        return Landing(
            number=int(found["number"]),
            base=as_text(found["base"]),
            head=as_text(found["head"]),
            old=as_text(found["old"]),
            new=as_text(found["new"]),
            by=as_text(found["by"]),
            at=as_time(found["at"]),
            approvers=as_texts(found["approvers"]),
        )
    except (TypeError, KeyError, ValueError) as error:
        raise damaged(path, str(error)) from None
