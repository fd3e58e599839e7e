"""What must always hold (the nine properties of the design), whatever humans, metrics, clocks and kills do.

Ticks run whole: real files, real decisions, real plans, over a forge in memory. Only the verdict is drawn.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from support.model_forge import OWNER, Commit, ModelForge
from support.rollouts import BOT, asks, change
from support.ticks import Killed

from rollout_bot.core.decision.actions import Action, MergePull, OpenPull, SetGate
from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import PullRequest, PullState, approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, ChangeKind, Override, State
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Outcome, Rate, Verdict
from rollout_bot.files.approval import read_approval, write_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state, write_state
from rollout_bot.forge.interface import Conflict, NotMergeable
from rollout_bot.tick.evaluation import Draw, Evaluator, Files
from rollout_bot.tick.tick import Tick

NAME = "checkout"
STATE, POLICY = state_path(NAME), policy_path(NAME)
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

STAGES = st.tuples(st.integers(1, 100), st.integers(0, 30), st.booleans())
LADDERS = st.lists(STAGES, min_size=1, max_size=6, unique_by=lambda each: each[0])
HOURS = st.sampled_from([["00:00-12:00"], ["20:00-08:00"], ["09:00-12:00", "13:00-24:00"]])
FIELDS = st.fixed_dictionaries(
    {
        "rollback_on_error": st.sampled_from([True, True, True, False]),
        "cooldown": st.integers(0, 48).map("{}h".format),
        "cooldown_backoff": st.sampled_from([1, 2, 3.5]),
        "max_rollbacks": st.integers(0, 3),
        "merge_on_approval": st.booleans(),
    },
    optional={
        "window": st.fixed_dictionaries(
            {"zone": st.sampled_from(["UTC", "Europe/Berlin"]), "hours": HOURS},
            optional={"days": st.just(["mon", "tue", "wed", "thu", "fri"])},
        )
    },
)
REQUESTS = st.sampled_from([ChangeKind.ADVANCE, ChangeKind.ROLL_BACK, ChangeKind.HOLD, ChangeKind.RESUME])


def write_policy(ladder: list[tuple[int, int, bool]], **fields: object) -> str:
    stages = "".join(
        f"  - {{name: s{percentage}, percentage: {percentage}, duration: {hours}h, max_error_rate: 0.5%, "
        f"requires_approval: {str(owner).lower()}}}\n"
        for percentage, hours, owner in sorted(ladder)
    )
    return (
        f"schema_version: 1\nrollout: {NAME}\nmetrics: {{source: recording, path: metrics.csv}}\n"
        f"{''.join(f'{key}: {json.dumps(value)}{chr(10)}' for key, value in fields.items())}stages:\n{stages}"
    )


@dataclass(frozen=True)
class Drawn(Evaluator):
    """Measures nothing: the verdict is given."""

    verdict: Verdict = field(default_factory=lambda: Verdict(Outcome.INCONCLUSIVE, ("x",), 0.005))

    def _judged(self, files: Files, *rest: object) -> tuple[Verdict, Draw]:
        if files.standing.state.stage == "off":
            return Verdict(Outcome.INCONCLUSIVE, ("at 0 %",), 1.0), tuple
        return self.verdict, tuple


@dataclass(frozen=True)
class Landed:
    """A lawful move that reached the base branch."""

    before: State
    after: State
    at: datetime


class Rollout(RuleBasedStateMachine):
    @initialize(ladder=LADDERS, fields=FIELDS)
    def begin(self, ladder: list[tuple[int, int, bool]], fields: dict[str, object]) -> None:
        self.stages = ladder
        text = write_policy(ladder, **fields)
        self.policy: Policy = read_policy(text.encode(), "policy.yaml")
        first = self.policy.stages[0]
        state = State(NAME, first.name, first.percentage, 1, 1, change(ChangeKind.START, None, by="init", at=BEGIN))
        files = {POLICY: text.encode(), STATE: write_state(state).encode()}
        self.forge = ModelForge(BEGIN, [Commit(files, BEGIN)])
        self.forge.seen = self._saw
        self.verdict = Verdict(Outcome.INCONCLUSIVE, ("x",), 0.005)
        self.healthy_since: datetime | None = None
        self.judged: dict[str, Outcome] = {}
        self.judged_at: dict[str, datetime] = {}
        self.judged_by: dict[str, Policy] = {}
        self.policy_at = BEGIN
        self.refused: dict[str, datetime] = {}
        self.moves: list[Landed] = []
        self.checked = 1
        self.request: ChangeKind | None = None
        self.edited = False

    # What the world does

    @rule(hours=st.sampled_from([0.25, 0.25, 1, 6, 30, 60]))
    def time_passes(self, hours: float) -> None:
        self.forge.now += hours * HOUR

    @rule(days=st.integers(1, 6), agreed=st.sampled_from([True, True, False]))
    def all_goes_well(self, days: int, agreed: bool) -> None:
        """Days on which nobody holds it, and an owner looks at what waits."""
        self.forge.protected = False
        for _ in range(days):
            self.measure(Outcome.HEALTHY)
            self.forge.now += 31 * HOUR
            self._tick(None)
            for pull in self._own() if agreed else []:
                self.forge.approve(pull.number, OWNER)
                self._merged(pull)
            self.every_move_was_lawful()

    @rule(hours=st.sampled_from([1, 49]))
    def it_is_resumed(self, hours: int) -> None:
        self.forge.now += hours * HOUR
        self._tick(ChangeKind.RESUME)

    @rule()
    def all_goes_wrong(self) -> None:
        self.forge.protected = False
        self.measure(Outcome.REGRESSED)
        self._tick(None)

    @rule(outcome=st.sampled_from([*[Outcome.HEALTHY] * 5, *Outcome]))
    def measure(self, outcome: Outcome) -> None:
        if outcome is not Outcome.HEALTHY:
            self.healthy_since = None
        elif self.healthy_since is None:
            self.healthy_since = self.forge.now
        self.verdict = Verdict(outcome, (f"why {outcome}",), 0.005, Rate(9, 1), healthy_since=self.healthy_since)

    @rule(on=st.sampled_from([True, False, False]))
    def protect(self, on: bool) -> None:
        self.forge.protected = on

    @rule()
    def tick(self) -> None:
        self._tick(None)

    @rule(kind=REQUESTS)
    def ask(self, kind: ChangeKind) -> None:
        self._tick(kind)

    @rule(kind=st.none() | REQUESTS, left=st.integers(1, 4))
    def tick_is_killed(self, kind: ChangeKind | None, left: int) -> None:
        self.forge.left = left
        with suppress(Killed):
            self._tick(kind)
        self.forge.left = 0

    @rule(kind=st.none() | REQUESTS)
    def tick_twice(self, kind: ChangeKind | None) -> None:
        """A run that was started again, at the same moment."""
        self._tick(kind)
        self._tick(kind)

    @rule(at=st.integers(1, 4), late=st.sampled_from([0, 0.25, 30]))
    def ticks_meet(self, at: int, late: float) -> None:
        """Just before its action number `at`, a whole other run goes by; the first had looked `late` hours earlier."""
        self.request, begun, left = None, self.forge.now, at
        self._looks()

        def seen(action: Action) -> None:
            nonlocal left
            self._saw(action)
            left -= 1
            if left == 0:
                self.forge.now += late * HOUR
                self._run(None, self.forge.now)

        self.forge.seen = seen
        record = self._run(None, begun)
        self.forge.seen = self._saw
        assert not record.bug, record.problems
        self._tick(None)

    @precondition(lambda self: not self.edited)
    @rule(fields=FIELDS)
    def change_the_policy(self, fields: dict[str, object]) -> None:
        """An owner's merge. The stages stay; what is green stays so until the next tick."""
        text = write_policy(self.stages, **fields).encode()
        self.policy, self.policy_at = read_policy(text, "policy.yaml"), self.forge.now
        self.forge.commits.append(Commit({**self.forge.files, POLICY: text}, self.forge.now))
        self.checked += 1

    @rule(data=st.data(), by=st.sampled_from([OWNER, OWNER, "mallory"]))
    def approve(self, data: st.DataObject, by: str) -> None:
        for pull in self._some(data):
            self.forge.approve(pull.number, by)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        for pull in self._some(data):
            self._merged(pull)

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        for pull in self._some(data):
            self.forge.close(pull.number, "bob")
            if pull.author == BOT:
                self.refused[pull.branch] = self.forge.now

    @rule(data=st.data(), add=st.booleans())
    def push_to_a_branch(self, data: st.DataObject, add: bool) -> None:
        for pull in self._some(data):
            content = b"evil" if add else data.draw(st.binary(max_size=30) | st.just(self._state_text(100)))
            self.forge.push(pull.number, {"app.py" if add else STATE: content})

    @precondition(lambda self: len(self.forge.open_pulls()) < 4)
    @rule(up=st.sampled_from([-1, 1, 1, 2]), next_attempt=st.booleans(), marker=st.booleans())
    def propose_by_hand(self, up: int, next_attempt: bool, marker: bool) -> None:
        """A person's attempt at going somewhere, lawful by chance only."""
        base = read_state((self.lawful if self.edited else self.forge.files)[STATE], STATE)
        names = [each.name for each in self.policy.ladder]
        stage = self.policy.ladder[min(max(names.index(base.stage) + up, 0), len(names) - 1)]
        attempt = base.attempt + next_attempt
        changes: dict[str, bytes | None] = {STATE: self._state_text(stage.percentage, stage.name, attempt)}
        if marker:
            text = Approval(NAME, stage.name, attempt, Override(("analysis", "duration", "cooldown"), "x", "mallory"))
            changes[approval_path(NAME, stage.name)] = write_approval(text).encode()
        self.forge.propose(f"topic-{len(self.forge.pulls)}", "mallory", changes)

    @rule(marker=st.booleans())
    def somebody_goes_up_alone(self, marker: bool) -> None:
        """All is lawful but the approval, which no owner has given."""
        self.measure(Outcome.HEALTHY)
        self.forge.now += 60 * HOUR
        self.propose_by_hand(up=1, next_attempt=False, marker=marker)
        pull = self.forge.open_pulls()[-1]
        self._tick(None)
        self.every_move_was_lawful()
        if self.forge.pulls[pull.number].state is PullState.OPEN:
            self._merged(pull)

    @precondition(lambda self: not self.edited)
    @rule(content=st.sampled_from([b"", b"\xff\x00", b"<<<<<<< HEAD\n", b"stage: full\n"]) | st.none())
    def edit_by_hand(self, content: bytes | None) -> None:
        """A push past the gate; None skips a generation."""
        text = self._state_text(100, generation=3) if content is None else content
        self.edited = True
        self.lawful = self.forge.files
        self.forge.commits.append(Commit({**self.forge.files, STATE: text}, self.forge.now))
        self.checked += 1

    @precondition(lambda self: self.edited)
    @rule()
    def put_back(self) -> None:
        self.edited = False
        self.forge.commits.append(Commit({**self.forge.files, STATE: self.lawful[STATE]}, self.forge.now))
        self.checked += 1
        # A rollback that was put back cools down anew.
        moves = [each for each in self.moves if each.after.generation == self._state().generation]
        self.moves.extend(replace(each, at=self.forge.now) for each in moves)

    # What must always hold

    @invariant()
    def at_most_one_open_advance(self) -> None:
        """6, first half; what somebody pushed to a branch is not the bot's proposal."""
        untouched = [pull for pull in self._own() if pull.head.endswith(".0")]
        own = [pull for pull in untouched if self._content(pull, ChangeKind.ADVANCE)]
        assert len(own) <= 1

    @invariant()
    def every_move_was_lawful(self) -> None:
        """1, 2 and 5: each new commit of the base branch is looked at once."""
        for index in range(self.checked, len(self.forge.commits)):
            before, after = self._state(index - 1), self._state(index)
            commit = self.forge.commits[index]
            assert commit.pull is not None
            if after == before:
                continue
            assert after.generation == before.generation + 1
            assert after.change.proposed_at.utcoffset() == timedelta(0)
            if after.percentage > before.percentage:
                self._rise_was_earned(before, after, index)
            self.moves.append(Landed(before, after, commit.at))
        self.checked = len(self.forge.commits)

    def _rise_was_earned(self, before: State, after: State, index: int) -> None:
        commit = self.forge.commits[index]
        assert commit.pull is not None
        stage = self.policy.stage(after.stage)
        assert stage == self.policy.above(self.policy.stage(before.stage) or self.policy.ladder[0])
        marker = commit.files.get(approval_path(NAME, after.stage))
        approval = read_approval(marker, "x") if marker else None
        if approval is not None and not approval.fits(after):
            approval = None
        if approval is not None:
            path = approval_path(NAME, after.stage)
            pulls = [each.pull for each in self.forge.commits[: index + 1] if each.pull]
            assert OWNER in [pull for pull in pulls if path in pull.changes][-1].approvers
        assert stage is not None
        assert approval is not None or not stage.requires_approval
        over = approval.override.gates if approval and approval.override else ()
        assert self.judged[commit.pull.head] is Outcome.HEALTHY or "analysis" in over
        assert self.judged[commit.pull.head] is not Outcome.REGRESSED
        assert before.hold is None
        policy = self.judged_by[commit.pull.head]
        window = policy.window
        assert window is None or "window" in over or window.is_open(self.judged_at[commit.pull.head])
        backs = [each for each in self.moves if each.after.percentage < each.before.percentage]
        resumed = [n for n, each in enumerate(self.moves) if each.after.change.kind is ChangeKind.RESUME]
        since = self.moves[resumed[-1] + 1 :] if resumed else self.moves
        rollbacks = {each.after.generation for each in since if each.after.percentage < each.before.percentage}
        if backs and "cooldown" not in over:
            assert commit.at - backs[-1].at >= policy.cooldown_after(len(rollbacks))
        assert "attempts" in over or len(rollbacks) < max(1, policy.max_rollbacks)

    # One pass, and what it must have done

    def _tick(self, kind: ChangeKind | None) -> None:
        before = len(self.forge.commits)
        state = None if self.edited else self._state()
        self.request = kind
        self._looks()
        threads = threading.active_count()
        record = self._run(kind, self.forge.now)
        assert threading.active_count() == threads
        assert not record.bug, record.problems
        for pull in self.forge.open_pulls():
            self._judges(pull.head)
        if state is None:
            assert record.problems
            assert self.forge.commits[before:] == []
            return
        self._was_right(record, state, kind, before)
        if record.merged and not self.forge.protected:
            # Gates of other people's pull requests were set before the merge; a tick later they know of it.
            self._run(None, self.forge.now)

    def _looks(self) -> None:
        state = None if self.edited else self._state()
        self.looked = Outcome.INCONCLUSIVE if state and state.stage == "off" else self.verdict.outcome

    def _run(self, kind: ChangeKind | None, now: datetime) -> RolloutRecord:
        evaluator = Drawn(now, Path(), {}, self.verdict)
        return Tick(self.forge, evaluator, frozenset((NAME,))).run(asks(kind) if kind else None).rollouts[0]

    def _was_right(self, record: RolloutRecord, state: State, kind: ChangeKind | None, before: int) -> None:
        decision = record.decision
        assert decision is not None
        for commit in self.forge.commits[before:]:
            assert commit.pull is not None
            assert "app.py" not in commit.pull.changes
        regressed = self.verdict.outcome is Outcome.REGRESSED and state.stage != "off"
        if regressed and self.policy.rollback_on_error and kind is None:
            assert decision.action is DecisionAction.ROLL_BACK
            if self.forge.protected:
                assert record.failed
                assert [pull for pull in self._own() if self._content(pull, ChangeKind.ROLL_BACK)]
            else:
                assert self._state().percentage < state.percentage
        if self.verdict.outcome is not Outcome.HEALTHY and kind is None and state.stage != "off" and not regressed:
            assert decision.action in (DecisionAction.HOLD, DecisionAction.COMPLETE)
            assert decision.reasons

    def _saw(self, action: Action) -> None:
        """6, second half: what a human closed is not opened again, unless something has changed or somebody asks."""
        if isinstance(action, SetGate | MergePull) and action.head is not None:
            self._judges(action.head)
        if not isinstance(action, OpenPull) or action.branch not in self.refused:
            return
        content = read_state(action.files[STATE].encode(), STATE)
        if content.change.kind is not ChangeKind.ADVANCE or self.request is ChangeKind.ADVANCE:
            return
        newest = [each for each in self.forge.pulls.values() if each.branch == action.branch][-1]
        refused = self.refused[action.branch]
        assert newest.closed_by == BOT or self.policy_at >= refused or (self.healthy_since or refused) > refused

    def _judges(self, head: str) -> None:
        self.judged[head], self.judged_at[head] = self.looked, self.forge.now
        self.judged_by[head] = self.policy

    def _merged(self, pull: PullRequest) -> None:
        with suppress(NotMergeable, Conflict):
            self.forge.merge(pull.number)

    def _some(self, data: st.DataObject) -> list[PullRequest]:
        pulls = self.forge.open_pulls()
        return [data.draw(st.sampled_from(pulls))] if pulls else []

    def _own(self) -> list[PullRequest]:
        return [pull for pull in self.forge.open_pulls() if pull.author == BOT]

    def _state(self, index: int = -1) -> State:
        return read_state(self.forge.commits[index].files[STATE], STATE)

    def _state_text(self, percentage: int, stage: str = "nowhere", attempt: int = 1, generation: int = 1) -> bytes:
        files = self.forge.files if not self.edited else self.lawful
        base = read_state(files[STATE], STATE)
        rises = percentage > base.percentage
        why = change(ChangeKind.ADVANCE if rises else ChangeKind.ROLL_BACK, base.stage, by="mallory", at=self.forge.now)
        text = State(NAME, stage, percentage, attempt, base.generation + generation, why, base.hold)
        return write_state(text).encode()

    @staticmethod
    def _content(pull: PullRequest, kind: ChangeKind) -> bool:
        try:
            return read_state(pull.changes.get(STATE) or b"", STATE).change.kind is kind
        except InvalidFile:
            return False


TestRollout = Rollout.TestCase
TestRollout.settings = settings(
    max_examples=int(os.environ.get("CHAOS_EXAMPLES", "70")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
