"""Faults at the edge of the bot: in git processes, in files, and in everything that goes over HTTP."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unittest.mock import patch

import requests
from requests.adapters import HTTPAdapter

from rollout_bot.forge import git
from rollout_bot.metrics import http
from support.ticks import Killed


class Kind(StrEnum):
    """What befalls a call. Those that say nothing of it strike before the call has done anything."""

    ERROR = "error"
    OUTAGE = "error, and at every later call"
    TIMEOUT = "timeout"
    DROPPED_BEFORE = "dropped before the effect"
    DROPPED_AFTER = "dropped after the effect"
    TRUNCATED = "truncated answer"
    KILLED_BEFORE = "killed before the effect"
    KILLED_AFTER = "killed after the effect"
    DISK_FULL = "disk full"
    CLOCK_AHEAD = "clock a day ahead"
    CLOCK_BEHIND = "clock a day behind"


class Target(StrEnum):
    """Whom a call goes to."""

    GIT = "git"
    FILES = "files of the local forge"
    GITHUB = "GitHub"
    METRICS = "metrics"
    NOTIFIER = "notifier"
    GATEWAY = "publisher (gateway)"
    TEXTFILE = "publisher (file)"
    CLOCK = "clock"


HTTP_KINDS = tuple(kind for kind in Kind if kind not in (Kind.DISK_FULL, Kind.CLOCK_AHEAD, Kind.CLOCK_BEHIND))
FILE_KINDS = (Kind.ERROR, Kind.OUTAGE, Kind.DISK_FULL, Kind.KILLED_BEFORE, Kind.KILLED_AFTER)
KINDS: Mapping[Target, tuple[Kind, ...]] = {
    Target.GIT: (*HTTP_KINDS, Kind.DISK_FULL),
    Target.FILES: FILE_KINDS,
    Target.TEXTFILE: FILE_KINDS,
    Target.CLOCK: (Kind.CLOCK_AHEAD, Kind.CLOCK_BEHIND),
    **dict.fromkeys((Target.GITHUB, Target.METRICS, Target.NOTIFIER, Target.GATEWAY), HTTP_KINDS),
}
"""What can befall a call, by whom it goes to."""


class Fault(NamedTuple):
    """Strikes the `nth` call to a target in one tick, counted from 1."""

    target: Target
    nth: int
    kind: Kind


@dataclass
class Injector:
    """Counts the calls of one tick and strikes those named. Once `dead`, nothing that is called has an effect."""

    faults: Mapping[tuple[Target, int], Kind]
    counts: Counter[Target] = field(default_factory=Counter)
    dead: bool = False
    _down: set[Target] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def meet(self, target: Target) -> Kind | None:
        """What befalls the next call to a target."""
        with self._lock:
            self.counts[target] += 1
            kind = self.faults.get((target, self.counts[target]))
            if self.dead or kind is Kind.KILLED_BEFORE:
                self.dead = True
                return Kind.KILLED_BEFORE
            if kind is Kind.OUTAGE:
                self._down.add(target)
            return Kind.ERROR if target in self._down else kind


@contextmanager
def injected(faults: Iterable[Fault], hosts: Mapping[str, Target], *, files: bool) -> Iterator[Injector]:
    """Every call of the bot goes through the injector that is yielded.

    `hosts` says whom an address, such as `127.0.0.1:40001`, belongs to. `files`: the forge is made of git and files.
    """
    injector = Injector({(fault.target, fault.nth): fault.kind for fault in faults})
    with ExitStack() as stack:
        stack.enter_context(patch.object(HTTPAdapter, "send", _http(injector, hosts)))
        stack.enter_context(patch.object(os, "rename", _file(injector, Target.TEXTFILE, os.rename)))
        clock = http.Clock(sleep=lambda _seconds: None)
        stack.enter_context(patch.object(http, "Clock", lambda: clock))
        if files:
            stack.enter_context(patch.object(git, "subprocess", _Processes(injector)))
            for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "unlink")):
                struck = _file(injector, Target.FILES, getattr(owner, name))
                stack.enter_context(patch.object(owner, name, struck))
        yield injector


def _http(injector: Injector, hosts: Mapping[str, Target]) -> Callable[..., requests.Response]:
    real = HTTPAdapter.send

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **rest: Any) -> requests.Response:
        kind = injector.meet(hosts[str(request.url).split("/")[2]])
        match kind:
            case Kind.ERROR:
                return answered(request, b"<h1>Internal Server Error</h1>", 500)
            case Kind.TIMEOUT:
                raise requests.exceptions.ReadTimeout("injected", request=request)
            case Kind.DROPPED_BEFORE | Kind.KILLED_BEFORE:
                raise requests.exceptions.ConnectionError("injected", request=request)
        answer = real(self, request, **rest)
        if kind is Kind.KILLED_AFTER:
            injector.dead = True
        if kind in (Kind.DROPPED_AFTER, Kind.KILLED_AFTER):
            answer.close()
            raise requests.exceptions.ConnectionError("injected", request=request)
        if kind is Kind.TRUNCATED:
            return answered(request, answer.content[: len(answer.content) // 2], answer.status_code, answer.headers)
        return answer

    return send


def answered(
    request: requests.PreparedRequest, body: bytes, status: int, headers: Mapping[str, str] | None = None
) -> requests.Response:
    answer = requests.Response()
    answer.status_code, answer.request, answer.url = status, request, str(request.url)
    answer.headers.update(headers or {})
    answer._content = body
    answer._content_consumed = True  # type: ignore[attr-defined]
    return answer


def _file(injector: Injector, target: Target, real: Callable[..., Any]) -> Callable[..., Any]:
    # What is published by a thread of its own has nobody to hear a kill: there, an error stands for it.
    kill = OSError(errno.EIO, "killed") if target is Target.TEXTFILE else Killed()

    def act(*arguments: Any, **rest: Any) -> Any:
        kind = injector.meet(target)
        match kind:
            case Kind.KILLED_BEFORE:
                raise kill
            case Kind.ERROR:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            case Kind.DISK_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(*arguments, **rest)
        if kind is Kind.KILLED_AFTER:
            injector.dead = True
            raise kill
        return done

    return act


@dataclass(frozen=True)
class _Processes:
    """The module `subprocess` as the git adapter sees it."""

    injector: Injector
    PIPE = subprocess.PIPE
    DEVNULL = subprocess.DEVNULL
    TimeoutExpired = subprocess.TimeoutExpired

    def run(self, command: list[str], **rest: Any) -> subprocess.CompletedProcess[bytes]:
        kind = self._met(command)
        if kind in _SAID:
            return subprocess.CompletedProcess(command, 128, b"", _SAID[kind])
        done = subprocess.run(command, **rest)  # noqa: PLW1510 - the adapter says check=False
        if kind is Kind.KILLED_AFTER:
            self._die()
        if kind in (Kind.DROPPED_AFTER, Kind.TRUNCATED):
            # Ended by a signal half-way through its answer.
            return subprocess.CompletedProcess(command, -13, done.stdout[: len(done.stdout) // 2], b"")
        return done

    def Popen(self, command: list[str], **rest: Any) -> subprocess.Popen[bytes]:  # noqa: N802 - the library's name
        kind = self._met(command)
        if kind is Kind.KILLED_AFTER:
            self._die()
        if kind in _SAID:
            command = ["false"]
        elif kind in (Kind.TRUNCATED, Kind.DROPPED_AFTER):
            command = ["sh", "-c", '"$@" | head -c 300', "sh", *command]
        return subprocess.Popen(command, **rest)

    def _met(self, command: list[str]) -> Kind | None:
        kind = self.injector.meet(Target.GIT)
        match kind:
            case Kind.KILLED_BEFORE:
                raise Killed
            case Kind.TIMEOUT if "cat-file" not in command:
                raise subprocess.TimeoutExpired(command, 120)
            case Kind.TIMEOUT:
                # Read as a stream, without a timeout: all that can happen is that it ends.
                return Kind.TRUNCATED
            case Kind.DROPPED_BEFORE:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return kind

    def _die(self) -> NoReturn:
        self.injector.dead = True
        raise Killed


_SAID = {Kind.ERROR: b"fatal: injected", Kind.DISK_FULL: b"fatal: unable to write: No space left on device"}
