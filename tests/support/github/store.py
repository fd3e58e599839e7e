"""The git side of the fake GitHub: a real bare repository, its answers kept where they cannot change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from rollout_bot.forge.git import Git, GitFailed
from support.repositories import MODES

NOBODY = "0" * 40
_SHAPE = "%x1f".join(("%H", "%T", "%P", "%an", "%ae", "%at", "%ct", "%B"))


@dataclass(frozen=True)
class CommitData:
    """A commit as read from git; the times are the author's and the committer's."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    email: str
    authored: datetime
    committed: datetime
    message: str


@dataclass(frozen=True)
class EntryData:
    """An entry of a tree; `size` is a blob's in bytes."""

    name: str
    mode: int
    kind: str
    oid: str
    size: int | None


@dataclass
class Store:
    """A bare repository that nobody else changes: what was read once is kept, branches until they move."""

    path: Path
    _heads: dict[str, str] | None = None
    _commits: dict[str, CommitData] = field(default_factory=dict)
    _trees: dict[str, tuple[EntryData, ...]] = field(default_factory=dict)
    _blobs: dict[str, bytes] = field(default_factory=dict)
    _logs: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    _said: dict[tuple[str, ...], str | None] = field(default_factory=dict)
    _diffs: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    _resolved: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.git = Git(self.path, git_dir=self.path)

    def create(self, branch: str) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        Git(self.path).run("init", "--quiet", "--bare", f"--initial-branch={branch}")

    def heads(self) -> dict[str, str]:
        """All branches with their commits."""
        if self._heads is None:
            lines = self.git.line("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads").splitlines()
            self._heads = {ref.removeprefix("refs/heads/"): oid for oid, ref in (line.split(" ", 1) for line in lines)}
        return self._heads

    def head(self, branch: str) -> str | None:
        return self.heads().get(branch)

    def move(self, branch: str, new: str, old: str) -> None:
        """Compare and swap; `NOBODY` stands for no such branch."""
        self._heads = None
        self.git.run("update-ref", f"refs/heads/{branch}", new, old)

    def keep(self, name: str, oid: str) -> None:
        """Holds on to a commit under `refs/pull/`."""
        self.git.run("update-ref", f"refs/pull/{name}", oid)

    def create_ref(self, branch: str, oid: str) -> None:
        self.move(branch, oid, NOBODY)

    def delete(self, branch: str) -> None:
        self._heads = None
        self.git.run("update-ref", "-d", f"refs/heads/{branch}")

    def resolve(self, expression: str) -> str | None:
        """The id of an object such as `main:folder/file`, None where there is none."""
        name, colon, path = expression.partition(":")
        whole = len(name) == 40 and set(name) <= set("0123456789abcdef")
        commit = name if whole else self.head(name.removeprefix("refs/heads/")) or name
        if (commit, colon + path) not in self._resolved:
            try:
                # A whole id passes `--verify` without being there; asking for the object itself does not.
                what = commit + colon + path if colon else commit + "^{object}"
                found = self.git.line("rev-parse", "--quiet", "--verify", "--end-of-options", what)
            except GitFailed:
                return None
            self._resolved[commit, colon + path] = found
        return self._resolved[commit, colon + path]

    def kind(self, oid: str) -> str:
        return self._once("cat-file", "-t", oid) or ""

    def _once(self, *command: str) -> str | None:
        """What a command says of objects, which never changes; None where it says no."""
        if command not in self._said:
            self._said[command] = self.git.maybe(*command)
        return self._said[command]

    def commit(self, oid: str) -> CommitData:
        if oid not in self._commits:
            # Whoever asks for one soon asks for those before it.
            for record in self.git.run("log", "-z", "--max-count=200", f"--format={_SHAPE}", oid).split(b"\0")[:-1]:
                self._remember(record.decode("utf-8", "replace"))
        return self._commits[oid]

    def _remember(self, record: str) -> None:
        oid, tree, parents, author, email, authored, committed, message = record.split("\x1f", 7)
        times = _time(authored), _time(committed)
        self._commits[oid] = CommitData(oid, tree, tuple(parents.split()), author, email, *times, message.rstrip("\n"))

    def tree(self, oid: str) -> tuple[EntryData, ...]:
        if oid not in self._trees:
            entries = []
            for line in self.git.run("ls-tree", "-z", "--long", oid).split(b"\0")[:-1]:
                about, name = line.split(b"\t", 1)
                mode, kind, entry, size = about.decode().split()
                count = int(size) if size != "-" else None
                entries.append(EntryData(name.decode("utf-8", "replace"), int(mode, 8), kind, entry, count))
            self._trees[oid] = tuple(entries)
        return self._trees[oid]

    def blob(self, oid: str) -> bytes:
        if oid not in self._blobs:
            self._blobs[oid] = self.git.run("cat-file", "blob", oid)
        return self._blobs[oid]

    def read_ahead(self, commit: str) -> None:
        """Reads a commit without parents whole, in three commands: who has thousands of files asks about each."""
        self._resolved[commit, ":"] = root = self.git.line("rev-parse", f"{commit}^{{tree}}")
        found: dict[str, list[EntryData]] = {"": []}
        trees = {"": root}
        for line in self.git.run("ls-tree", "-r", "-t", "-z", "--long", commit).split(b"\0")[:-1]:
            about, name = line.split(b"\t", 1)
            mode, kind, oid, size = about.decode().split()
            path = name.decode("utf-8", "replace")
            folder, _, last = path.rpartition("/")
            found[folder].append(EntryData(last, int(mode, 8), kind, oid, int(size) if size != "-" else None))
            self._resolved[commit, f":{path}"] = oid
            self._said["cat-file", "-t", oid] = kind
            self._logs[commit, path] = (commit,)
            if kind == "tree":
                found[path], trees[path] = [], oid
        self._trees |= {trees[folder]: tuple(entries) for folder, entries in found.items()}
        wanted = sorted({each.oid for entries in found.values() for each in entries if each.kind == "blob"})
        rest = self.git.run("cat-file", "--batch", stdin="".join(f"{oid}\n" for oid in wanted).encode())
        for oid in wanted:
            head, _, rest = rest.partition(b"\n")
            size = int(head.split()[2])
            self._blobs[oid], rest = rest[:size], rest[size + 1 :]

    def log(self, oid: str, path: str = "") -> tuple[str, ...]:
        """Ids of the commits that lead to `oid`, newest first, with git's own simplification where a path is given."""
        if (oid, path) not in self._logs:
            output = self.git.line("log", "--format=%H", oid, *(["--", path] if path else []))
            self._logs[oid, path] = tuple(output.split())
        return self._logs[oid, path]

    def between(self, base: str, head: str) -> tuple[str, ...]:
        """Commits of `head` that `base` does not have, oldest first."""
        return tuple((self._once("rev-list", "--reverse", f"{base}..{head}") or "").split())

    def merge_base(self, one: str, other: str) -> str | None:
        return self._once("merge-base", one, other)

    def diff(self, base: str, head: str) -> dict[str, str]:
        """Changed paths with git's letter (A, D, M), of `head` against its merge base with `base`."""
        start = self.merge_base(base, head) or base
        if (start, head) not in self._diffs:
            parts = self.git.run("diff-tree", "-r", "-z", "--no-renames", "--name-status", start, head).split(b"\0")[
                :-1
            ]
            names = [part.decode("utf-8", "replace") for part in parts]
            self._diffs[start, head] = dict(zip(names[1::2], names[::2], strict=True))
        return self._diffs[start, head]

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of a merge, None where it conflicts."""
        found = self._once("merge-tree", "--write-tree", "--messages", base, head)
        return found.splitlines()[0] if found else None

    def write_tree(self, start: str | None, files: Mapping[str, bytes | None]) -> str:
        """The tree of commit `start` with other contents; None deletes a path."""
        index = {"GIT_INDEX_FILE": str(self.path / "fake-index")}
        self.git.run("read-tree", *([start] if start else ["--empty"]), extra=index)
        lines = []
        for path, content in files.items():
            if content is None:
                lines.append(f"0 {NOBODY}\t{path}")
            else:
                blob = self.git.line("hash-object", "-w", "--stdin", stdin=content)
                lines.append(f"{MODES.get(type(content), '100644')} {blob}\t{path}")
        self.git.run("update-index", "-z", "--index-info", stdin="\0".join([*lines, ""]).encode(), extra=index)
        return self.git.line("write-tree", extra=index)

    def write_commit(self, tree: str, parents: tuple[str, ...], message: str, who: str, when: datetime) -> str:
        stamp = f"{int(when.timestamp())} +0000"
        extra = {f"GIT_{role}_DATE": stamp for role in ("AUTHOR", "COMMITTER")}
        extra |= {f"GIT_{role}_NAME": who for role in ("AUTHOR", "COMMITTER")}
        extra |= {f"GIT_{role}_EMAIL": f"{who}@users.noreply.github.com" for role in ("AUTHOR", "COMMITTER")}
        chosen = [word for parent in parents for word in ("-p", parent)]
        return self.git.line("commit-tree", tree, *chosen, stdin=message.encode("utf-8", "replace"), extra=extra)


def _time(stamp: str) -> datetime:
    return datetime.fromtimestamp(int(stamp), UTC)
