"""A tick over a forge whose every look and action is heard of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rollout_bot.core.decision.actions import Action, OpenPull
from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import Snapshot
from rollout_bot.core.record import TickRecord
from rollout_bot.forge.interface import Applied, Forge, ForgeError
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.tick import Tick
from support.machine.laws import Laws
from support.machine.looks import Round
from support.ticks import Killed


@dataclass
class Watched:
    """Tells the laws what one tick sees and does. `meanwhile` is called just before its action number `at`.

    Right after action number `last` the tick is killed (0: never). `rounds` are its looks, the newest last; `failed`
    says whether an action failed, `acted` how many there were.
    """

    forge: Forge
    laws: Laws
    now: datetime
    request: tuple[str, Request] | None = None
    last: int = 0
    at: int = 0
    meanwhile: Callable[[], None] = lambda: None
    rounds: list[Round] = field(default_factory=list)
    failed: bool = False
    acted: int = 0

    @property
    def requests(self) -> int:
        return self.forge.requests

    @property
    def budget(self) -> int | None:
        return self.forge.budget

    def role(self, person: str) -> str | None:
        return self.forge.role(person)

    def note(self, commit: str, topic: str, text: str) -> None:
        self.forge.note(commit, topic, text)

    def examine(self, rollouts: Any) -> Any:
        return self.forge.examine(rollouts)

    def snapshot(self) -> Snapshot:
        found = self.forge.snapshot()
        self.rounds.append(self.laws.look(found, self.now))
        return found

    def apply(self, action: Action) -> Applied:
        self.acted += 1
        if self.acted == self.at:
            self.meanwhile()
        if isinstance(action, OpenPull):
            self.laws.may_open(action, self.rounds[-1], self.request)
        try:
            applied = self.forge.apply(action)
        except ForgeError:
            self.failed = True
            raise
        self.laws.acted(action, applied, self.rounds[-1], self.request)
        if self.acted == self.last:
            raise Killed
        return applied

    def run(self, evaluator: Evaluator) -> TickRecord:
        """The tick, for all rollouts or for the one that somebody asks about."""
        name, request = self.request or (None, None)
        record = Tick(self, evaluator, frozenset((name,)) if name else None).run(request)
        assert not [each.problems for each in record.rollouts if each.bug]
        self.laws.judged_all(self, record)
        return record
