"""What must always hold (the nine properties of the design), whatever people, metrics, clocks and kills do.

Ticks run whole: real files, measurements, verdicts, decisions and plans. `make chaos` lives many more lives.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from support.machine.machine import Rollouts
from support.machine.places import in_memory, on_github, on_local

LIVES = int(os.environ.get("CHAOS_EXAMPLES", "20"))


class InMemory(Rollouts):
    opened = staticmethod(in_memory)


class OnLocal(Rollouts):
    opened = staticmethod(on_local)


class OnGitHub(Rollouts):
    opened = staticmethod(on_github)


def _lives(count: int) -> settings:
    return settings(max_examples=count, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))


TestInMemory = InMemory.TestCase
TestInMemory.settings = _lives(LIVES)
# A life on git takes as long as many in memory.
TestOnLocal = OnLocal.TestCase
TestOnLocal.settings = _lives(max(2, LIVES // 10))
TestOnGitHub = OnGitHub.TestCase
TestOnGitHub.settings = _lives(max(2, LIVES // 10))
