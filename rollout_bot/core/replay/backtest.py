"""A replay with all that a reader of it needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.replay.incidents import Assessment, Incident
from rollout_bot.core.replay.replayed import Replay
from rollout_bot.core.samples import Gap


@dataclass(frozen=True, slots=True)
class Backtest:
    """`label` names the policy. `incidents` are those that people named; with none, false alarms cannot be told.

    With a `seed` the history is that of all traffic, thinned at random to each stage's percentage.
    """

    label: str
    replay: Replay
    history: Hindsight
    assessment: Assessment
    incidents: tuple[Incident, ...] = ()
    approve_after: timedelta = timedelta(0)
    seed: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def unmeasured(self) -> tuple[timedelta, str]:
        """How much of the replayed time nobody measured, and why most of it."""
        times: Counter[str] = Counter()
        for entry in self.history.entries[self.history.first(self.replay.start) : self.history.shown(self.replay.end)]:
            if isinstance(entry, Gap):
                times[entry.reason] += round((entry.end - entry.start).total_seconds())
        why = times.most_common(1)[0][0] if times else ""
        return timedelta(seconds=times.total()), why
