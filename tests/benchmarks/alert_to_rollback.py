"""From the start of the command that an alert triggers to the merged rollback on GitHub: the bot's own share.

Method: the installed command on a fake GitHub that enforces the recommended rules; wall clock, best and worst of 5.
Goal: at most 5 s.

The fake knows mergeability only at the second look. The round trips of a real network come on top, one for each
request.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.github import FakeGitHub, strict
from support.hosted import Site
from support.ticks import HOUR, NAME, initial

RUNS = 5
GOAL = 5.0
APP = 4711


def once(folder: Path) -> tuple[float, int]:
    """Seconds and requests of the tick that rolls back."""
    with FakeGitHub(folder, files=initial(), rules=strict(APP)) as github:
        site = Site(github, folder, github.app_token(app=APP))
        bad = github.wait(HOUR)
        github.wait(HOUR)
        site.serve(bad_since=bad)
        began = time.perf_counter()
        done = site.command("tick", NAME, "--format", "json", "--now", site.now.isoformat())
        seconds = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"the tick failed: {done.stdout}{done.stderr}")
        (rollout,) = json.loads(done.stdout)["rollouts"]
        if not rollout["changed"]:
            raise SystemExit(f"no rollback: {done.stdout}{done.stderr}")
        return seconds, json.loads(done.stdout)["requests"]


def main() -> int:
    """Prints the figures; 1 if the goal is missed."""
    figures = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder:
            figures.append(once(Path(folder)))
    best, worst = min(figures), max(figures)
    print(f"from the alert's tick to the merged rollback: {best[0]:.2f} s to {worst[0]:.2f} s, {worst[1]} requests")
    return int(worst[0] > GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
