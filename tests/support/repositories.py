"""Real git repositories for tests, built with the git command in a folder of the test's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning: when the first commit is made unless a test says otherwise."""

OWNERS = """\
/rollout-state/*/state.yaml
/rollout-state/*/approvals/    @alice
/rollout-state/*/policy.yaml   @alice
"""
"""The recommended CODEOWNERS lines: state has no owner, approvals and policies belong to alice."""

Content = str | bytes | None


class Link(bytes):
    """The content of a symbolic link: where it leads."""


class Module(bytes):
    """The content of a submodule: the id of a commit of another repository."""


MODES = {Link: "120000", Module: "160000"}
"""Git's modes for what is no regular file."""


@dataclass(frozen=True)
class Repository:
    """A repository at `path`: a work tree, or the git directory itself where `bare`."""

    path: Path
    bare: bool = False
    branch: str = "main"

    def git(self, *arguments: str, stdin: bytes = b"", when: datetime | None = None) -> str:
        """Runs git here, away from the user's own configuration; answers its output without the last newline."""
        run = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=stdin,
            capture_output=True,
            env=_environment(when),
            check=False,
        )
        if run.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {run.stderr.decode(errors='replace')}")
        return run.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")

    def commit(
        self,
        files: Mapping[str, Content],
        when: datetime,
        *,
        message: str = "Change",
        author: str = "Human",
        branch: str | None = None,
        start: str | None = None,
    ) -> str:
        """One commit on a branch (default: the base branch) in one process; None deletes a path. Answers its id.

        A new branch begins at `start` (default: the base branch). A work tree that has the branch checked out is
        set to the new commit, uncommitted edits included.
        """
        target = branch or self.branch
        if not self._exists(target):
            parent = start or (self.branch if self._exists(self.branch) else None)
        else:
            parent = start or target
        self.git("fast-import", "--quiet", "--force", stdin=_stream(target, parent, files, when, message, author))
        if not self.bare and self.git("symbolic-ref", "--short", "HEAD") == target:
            self.git("reset", "--quiet", "--hard")
        return self.git("rev-parse", f"refs/heads/{target}")

    def commit_on_main(self, files: Mapping[str, Content], when: datetime, message: str = "Change") -> str:
        return self.commit(files, when, message=message)

    def merge(self, branch: str, when: datetime, *, how: str = "--no-ff") -> str:
        """A person's merge into the checked-out base branch: `--no-ff`, `--ff-only` or `--squash`."""
        self.git("merge", "--quiet", how, branch, when=when)
        if how == "--squash":
            self.git("commit", "--quiet", "-m", f"Squash {branch}", when=when)
        return self.head()

    def head(self, branch: str | None = None) -> str:
        return self.git("rev-parse", f"refs/heads/{branch or self.branch}")

    def branches(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def show(self, path: str, revision: str | None = None) -> str:
        """The content of a path in a commit (default: the base branch's newest)."""
        return self.git("cat-file", "blob", f"{revision or 'refs/heads/' + self.branch}:{path}")

    def log(self) -> list[str]:
        """Subjects of the base branch's first-parent history, newest first."""
        return self.git("log", "--first-parent", "--format=%s", f"refs/heads/{self.branch}").splitlines()

    def fsck(self) -> str:
        """Damage found by git, empty if none."""
        return self.git("fsck", "--strict", "--no-dangling")

    def _exists(self, branch: str) -> bool:
        return bool(self.git("for-each-ref", f"refs/heads/{branch}"))


def make(
    path: Path,
    files: Mapping[str, Content] | None = None,
    *,
    when: datetime = START,
    bare: bool = False,
    owners: str | None = OWNERS,
    branch: str = "main",
) -> Repository:
    """A repository with one commit: the given files and `.github/CODEOWNERS` (None: without)."""
    path.mkdir(parents=True, exist_ok=True)
    repository = Repository(path, bare, branch)
    repository.git("init", "--quiet", f"--initial-branch={branch}", *(["--bare"] if bare else []))
    repository.git("config", "user.name", "Human")
    repository.git("config", "user.email", "human@example.com")
    own: dict[str, Content] = {} if owners is None else {".github/CODEOWNERS": owners}
    repository.commit({"README.md": "A service\n", **own, **(files or {})}, when, message="Begin")
    return repository


def revisions(contents: Iterable[str], path: str, branch: str = "main") -> bytes:
    """Commits on top of a branch, each with another content of one path, for `git fast-import`."""
    parents = chain([f"refs/heads/{branch}"], repeat(None))
    made = zip(contents, parents, strict=False)
    return b"".join(_stream(branch, parent, {path: each}, START, "Change", "Human") for each, parent in made)


def _environment(when: datetime | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
    if when is not None:
        stamp = f"{int(when.timestamp())} +0000"
        kept |= {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    return kept


def _stream(
    branch: str, parent: str | None, files: Mapping[str, Content], when: datetime, message: str, author: str
) -> bytes:
    who = f"{author} <{author.lower()}@example.com> {int(when.timestamp())} +0000"
    lines = [f"commit refs/heads/{branch}", f"author {who}", f"committer {who}", *_data(message.encode())]
    lines += [f"from {parent}^0"] if parent else []
    for path, content in files.items():
        quoted = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        if content is None:
            lines.append(f"D {quoted}")
        elif isinstance(content, Module):
            lines.append(f"M 160000 {content.decode()} {quoted}")
        else:
            mode = MODES.get(type(content), "100644")
            lines += [f"M {mode} inline {quoted}", *_data(content.encode() if isinstance(content, str) else content)]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n"


def _data(content: bytes) -> list[str]:
    return [f"data {len(content)}", content.decode("utf-8", "surrogateescape")]
