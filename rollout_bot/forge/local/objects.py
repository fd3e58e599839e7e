"""Trees, differences, history and commits of one repository, in few git processes."""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollout_bot.core.model.repository import LARGEST, ROOT
from rollout_bot.forge.git import Git, fields, listed, raw, text

REVISIONS = 200
"""Revisions of each file that are kept, the newest."""

_REGULAR = ("100644", "100755")
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """A path in a tree: git's mode, such as "100644", and the object's id."""

    mode: str
    id: str

    @property
    def regular(self) -> bool:
        return self.mode in _REGULAR


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a path; None where it is absent."""

    old: Entry | None
    new: Entry | None

    @property
    def irregular(self) -> bool:
        """Whether it became something that is no file: a symbolic link or a submodule."""
        return self.new is not None and not self.new.regular


@dataclass(frozen=True, slots=True)
class Landed:
    """One first-parent commit that changed a path; `entry` is None where the path was deleted."""

    commit: str
    at: datetime
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who made a commit, and when."""

    author: str
    committer: str
    at: datetime


class Objects:
    """Reads and writes objects; what was read once is kept, since an object never changes."""

    def __init__(self, git: Git) -> None:
        self.git = git
        self._blobs: dict[str, bytes] = {}
        self._bases: dict[tuple[str, str], str] = {}
        self._changes: dict[tuple[str, str], dict[str, Change]] = {}

    def heads(self) -> dict[str, str]:
        """The commit of every branch."""
        output = text(self.git.run("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads/"))
        pairs = (line.split(" ", 1) for line in output.split("\n") if line)
        return {branch: commit for commit, branch in pairs}

    def tree(self, revision: str, paths: Iterable[str]) -> dict[str, Entry]:
        """The entries of the given paths, a folder's with all below it."""
        output = self.git.run("ls-tree", "-r", "-z", "--full-tree", revision, "--", *paths)
        entries = (field.split("\t", 1) for field in fields(output))
        return {path: Entry(head.split()[0], head.split()[2]) for head, path in entries}

    def contents(self, entries: Mapping[str, Entry], limit: int = LARGEST) -> dict[str, bytes]:
        """The contents of the regular files among the entries; of one that is longer than `limit` bytes, more zeros."""
        regular = {path: entry.id for path, entry in entries.items() if entry.regular}
        missing = [name for name in dict.fromkeys(regular.values()) if name not in self._blobs]
        self._blobs |= self.git.blobs(missing, limit)
        return {path: self._blobs[name] for path, name in regular.items()}

    def merge_base(self, base: str, head: str) -> str:
        """Where a head left the base; the empty tree if they share no history."""
        if (base, head) not in self._bases:
            found = self.git.maybe("merge-base", base, head)
            self._bases[base, head] = found or self.git.line("hash-object", "-t", "tree", "--stdin")
        return self._bases[base, head]

    def contains(self, base: str, commit: str) -> bool:
        return self.merge_base(base, commit) == commit

    def changes(self, old: str, new: str) -> dict[str, Change]:
        """Every path that differs between two commits."""
        if (old, new) not in self._changes:
            command = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", "--no-commit-id")
            parts = fields(self.git.run(*command, old, new))
            self._changes[old, new] = {path: _change(line) for line, path in zip(*[iter(parts)] * 2, strict=True)}
        return self._changes[old, new]

    def patch(self, old: str, new: str) -> str:
        """The difference between two commits for people."""
        command = ("diff-tree", "-r", "-p", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
        return self.git.run(*command, old, new).decode("utf-8", "backslashreplace")

    def history(self, base: str) -> dict[str, list[Landed]]:
        """The first-parent commits that changed a rollout's state or policy, newest first, by path.

        A merge counts as one commit with its own date, however old the commits are that it brings.
        """
        command = (
            "log",
            "--first-parent",
            "--diff-merges=first-parent",
            "--raw",
            "-z",
            "--no-renames",
            "--no-abbrev",
            "--no-notes",
        )
        paths = (f":(top,glob){ROOT}/*/{name}.yaml" for name in ("state", "policy"))
        parts = iter(fields(self.git.run(*command, "--format=tformat:%H %ct", base, "--", *paths)))
        found: dict[str, list[Landed]] = {}
        commit, at = "", _LATEST
        for part in parts:
            line = part.removeprefix("\n")
            if not line.startswith(":"):
                commit, _, seconds = line.partition(" ")
                at = _time(seconds)
            elif len(revisions := found.setdefault(next(parts), [])) < REVISIONS:
                revisions.append(Landed(commit, at, _change(line).new))
        return found

    def first_landed(self, base: str, head: str) -> str:
        """The first-parent commit of the base that brought a head into it: a merge, or the head itself."""
        chain = self.git.line("rev-list", "--first-parent", "--reverse", f"{head}..{base}").split()
        at = bisect_left(chain, True, key=lambda commit: self.contains(commit, head))
        # The head lies on the chain itself where it landed by fast-forward.
        return head if at == len(chain) or self.git.line("rev-parse", f"{chain[at]}^1") == head else chain[at]

    def committed_at(self, commit: str) -> datetime:
        return _time(self.git.line("log", "-1", "--format=%ct", commit))

    def commit(self, parent: str, updates: Mapping[str, Entry | None], who: Signature, message: str) -> str:
        """A commit whose tree is the parent's with some entries replaced; None removes one. No work tree is touched."""
        with tempfile.TemporaryDirectory() as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            self.git.run("read-tree", parent, extra=index)
            gone, kept = [p for p, e in updates.items() if e is None], [(p, e) for p, e in updates.items() if e]
            lines = [f"0 {'0' * len(parent)}\t{path}" for path in gone]
            lines += [f"{entry.mode} {entry.id}\t{path}" for path, entry in kept]
            self.git.run("update-index", "-z", "--index-info", stdin=listed(lines), extra=index)
            tree = self.git.line("write-tree", extra=index)
        return self.git.line("commit-tree", tree, "-p", parent, stdin=raw(_clean(message)), extra=_identity(who))

    def blob(self, content: bytes) -> str:
        """Stores a content; its id."""
        return self.git.line("hash-object", "-w", "--stdin", stdin=content)


def _change(line: str) -> Change:
    old_mode, new_mode, old, new, _ = line.removeprefix(":").split(" ")
    return Change(_entry(old_mode, old), _entry(new_mode, new))


def _entry(mode: str, name: str) -> Entry | None:
    return None if mode == "000000" else Entry(mode, name)


def _time(seconds: str) -> datetime:
    # A commit can hold any number as its date; one that no calendar has lies in the future: the rollout then waits.
    try:
        return _EPOCH + timedelta(seconds=int(seconds))
    except (ValueError, OverflowError):
        return _LATEST


def _identity(who: Signature) -> dict[str, str]:
    date = f"@{int(who.at.timestamp())} +0000"
    found: dict[str, str] = {}
    for role, name in (("AUTHOR", who.author), ("COMMITTER", who.committer)):
        word = re.sub(r"[\s<>\x00-\x1f\x7f]+", " ", name).strip(" .,:;\"'\\") or "unknown"
        address = word if "@" in word else f"{word.replace(' ', '.')}@localhost"
        found |= {f"GIT_{role}_NAME": word, f"GIT_{role}_EMAIL": address, f"GIT_{role}_DATE": date}
    return found


def _clean(message: str) -> str:
    return re.sub(r"[^\S\n\t ]|[\x00-\x08\x0e-\x1f\x7f]", "", message).strip() + "\n"
