"""Pages whose commands are run one after another, as a reader would, and all commands that pages show.

A comment `<!-- run: PLACE -->` above a console block says where its commands run: `empty`, a folder with a checkout of
the project in it; `new`, a repository without a commit; `checkout`, the example of docs/examples/backtest with a pull
request to approve; or `guardian`, the repository of `support.guardian`. Blocks of one page and one place share a shell.
In what they print `…` stands for anything, whole lines included.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rollout_bot.core.model.repository import policy_path, state_path
from rollout_bot.core.model.state import start
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import write_state
from support.guardian import guardian_repository
from support.pages import BIN, Shown
from support.repositories import make

ROOT = Path(__file__).parents[2]
_PLACE = re.compile(r"<!-- run: (\S+) -->")
_COMMAND = re.compile(r"^\$ (.*\n(?:> ?.*\n)*)((?:(?!\$ ).*\n)*)", re.MULTILINE)
_END = "\x1e"
_OPERATORS = set("();<>|&")


def pages() -> list[str]:
    """All pages of the project, by their paths; golden files of tests are none."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return sorted({"README.md", *(each for each in listed.split() if not each.startswith("tests/"))})


@cache
def tokens(page: Path) -> list[Token]:
    """A page as GitHub would read it."""
    return MarkdownIt("gfm-like", {"linkify": False}).parse(page.read_text(encoding="utf-8"))


def stories(page: str) -> dict[str, list[Shown]]:
    """What a page runs, by place; the key "" holds the commands that it only shows. `> ` continues a command."""
    found: dict[str, list[Shown]] = {}
    place = ""
    for token in tokens(ROOT / page):
        if token.type == "fence" and token.info == "console":
            for command, output in _COMMAND.findall(token.content):
                whole = re.sub("^> ?", "", command, flags=re.MULTILINE).strip()
                found.setdefault(place, []).append(Shown(whole, output.strip("\n")))
        above = _PLACE.search(token.content) if token.type == "html_block" else None
        place = above[1] if above else ""
    return found


@dataclass(frozen=True)
class Done:
    """What came of a command: standard output and error as a terminal shows them, and the exit code."""

    output: str
    code: int


def play(place: str, commands: list[Shown], folder: Path) -> list[Done]:
    """Runs the commands in one shell, so that a later one sees what an earlier one changed or exported."""
    script = "\n".join(f"{each.command}\nprintf '{_END}%s{_END}' $?" for each in commands)
    run = subprocess.run(
        ["bash", "-c", f"set -o pipefail; exec 2>&1\n{script}"],
        cwd=_prepared(place, folder),
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    parts = run.stdout.split(_END)
    return [Done(output, int(code)) for output, code in zip(parts[:-1:2], parts[1::2], strict=True)]


def _prepared(place: str, folder: Path) -> Path:
    if place == "guardian":
        repository = guardian_repository(folder / "service")
        repository.git("config", "user.name", "alice")
        return repository.path
    if place == "new":
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main", folder / "new"], check=True)
        return folder / "new"
    if place == "checkout":
        return _waiting(folder / "shop")
    assert place == "empty", f"no such place: {place}"
    (folder / "work").mkdir()
    (folder / "work/rollout-bot").symlink_to(ROOT)
    return folder / "work"


def _waiting(path: Path) -> Path:
    """canary has lasted its day, and the pull request into quarter waits for alice."""
    example = ROOT / "docs/examples/backtest"
    files = {str(each.relative_to(example)): each.read_bytes() for each in example.rglob("*") if each.is_file()}
    begun = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    policy = read_policy(files[policy_path("checkout")], policy_path("checkout"))
    state = start("checkout", policy.stages[0], by="rollout-bot init", reason="starts at 10 %", now=begun)
    repository = make(path, {**files, state_path("checkout"): write_state(state)}, when=begun)
    repository.git("config", "user.name", "alice")
    tick = [BIN / "rollout-bot", "tick", "--repository", path, "--now", "2026-01-06T09:05:00Z"]
    subprocess.run(tick, check=True, capture_output=True)
    return path


def _environment(folder: Path) -> dict[str, str]:
    """Away from the user's own configuration and servers; nothing listens at the metrics' address."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "GITHUB_", "ROLLOUT_"))}
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _ALICE.items()}
    return {
        **kept,
        **people,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "PATH": os.pathsep.join((str(BIN), os.environ["PATH"])),
        "PROMETHEUS_URL": "http://127.0.0.1:1",
        "EDITOR": "true",
        "LC_ALL": "C.UTF-8",
    }


_ALICE = {"NAME": "alice", "EMAIL": "alice@example.com"}


def as_shown(done: Done, shown: Shown) -> bool:
    """Whether it printed what the page says. Lines may be wider in a terminal, so spaces at their ends do not count."""
    printed, expected = (re.sub(r" +$", "", each.strip("\n"), flags=re.MULTILINE) for each in (done.output, shown.output))  # fmt: skip # noqa: E501
    pattern = ".*?".join(re.escape(part) for part in re.split("…(?!$)|…$", expected, flags=re.MULTILINE))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


def calls(command: str, program: str) -> Iterator[list[str]]:
    """The arguments of each call of a program in a line of shell, quotes and comments understood."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if not set(word) <= _OPERATORS:
            words.append(word)
            continue
        while words and re.fullmatch(r"[A-Za-z_]+=.*", words[0]):
            del words[0]
        if words and words[0].rpartition("/")[2] == program:
            yield words[1:]
        words = []
