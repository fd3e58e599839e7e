"""Repositories with any number of rollouts that began four hours ago, for benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.state import start
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import write_state

BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOW = BEGAN + timedelta(hours=4)
COMMAND = str(Path(sys.executable).with_name("rollout-bot"))
POLICY = """\
schema_version: 1
rollout: {name}
metrics:
{metrics}stages:
  - {{name: canary, percentage: 10, duration: {duration}, max_error_rate: 0.5%, requires_approval: false}}
  - {{name: full, percentage: 100, duration: 0h, max_error_rate: 0.2%, requires_approval: {approval}}}
"""
RECORDING = "  source: recording\n  path: {path}\n"


def files(count: int, metrics: str, *, duration: str = "24h", approval: bool = True, first: int = 0) -> dict[str, str]:
    """Policies and states of so many rollouts in their first stage. `metrics` is formatted with each one's name."""
    found = {}
    for index in range(first, first + count):
        name = f"rollout-{index:04}"
        settings = {"metrics": metrics.format(name=name), "duration": duration, "approval": str(approval).lower()}
        text = POLICY.format(name=name, **settings)
        policy: Policy = read_policy(text.encode(), "policy.yaml")
        begun = start(name, policy.stages[0], by="benchmark", reason="starts at 10 %", now=BEGAN)
        found |= {f"rollout-state/{name}/policy.yaml": text, f"rollout-state/{name}/state.yaml": write_state(begun)}
    return found


def commit(folder: Path, content: Mapping[str, str]) -> None:
    """A repository of these files, committed when the stages began."""
    for path, text in content.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message=Begin")


def record(path: Path) -> None:
    """Quarter hours from a day before the stages began until now: 1,000 requests each, of which one failed."""
    first, quarter = BEGAN - timedelta(hours=24), timedelta(minutes=15)
    ends = [first + quarter * (index + 1) for index in range((NOW - first) // quarter)]
    rows = "".join(f"{end:%Y-%m-%dT%H:%M:%SZ},1000,1\n" for end in ends)
    path.write_text(f"time,total,failed\n{rows}", encoding="utf-8")


def _git(folder: Path, *arguments: str) -> None:
    who = {"NAME": "benchmark", "EMAIL": "benchmark@localhost", "DATE": BEGAN.isoformat()}
    identity = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    subprocess.run(["git", *arguments], cwd=folder, check=True, env={**os.environ, **identity})
