"""The installed command as a process of its own, with a limit on its CPU time and its peak memory measured."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROLLOUT_BOT = Path(sys.executable).with_name("rollout-bot")
SECONDS = 30
MEGABYTES = 300


@dataclass(frozen=True)
class Run:
    """How a command ended. `megabytes` is the most that it, or a git process of its, held at once."""

    code: int
    out: str
    err: str
    megabytes: float
    seconds: float

    @property
    def said(self) -> str:
        return self.out + self.err

    def check(self) -> None:
        """Raises AssertionError where it took too much, or met what nobody had thought of."""
        assert self.megabytes <= MEGABYTES, f"{self.megabytes:.0f} MB"
        assert self.seconds <= SECONDS, f"{self.seconds:.1f} s of CPU"
        assert self.code in (0, 1, 2, 3), f"ended with {self.code}: {self.said[-2000:]}"
        assert "Traceback" not in self.said
        assert "bug in" not in self.said


def bounded(*arguments: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Run:
    """Runs `rollout-bot`; whoever takes more than 30 s of CPU is killed by the system."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GIT_", "COV"))}
    done = subprocess.run(
        # Its size would count as the command's own, were this process to start it: a small one does.
        [sys.executable, "-I", "-S", __file__, ROLLOUT_BOT, *arguments],
        env=kept | dict(environment or {}),
        cwd=cwd,
        capture_output=True,
        check=False,
        timeout=10 * SECONDS,
    )
    out, _, told = done.stdout.decode().rpartition("\n")
    code, kilobytes, seconds = json.loads(told)
    return Run(code, out, done.stderr.decode(), kilobytes / 1024, seconds)


def launch(command: list[str]) -> None:
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        os.execv(command[0], command)  # noqa: S606 - its own arguments, no shell
    _, status, usage = os.wait4(child, 0)
    told = [os.waitstatus_to_exitcode(status), usage.ru_maxrss, usage.ru_utime + usage.ru_stime]
    print("\n" + json.dumps(told), end="")


if __name__ == "__main__":
    launch(sys.argv[1:])
