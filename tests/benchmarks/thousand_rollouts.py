"""How long a tick over a thousand rollouts takes when there is nothing to do, and their site; and how much memory.

Method: a temporary repository with 1,000 rollouts in their first stage and a recording of four hours before the tick
for all of them; `rollout-bot tick --now …` as a subprocess, after one run that fills the caches; wall-clock seconds,
and the peak resident memory of the largest child so far as `getrusage(RUSAGE_CHILDREN)` tells it. Goals: 5 s and 300 MB
for the tick, 10 s for the site.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollout_bot.core.policy import Policy
from rollout_bot.core.state import start
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import write_state

ROLLOUTS = 1_000
RUNS = 3
BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(hours=4)
QUARTER = timedelta(minutes=15)
COMMAND = str(Path(sys.executable).with_name("rollout-bot"))
POLICY = """\
schema_version: 1
rollout: {name}
metrics:
  source: recording
  path: metrics.csv
stages:
  - {{name: canary, percentage: 10, duration: 24h, max_error_rate: 0.5%, requires_approval: false}}
  - {{name: full, percentage: 100, duration: 0h, max_error_rate: 0.2%, requires_approval: true}}
"""


def build(folder: Path) -> None:
    """The repository, committed when the stages began."""
    for index in range(ROLLOUTS):
        name = f"rollout-{index:04}"
        home = folder / "rollout-state" / name
        home.mkdir(parents=True)
        text = POLICY.format(name=name)
        policy: Policy = read_policy(text.encode(), "policy.yaml")
        begun = start(name, policy.stages[0], by="benchmark", reason="starts at 10 %", now=BEGAN)
        (home / "policy.yaml").write_text(text, encoding="utf-8")
        (home / "state.yaml").write_text(write_state(begun), encoding="utf-8")
    first = BEGAN - timedelta(hours=24)
    ends = [first + QUARTER * (index + 1) for index in range((NOW - first) // QUARTER)]
    rows = "".join(f"{end:%Y-%m-%dT%H:%M:%SZ},1000,1\n" for end in ends)
    (folder / "metrics.csv").write_text(f"time,total,failed\n{rows}", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Begin")


def git(folder: Path, *arguments: str) -> None:
    stamp = BEGAN.isoformat()
    who = {"NAME": "benchmark", "EMAIL": "benchmark@localhost", "DATE": stamp}
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, **identity})


def run(folder: Path, *command: str) -> tuple[float, float]:
    """Wall-clock seconds of one command, and those of its processors."""
    used, began = _processor(), time.perf_counter()
    subprocess.run([COMMAND, *command, "--now", NOW.isoformat()], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began, _processor() - used


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(what: str, folder: Path, command: tuple[str, ...], *, seconds: float, megabytes: float) -> bool:
    """Prints the figures of a command, and answers whether they are below these goals."""
    took, processor = min(run(folder, *command) for _ in range(RUNS))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    time_taken = f"{took:.2f} s (best of {RUNS}; processor {processor:.2f} s)"
    print(f"{ROLLOUTS} rollouts, {what}: {time_taken}, peak {peak:.0f} MB")
    return took < seconds and peak < megabytes


def main() -> int:
    """Prints the figures; 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        build(folder)
        run(folder, "tick")
        fine = measure("tick, nothing to do", folder, ("tick",), seconds=5, megabytes=300)
        site = ("site", "--output", str(folder / "public"))
        return int(not measure("site", folder, site, seconds=10, megabytes=500) or not fine)


if __name__ == "__main__":
    sys.exit(main())
