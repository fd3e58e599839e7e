"""What a tick knows of a rollout when it is over: what metrics and messages are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import GateState, PullState
from rollout_bot.core.model.state import ChangeKind, State
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Outcome

SPAN = 100
"""Changes of a rollout after which its counters begin anew; every forge tells of more than so many."""

SETTLES = timedelta(hours=1)
"""How long counters that begin anew stand at nothing: long enough to be scraped like that."""

STUCK = timedelta(days=3)

_STAYS = (ChangeKind.HOLD, ChangeKind.RESUME)


def metric_prefix(rollout: str) -> str:
    """What the names of a rollout's own metrics begin with: "rate-limits" → "rate_limits_rollout"."""
    return f"{rollout.replace('-', '_')}_rollout"


def stuck_after(policy: Policy) -> timedelta:
    """How long in one stage is too long: three days, or a day more than the longest stage is to last."""
    return max(STUCK, *(each.duration + timedelta(days=1) for each in policy.stages))


@dataclass(frozen=True, slots=True)
class Observation:
    """One rollout as a tick found and left it. `changes` are newest first, those of this tick among them.

    `requests` is what the whole tick spent on the forge, `budget` what the forge still allows for this hour; None where
    it does not say.
    """

    record: RolloutRecord
    changes: tuple[Transition, ...]
    now: datetime
    requests: int = 0
    budget: int | None = None

    @property
    def rollout(self) -> str:
        return self.record.rollout

    @property
    def state(self) -> State | None:
        """The newest lawful state, that of this tick's own merge included."""
        if self.changes:
            return self.changes[0].state
        return self.record.situation.state if self.record.situation else None

    @property
    def entered_at(self) -> datetime | None:
        """When the present stage was entered; None where nobody knows."""
        situation, state = self.record.situation, self.state
        if situation is not None and state is not None and _place(situation.state) == _place(state):
            return situation.standing.entered_at
        return next((each.at for each in self.changes if each.state.change.kind not in _STAYS), None)

    @property
    def cannot_measure(self) -> bool:
        """Whether nobody knows how the rollout does: no usable data, or files that cannot be evaluated."""
        situation = self.record.situation
        if situation is None or situation.verdict.outcome is Outcome.UNAVAILABLE:
            return True
        return any(problem not in situation.doubts for problem in self.record.problems)

    @property
    def gate_blocked(self) -> bool:
        """Whether the pull request of the next transition is open, and its gate keeps it from being merged."""
        pull = self.record.pull
        if pull is None or pull.state is not PullState.OPEN or pull.gate is None:
            return False
        return pull.gate.state is not GateState.SUCCESS

    def advances(self) -> Counter[str]:
        """How often each stage was advanced to."""
        return Counter(each.stage for each in self._counted() if each.change.kind is ChangeKind.ADVANCE)

    def rollbacks(self) -> Counter[tuple[str, str]]:
        """How often it was rolled back from one stage to another."""
        return Counter(
            (each.change.from_stage or "", each.stage)
            for each in self._counted()
            if each.change.kind is ChangeKind.ROLL_BACK
        )

    def _counted(self) -> Iterator[State]:
        """The states since the last full hundred changes.

        A forge may tell only the newest changes. If old ones dropped out of sight one by one, each would look like a
        restart of its counter with all the rest counted anew. So all restart together, at nothing, with a change that
        is counted a while later: `rate` and `increase` take for a restart only what they have seen fall.
        """
        if not self.changes:
            return
        after = (self.changes[0].state.generation - 1) // SPAN * SPAN
        for each in self.changes:
            settling = after > 0 and each.state.generation == after + 1 and self.now - each.at < SETTLES
            if each.state.generation > after and not settling:
                yield each.state


def _place(state: State) -> tuple[str, int]:
    return state.stage, state.attempt
