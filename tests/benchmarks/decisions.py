"""How many decisions an Enforcer makes in a second on one core, and what counting a request costs on top.

Method: 1,000 users, the best of nine rounds of 100,000 decisions; the file is looked at once a second meanwhile.
Goal: a million decisions a second, by processor time.
"""

from __future__ import annotations

import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from rollout_bot import Enforcer
from rollout_bot.core.model.policy import Stage
from rollout_bot.core.model.state import start
from rollout_bot.files.state import write_state

USERS = [f"user-{number}" for number in range(1000)]
GOAL = 1_000_000


def rate(name: str, once_for_each: Callable[[], None]) -> float:
    """Prints and returns how often a second the function does what it does a thousand times in one call."""
    best = min(timeit.repeat(once_for_each, timer=time.process_time, number=100, repeat=9)) / 100 / len(USERS)
    print(f"{name:<28} {1 / best:12,.0f} a second ({best * 1e9:.0f} ns each)")
    return 1 / best


def main() -> int:
    """Prints the figures; 1 if the goal is missed."""
    now = datetime.now(UTC)
    stage = Stage("quarter", 25, now - now, 0.01, False)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "state.yaml"
        path.write_text(write_state(start("guardian", stage, by="benchmark", reason="to measure", now=now)))
        enforcer = Enforcer.from_file(path)
        metrics = enforcer.metrics(baseline=True, registry=CollectorRegistry())

        def decide() -> None:
            for user in USERS:
                enforcer.is_enforced(user)

        def count() -> None:
            for user in USERS:
                metrics.count(enforcer.is_enforced(user))

        best = rate("is_enforced", decide)
        rate("is_enforced, then count", count)
    return int(best < GOAL)


if __name__ == "__main__":
    sys.exit(main())
