"""Runs the git command: argument lists only, no prompts, no hooks, no localised messages."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from rollout_bot.forge.interface import ForgeError, Unusable

_SECONDS = 120.0
_CHUNK = 1 << 20
_SETTINGS = (
    "core.hooksPath=" + os.devnull,
    "core.quotePath=false",
    "core.logAllRefUpdates=true",
    "gc.auto=0",
    "i18n.commitEncoding=utf-8",
    "log.follow=false",
    "log.mailmap=false",
    "log.showRoot=true",
    "log.showSignature=false",
)


class GitFailed(ForgeError):
    """A git command ended with an error. `code` is its exit status, None without one, `reason` what it printed."""

    def __init__(self, command: str, code: int | None, reason: str) -> None:
        super().__init__(f"git {command}: {reason or f'ended with status {code}'}")
        self.code = code
        self.reason = reason


class Git:
    """The git command in one folder; with `git_dir`, on that repository without regard to any work tree."""

    def __init__(self, folder: Path, git_dir: Path | None = None) -> None:
        self.folder = folder
        self._command = ["git", *([f"--git-dir={git_dir}"] if git_dir else []), "--no-pager"]
        for setting in _SETTINGS:
            self._command += ["-c", setting]

    def run(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> bytes:
        """What the command printed.

        `extra` is added to its environment. Raises GitFailed, and Unusable where git cannot be started at all.
        """
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                cwd=self.folder,
                env=_environment(extra or {}),
                input=stdin,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise GitFailed(arguments[0], None, f"no answer within {_SECONDS:g} s") from None
        except ValueError as error:
            raise GitFailed(arguments[0], None, str(error)) from None
        except OSError as error:
            raise _cannot_start(error) from None
        if done.returncode:
            raise GitFailed(arguments[0], done.returncode, one_line(done.stderr))
        return done.stdout

    def line(self, *arguments: str, stdin: bytes = b"", extra: Mapping[str, str] | None = None) -> str:
        """What the command printed, as text without the last newline."""
        return text(self.run(*arguments, stdin=stdin, extra=extra)).removesuffix("\n")

    def maybe(self, *arguments: str) -> str | None:
        """As `line`, but None where the command answers with status 1, git's way of saying no."""
        try:
            return self.line(*arguments)
        except GitFailed as error:
            if error.code == 1:
                return None
            raise

    def blobs(self, ids: Sequence[str], limit: int) -> dict[str, bytes]:
        """The contents of many objects by one process; zeros, one more than `limit`, stand for each that is longer."""
        if not ids:
            return {}
        # The list comes from a file: through a pipe, git and we could each wait for the other to read.
        with tempfile.TemporaryFile() as wanted:
            wanted.write("\n".join(ids).encode() + b"\n")
            wanted.seek(0)
            try:
                process = subprocess.Popen(
                    [*self._command, "cat-file", "--batch", "--buffer"],
                    cwd=self.folder,
                    env=_environment({}),
                    stdin=wanted,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except OSError as error:
                raise _cannot_start(error) from None
            with process, process.stdout or os.fdopen(wanted.fileno(), "rb") as answers:
                try:
                    longer = bytes(limit + 1)
                    return {name: _next_object(answers, name, longer) for name in ids}
                except BaseException:
                    process.kill()
                    raise


def text(output: bytes) -> str:
    """Git's output as text that can be handed back to git unchanged, whatever bytes are in it."""
    return output.decode("utf-8", "surrogateescape")


def raw(value: str) -> bytes:
    """The opposite of `text`; what no file name can hold becomes a question mark."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def shown(path: str) -> str:
    """A path for people and reports: bytes that are not UTF-8 as `\\xNN`."""
    return raw(path).decode("utf-8", "backslashreplace")


def fields(output: bytes) -> list[str]:
    """The parts of an answer to `-z`."""
    return [text(part) for part in output.split(b"\0")[:-1]]


def one_line(message: bytes) -> str:
    """An error message of git without its prefixes and hints, on one line."""
    lines = message.decode("utf-8", "replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and not line.startswith(("hint:", "warning:"))]
    return " ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in told)[:500]


def listed(values: Iterable[str]) -> bytes:
    """Input for a command that reads values each ended by NUL. Raises ForgeError where a value holds one itself."""
    parts = [raw(value) for value in values]
    if bad := next((part for part in parts if b"\0" in part), None):
        raise ForgeError(f"{bad!r:.200} holds a NUL, which no name in git can")
    return b"".join(part + b"\0" for part in parts)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # Started from a hook, the bot would inherit GIT_DIR or GIT_INDEX_FILE of another repository.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(("GIT_CONFIG_", "GIT_EXEC_PATH"))
    }
    fixed = {"LC_ALL": "C", "LANGUAGE": "", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1"}
    return kept | fixed | dict(extra)


def _next_object(answers: IO[bytes], name: str, longer: bytes) -> bytes:
    header = answers.readline().split()
    if len(header) != 3:
        raise GitFailed("cat-file", None, f"object {name} is missing; `git fsck` tells what is damaged")
    size = int(header[2])
    # One content for all that are too long: a thousand of them take no more memory than one.
    content = answers.read(size) if size < len(longer) else longer
    left = 1 if content is not longer else size + 1
    while left > 0:
        skipped = len(answers.read(min(left, _CHUNK)))
        if not skipped:
            raise GitFailed("cat-file", None, f"object {name} ends too early; `git fsck` tells what is damaged")
        left -= skipped
    return content


def _cannot_start(error: OSError) -> Unusable:
    if isinstance(error, FileNotFoundError) and error.filename == "git":
        return Unusable("the command `git` was not found; install git 2.31 or newer, or put it on PATH")
    return Unusable(f"git cannot be started: {error.strerror}: {error.filename}")
