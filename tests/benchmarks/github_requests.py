"""Requests of ticks on GitHub, when there is nothing to do and when 50 changes are due at once.

Method: ticks in this process on a fake GitHub, every 15 minutes until nothing is left; pauses are added up, not slept.
Goals: at most 2 requests for a steady tick at any number of rollouts; all rollbacks in the first tick, before anything
else; never more than GitHub's 80 writes a minute and 500 an hour; all done within two hours.

Each request has a time on a clock that only pauses and the distance of ticks move, as if the server answered at once.
The fake is slow where a question is large, so the bot is patient here; GitHub itself gives up after ten seconds, and is
then asked for half at once, which costs requests that nobody but GitHub can tell. Of the 50 changes 10 are rollbacks,
and 40 are advances that need nobody.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.github import FakeGitHub, strict
from support.hosted import Site
from support.scale import RECORDING, files
from support.ticks import HOUR, QUARTER

from rollout_bot.core.decision.allowance import allowance
from rollout_bot.core.record import TickRecord
from rollout_bot.forge.github import transport
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.tick import LEFT, Tick

SIZES = (1, 100, 1_000)
STEADY = 2
ROLLBACKS, ADVANCES = 10, 40
A_MINUTE, AN_HOUR = 80, 500
LONGEST = timedelta(hours=2)
PATIENCE = 300.0
APP = 4711


@dataclass
class Clock(list[float]):
    """Pauses move it; `at` says when each request of the server's log was sent, in seconds."""

    github: FakeGitHub
    now: float = 0.0
    at: list[float] = field(default_factory=list)

    def append(self, pause: float, /) -> None:
        self.settle()
        self.now += pause

    def settle(self) -> None:
        self.at += [self.now] * (len(self.github.log) - len(self.at))


def tick(site: Site) -> TickRecord:
    return Tick(site.forge(), Evaluator(site.now, site.folder, {}), allowance=allowance(None, 1)).run()


def steady(size: int) -> int:
    """Requests of a tick in a process of its own that finds nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        content = files(size, RECORDING.format(path="metrics.csv"))
        with FakeGitHub(Path(folder), files=content, rules=strict(APP)) as github:
            site = Site(github, Path(folder), github.app_token(app=APP))
            github.world.store.read_ahead(github.world.head(github.world.default))
            github.wait(4 * HOUR)
            site.serve()
            record = tick(site)
            if any(step for each in record.rollouts for step in each.steps):
                raise SystemExit("the tick was to find nothing to do")
            return record.requests


def due(rollouts: int) -> dict[str, str]:
    """Rollouts that go up, rollouts that go down, and others that do neither; in the order of their names."""
    up = files(ADVANCES, RECORDING.format(path="metrics.csv"), duration="2h", approval=False)
    down = files(ROLLBACKS, RECORDING.format(path="bad.csv"), first=ADVANCES)
    rest = files(rollouts - ADVANCES - ROLLBACKS, RECORDING.format(path="metrics.csv"), first=ADVANCES + ROLLBACKS)
    return up | down | rest


def burst(rollouts: int) -> bool:
    """Prints what each tick does, and answers whether the goals are met."""
    content = due(rollouts)
    with tempfile.TemporaryDirectory() as folder, FakeGitHub(Path(folder), files=content, rules=strict(APP)) as github:
        site = Site(github, Path(folder), github.app_token(app=APP))
        github.world.store.read_ahead(github.world.head(github.world.default))
        bad = github.wait(3 * HOUR)
        began = github.wait(HOUR)
        clock = Clock(github)
        site.pauses = clock
        fine, left = True, ROLLBACKS + ADVANCES
        while left and github.now - began < LONGEST:
            site.serve()
            site.serve(bad_since=bad, name="bad.csv")
            clock.now = max(clock.now, (github.now - began).total_seconds())
            record = tick(site)
            clock.settle()
            merged = Counter(each.decision.action for each in record.rollouts if each.merged and each.decision)
            waiting = sum(any(step.note == LEFT for step in each.steps) for each in record.rollouts)
            left -= merged.total()
            print(
                f"  after {github.now - began}: {record.requests} requests, {waiting} wait; "
                + ", ".join(f"{count} × {action.value}" for action, count in sorted(merged.items()))
            )
            fine &= waiting == left and (github.now != began or merged["roll_back"] == ROLLBACKS)
            github.wait(QUARTER)
        fastest = [_most(clock, github, seconds) for seconds in (60, 3600)]
        print(f"  at most {fastest[0]} writes in a minute, {fastest[1]} in an hour")
        story = [line for line in github.story() if "%" in line][::-1]
        first = all(": roll back" in line for line in story[:ROLLBACKS])
        return fine and not left and first and fastest[0] <= A_MINUTE and fastest[1] <= AN_HOUR


def _most(clock: Clock, github: FakeGitHub, seconds: float) -> int:
    """Writes within so many seconds, at the busiest time."""
    writes = [
        at for at, entry in zip(clock.at, github.log, strict=True) if not entry.operation.startswith(("query", "GET"))
    ]
    return max(sum(at <= other < at + seconds for other in writes) for at in writes)


def main() -> int:
    """Prints the figures; 1 if a goal is missed."""
    transport.DEADLINE = transport.TIMEOUT = PATIENCE
    fine = True
    for size in SIZES:
        spent = steady(size)
        print(f"{size:5} rollouts, nothing to do: {spent} requests")
        fine &= spent <= STEADY
    for size in SIZES[1:]:
        print(f"{size:5} rollouts, {ROLLBACKS + ADVANCES} changes due at once:")
        fine &= burst(size)
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
