"""A runner of GitHub Actions: what its environment says, and what it takes back."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO, cast
from urllib.parse import urlsplit

from rollout_bot.forge.interface import Unusable
from rollout_bot.report.annotations import Annotation

PAYLOAD_BYTES = 4 * 1024 * 1024
"""GitHub delivers events of up to 25 MB; what is read of them, inputs and a number, comes with far smaller ones."""

SUMMARY_BYTES = 1024 * 1024
"""Job summary of one step; GitHub shows nothing at all of a longer one."""

SHOWN = 10
"""Annotations of one level that GitHub shows for a step."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")
_OUTPUT = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CUT = "\n\n_The rest is left out: a job summary holds no more._\n"


@dataclass(frozen=True, slots=True)
class Runner:
    """One step of a job.

    `repository` is OWNER/NAME. `actor` is who started this very run. `payload` is the event as GitHub delivered it,
    empty where it cannot be read: it comes from outside, and nothing in it is checked. `run_url` leads to the log.
    """

    repository: str
    actor: str
    event: str
    api_url: str
    graphql_url: str
    server_url: str
    token: str = field(repr=False)
    payload: Mapping[str, object] = field(default_factory=dict, repr=False)
    run_url: str | None = None
    debug: bool = False
    output: Path | None = None
    summary: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Runner | None:
        """None away from GitHub Actions. Raises Unusable for a repository or an address that is none."""
        if environment.get("GITHUB_ACTIONS") != "true":
            return None
        repository = environment.get("GITHUB_REPOSITORY", "")
        if not _REPOSITORY.fullmatch(repository):
            raise Unusable(f"GITHUB_REPOSITORY is {repository[:80]!r}; allowed: OWNER/NAME, as a runner sets it")
        server = _address(environment, "GITHUB_SERVER_URL", "https://github.com")
        run = environment.get("GITHUB_RUN_ID", "")
        return cls(
            repository=repository,
            # Whoever runs a run of somebody else again does not become that person.
            actor=environment.get("GITHUB_TRIGGERING_ACTOR") or environment.get("GITHUB_ACTOR", ""),
            event=environment.get("GITHUB_EVENT_NAME", ""),
            api_url=_address(environment, "GITHUB_API_URL", "https://api.github.com"),
            graphql_url=_address(environment, "GITHUB_GRAPHQL_URL", "https://api.github.com/graphql"),
            server_url=server,
            token=environment.get("GITHUB_TOKEN", ""),
            payload=_payload(environment.get("GITHUB_EVENT_PATH", "")),
            run_url=f"{server}/{repository}/actions/runs/{run}" if run.isascii() and run.isdecimal() else None,
            debug=environment.get("RUNNER_DEBUG") == "1",
            output=_path(environment, "GITHUB_OUTPUT"),
            summary=_path(environment, "GITHUB_STEP_SUMMARY"),
        )

    @property
    def inputs(self) -> Mapping[str, str]:
        """What was filled in for `workflow_dispatch`; anything but texts and switches is left out."""
        found = self.payload.get("inputs")
        if self.event != "workflow_dispatch" or not isinstance(found, dict):
            return {}
        given = ((str(name), str(value).lower() if isinstance(value, bool) else value) for name, value in found.items())
        return {name: value for name, value in given if isinstance(value, str)}

    @property
    def pull(self) -> int | None:
        """The number of the pull request that the event is about."""
        found = self.payload.get("pull_request")
        number = found.get("number") if isinstance(found, dict) else None
        return number if isinstance(number, int) and not isinstance(number, bool) and number > 0 else None

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """Outputs of the step, whatever the values hold. Raises ValueError for a name that GitHub does not take."""
        if self.output is None:
            return
        text = "".join(_output(name, value) for name, value in values.items())
        with self.output.open("a", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)

    def write_summary(self, markdown: str) -> None:
        """Adds to the job summary of the step, cut at the end of a line where GitHub would drop it all."""
        if self.summary is None:
            return
        used = self.summary.stat().st_size if self.summary.exists() else 0
        content = markdown.encode("utf-8", errors="replace")
        room = SUMMARY_BYTES - used
        if len(content) > room:
            room -= len(_CUT)
            content = content[: max(0, content.rfind(b"\n", 0, room))] + _CUT.encode() if room > 0 else b""
        with self.summary.open("ab") as file:
            file.write(content)


def _address(environment: Mapping[str, str], name: str, default: str) -> str:
    address = environment.get(name) or default
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("https", "http") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable:
        # The value is not shown: what is no plain address may be one with a password.
        raise Unusable(f"{name} is no web address; allowed: https://HOST, as a runner sets it")
    return address.rstrip("/")


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _payload(path: str) -> Mapping[str, object]:
    """The event; an unreadable one keeps no tick from rolling back, so it is an empty one."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(PAYLOAD_BYTES + 1)
        found = json.loads(content) if len(content) <= PAYLOAD_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else {}


def _output(name: str, value: str) -> str:
    if not _OUTPUT.fullmatch(name):
        raise ValueError(f"{name!r} cannot name an output; allowed: letters, digits, dashes and underscores")
    # Nobody can end a value whose delimiter they cannot guess.
    delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def command(name: str, message: str, **properties: str | int | None) -> str:
    """A line that the runner takes for a command, escaped as GitHub's own toolkit does."""
    given = ",".join(f"{key}={_escaped(str(value), ':,')}" for key, value in properties.items() if value is not None)
    return f"::{name}{' ' if given else ''}{given}::{_escaped(message)}"


def _escaped(text: str, more: str = "") -> str:
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def mask(secret: str) -> str:
    """The command that keeps a secret out of the log; it holds the secret itself, so only the runner may read it."""
    return command("add-mask", secret)


def annotate(annotations: Iterable[Annotation]) -> Iterator[str]:
    """One command for each annotation that GitHub will show; the last of a level says how many it does not."""
    levels: dict[str, list[Annotation]] = {}
    for each in annotations:
        levels.setdefault(each.level, []).append(each)
    for level, found in levels.items():
        shown = found if len(found) <= SHOWN else found[: SHOWN - 1]
        for each in shown:
            yield command(level, each.message, file=each.file, line=each.line, title=each.title)
        if len(found) > len(shown):
            yield command(level, f"and {len(found) - len(shown)} more: see the job summary")


@contextmanager
def literally(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Keeps the runner from taking anything that is printed meanwhile for a command, whoever wrote it."""
    if environment.get("GITHUB_ACTIONS") != "true":
        yield
        return
    token = secrets.token_hex(32)
    print(command("stop-commands", token), file=stream, flush=True)
    try:
        yield
    finally:
        print(command(token, ""), file=stream, flush=True)
