"""What a whole tick owes to each rollout, by what it could see of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.model.repository import PullRequest, Snapshot, branch_name, rollout_of, state_path
from rollout_bot.core.model.state import ChangeKind, State
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Outcome
from rollout_bot.files.state import read_state
from support.machine.evidence import UNMEASURED
from support.machine.laws import Laws
from support.machine.line import Line
from support.machine.looks import Look, Round

STAYS = (DecisionAction.HOLD, DecisionAction.COMPLETE)

BEFORE_ALL = (ChangeKind.ROLL_BACK, ChangeKind.HOLD, ChangeKind.RESUME)
"""What is finished first where a run was cut short: nothing goes up beside it."""


@dataclass(frozen=True)
class Duties:
    """Checks the record of one rollout in a tick that nobody disturbed and that nobody asked for anything.

    `lines` are as they were before it, `after` is what the repository shows at its end. `protected` says whether the
    rules forbid the bot's merges.
    """

    laws: Laws
    lines: Mapping[str, Line]
    after: Snapshot
    protected: bool

    def check(self, record: RolloutRecord, seen: Round) -> None:
        """One rollout's trouble stops no other, so nothing here asks how the others are."""
        look = seen.looks[record.rollout]
        decision = record.decision
        if look.policy is None or look.state is None:
            assert record.problems, "8: nobody is told what is wrong"
            assert record.steps == (), "8: it acts on what is broken"
            return
        assert decision is not None, record.problems
        assert bool(record.problems) is not look.measurable, record.problems
        assert decision.reasons
        if look.evidence.blatant and look.measurable and not look.off and look.policy.rollback_on_error:
            assert decision.action is DecisionAction.ROLL_BACK, "3: a regression is left alone"
            self._went_down(record, look.state)
        if not look.off and (look.evidence.newest in UNMEASURED or not look.measurable):
            assert decision.action in STAYS, "7: it moves although nothing is measured"
            assert record.situation is not None
            outcome = record.situation.verdict.outcome
            assert outcome is Outcome.UNAVAILABLE, f"7: nothing is measured, and it says {outcome}"
        begun = {kind for kind in BEFORE_ALL if self._proposes(seen.pulls.values(), look.state, kind)}
        if ChangeKind.ROLL_BACK in begun:
            self._went_down(record, look.state)
        shut = set(self.lines[record.rollout].obstacles(look)) - ({"analysis"} if look.off else set())
        assert not shut or decision.action is not DecisionAction.ADVANCE, f"1, 5: {shut} must be shut"
        if self._must_rise(record.rollout, look, shut):
            assert decision.action is DecisionAction.ADVANCE, f"nothing is in the way, but: {decision.reasons}"
            if not begun:
                self._went_up(record, look.state)

    def _went_down(self, record: RolloutRecord, before: State) -> None:
        now = self._state(record.rollout)
        if now.percentage < before.percentage:
            return
        assert self.protected, "3: it is not rolled back by the tick that sees it"
        assert record.failed, "4: nobody is told that the rollback could not be merged"
        there = self._proposes(self.after.open_pulls(), before, ChangeKind.ROLL_BACK)
        assert there, "4: the rollback is not there to be merged"

    def _went_up(self, record: RolloutRecord, before: State) -> None:
        if record.merged or self._proposes(self.after.open_pulls(), before, ChangeKind.ADVANCE):
            return
        raise AssertionError(f"it is decided to advance, and nothing comes of it: {record.steps}")

    def _must_rise(self, name: str, look: Look, shut: set[str]) -> bool:
        """Whether nobody could doubt that it is time to go up."""
        policy, state = look.policy, look.state
        assert policy is not None
        assert state is not None
        stage = policy.stage(state.stage)
        above = policy.above(stage) if stage else None
        if shut or above is None or branch_name(name, state.generation + 1, above.name) in self.laws.refused:
            return False
        return look.off or look.evidence.must_pass

    def _state(self, name: str) -> State:
        return read_state(self.after.files[state_path(name)], "state.yaml")

    def _proposes(self, pulls: Iterable[PullRequest], before: State, kind: ChangeKind) -> bool:
        """Whether one of the pull requests is the bot's own, as it made it, for a change of that kind."""
        for pull in pulls:
            if rollout_of(pull.branch) == before.rollout and pull.head in self.laws.opened:
                content = pull.changes.get(state_path(before.rollout))
                state = read_state(content, "state.yaml") if content else None
                if state and (state.change.kind, state.generation) == (kind, before.generation + 1):
                    return True
        return False
