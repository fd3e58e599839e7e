"""The records of a repository's pull requests beside its branches: read together, changed by one run at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from rollout_bot.core.model.repository import PullRequest, PullState, Revision
from rollout_bot.forge.git import Git
from rollout_bot.forge.interface import Conflict, ForgeError, NotFound, Unusable
from rollout_bot.forge.local.merging import Landing, Merging
from rollout_bot.forge.local.objects import Objects
from rollout_bot.forge.local.opening import discover
from rollout_bot.forge.local.pulls import PullStore, Record, damaged, read_json
from rollout_bot.forge.local.reading import Base, Reader
from rollout_bot.forge.local.worktrees import WorkTrees

_WAIT = 30.0
"""Seconds that a run waits for another."""


class Desk:
    """What the local forge's actions stand on: the lock, the records, and the healing of what was left half-done."""

    now: datetime
    actor: str

    def __init__(self, repository: Path, base_branch: str | None) -> None:
        git_dir, self.base_branch = discover(repository, base_branch)
        self._git = Git(git_dir, git_dir)
        self._objects = Objects(self._git)
        self._reader = Reader(self._objects)
        self._trees = WorkTrees(self._git)
        self._folder = git_dir / "rollout-bot"
        self._store = PullStore(self._folder / "pulls")
        self._merging = Merging(self._objects, self._folder / "merging.json", self._finish_merge)
        self._noticeboard = self._folder / "notes.json"
        self._file_lock = FileLock(self._folder / "lock")

    def pull(self, number: int) -> PullRequest:
        """A pull request in any state. Raises NotFound."""
        heads, _, base = self._look()
        return self._reader.view(self._record(number), base, heads)

    def _settle(self) -> None:
        """Records what people did with git alone: merged a branch, or deleted it."""
        heads, records, base = self._look()
        for record in records:
            if record.state is not PullState.OPEN:
                continue
            pull = self._reader.view(record, base, heads)
            if pull.state is PullState.CLOSED:
                self._store.write(replace(record, state=PullState.CLOSED, closed_at=self.now))
            elif pull.state is PullState.MERGED:
                commit = self._objects.first_landed(base.commit, pull.head)
                self._store.write(
                    replace(
                        record,
                        state=PullState.MERGED,
                        head=pull.head,
                        closed_at=self._objects.committed_at(commit),
                        merge_commit=commit,
                    )
                )

    def _look(self) -> tuple[Mapping[str, str], tuple[Record, ...], Base]:
        """Branches and records of one moment, with the base commit."""
        if self._folder.exists():
            with self._lock():
                self._merging.recover()
                heads, records = self._objects.heads(), self._store.all()
        else:
            heads, records = self._objects.heads(), ()
        tip = heads.get(self.base_branch)
        if tip is None:
            raise Unusable(
                f"the branch {self.base_branch} has no commits; commit the first, or name another base branch"
            )
        return heads, tuple(record for record in records if record.base == self.base_branch), self._reader.at(tip)

    def _notes(self) -> dict[str, dict[str, str]]:
        """By commit and topic. Raises ForgeError where the file is damaged."""
        found = read_json(self._noticeboard)
        if found is None:
            return {}
        if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
            raise damaged(self._noticeboard, "it holds no notes")
        return {str(commit): {str(k): str(v) for k, v in each.items()} for commit, each in found.items()}

    def _noted(self, history: Mapping[str, tuple[Revision, ...]]) -> Mapping[str, tuple[Revision, ...]]:
        notes = self._notes()
        if not notes:
            return history
        return {
            path: tuple(replace(each, notes=notes.get(each.commit, {})) for each in revisions)
            for path, revisions in history.items()
        }

    def _tip(self) -> str:
        return self._look()[2].commit

    def _record(self, number: int) -> Record:
        for record in self._store.all():
            if record.number == number and record.base == self.base_branch:
                return record
        raise NotFound(f"there is no pull request #{number} to {self.base_branch}; `rollout-bot pulls list` shows all")

    def _open_record(self, number: int) -> tuple[Record, PullRequest]:
        record, pull = self._record(number), self.pull(number)
        if pull.state is not PullState.OPEN:
            raise Conflict(f"#{number} is {pull.state}, not open")
        return record, pull

    def _newest(self, branch: str) -> tuple[Record, PullRequest]:
        numbers = [one.number for one in self._store.all() if one.branch == branch and one.base == self.base_branch]
        if not numbers:
            raise NotFound(f"there is no pull request of the branch {branch}; it has to be opened first")
        return self._record(numbers[-1]), self.pull(numbers[-1])

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock():
            self._merging.recover()
            self._settle()
            yield

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One run at a time; entering it again within a run is free. Raises ForgeError after half a minute."""
        lock = self._file_lock
        try:
            self._folder.mkdir(exist_ok=True)
            lock.acquire(timeout=_WAIT)
        except TimeoutError:
            raise ForgeError(
                f"another run has held {lock.lock_file} for more than {_WAIT:g} s; end it or wait, then try again"
            ) from None
        except OSError as error:
            raise ForgeError(f"{lock.lock_file}: cannot be locked: {error.strerror}; check its permissions") from None
        try:
            yield
        finally:
            lock.release()

    def _finish_merge(self, landing: Landing) -> None:
        record = next((one for one in self._store.all() if one.number == landing.number), None)
        if record is None:
            return
        self._git.run("update-ref", hidden(record.number), landing.head)
        merged = replace(
            record,
            state=PullState.MERGED,
            head=landing.head,
            closed_at=landing.at,
            closed_by=landing.by,
            merge_commit=landing.new,
            approvers=landing.approvers,
        )
        self._store.write(merged)
        self._remove_branch(merged)

    def _remove_branch(self, pull: Record | PullRequest) -> None:
        """Deletes the branch of a pull request that is over, unless somebody works on it."""
        branch, number = pull.branch, pull.number
        newest = max(record.number for record in self._store.all() if record.branch == branch)
        if newest == number:
            self._delete(branch, pull.head)

    def _left(self, heads: Mapping[str, str], records: Iterable[Record]) -> dict[str, str]:
        """Branches of the bot's own pull requests that are over: a run that was cut off did not get to delete them."""
        newest = {record.branch: record for record in records if record.branch in heads}
        found = {
            branch: record.head
            for branch, record in newest.items()
            if record.state is not PullState.OPEN and record.author == self.actor and heads[branch] == record.head
        }
        return {branch: head for branch, head in found.items() if not self._trees.on(branch)}

    def _delete(self, branch: str, head: str) -> bool:
        """Deletes a branch that is still at `head`, unless somebody works on it; answers whether it did."""
        if self._objects.heads().get(branch) != head or self._trees.on(branch):
            return False
        self._git.run("update-ref", "-d", f"refs/heads/{branch}", head)
        return True


def hidden(number: int) -> str:
    return f"refs/rollout-bot/pulls/{number}"
