"""How a rollout has got to where it is, and what is in its way up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollout_bot.core.model.state import ChangeKind, State
from support.machine.looks import Look


@dataclass(frozen=True)
class Move:
    """A lawful change that reached the base branch."""

    before: State
    after: State
    at: datetime

    @property
    def back(self) -> bool:
        return self.after.percentage < self.before.percentage


@dataclass
class Line:
    """`state` is the newest lawful one, `commit` the newest revision that was looked at."""

    state: State
    commit: str
    moves: list[Move] = field(default_factory=list)

    def put_back(self, at: datetime) -> None:
        """A rollback that was put back cools down anew."""
        same = [each for each in self.moves if each.after.generation == self.state.generation]
        self.moves.extend(replace(each, at=at) for each in same)

    def rollbacks(self) -> set[int]:
        """The generations of those since somebody last resumed it."""
        resumed = [n for n, each in enumerate(self.moves) if each.after.change.kind is ChangeKind.RESUME]
        since = self.moves[resumed[-1] + 1 :] if resumed else self.moves
        return {each.after.generation for each in since if each.back}

    def obstacles(self, look: Look) -> Iterator[str]:
        """The gates that have to be shut at a look. That of the analysis may be shut without one."""
        policy, state = look.policy, look.state
        assert policy is not None
        assert state is not None
        stage = policy.stage(state.stage)
        backs = [each.at for each in self.moves if each.back]
        if state.hold is not None:
            yield "hold"
        if stage is not None and look.at - look.entered < stage.duration:
            yield "duration"
        if look.off or not look.measurable or not look.evidence.may_pass:
            yield "analysis"
        if backs and look.at < backs[-1] + policy.cooldown_after(len(self.rollbacks())):
            yield "cooldown"
        if len(self.rollbacks()) >= max(1, policy.max_rollbacks):
            yield "attempts"
        if not look.ready:
            yield "after"
        if policy.window is not None and not policy.window.is_open(look.at):
            yield "window"
