"""The one pass, from snapshot to record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from rollout_bot.core.decision.allowance import put_off
from rollout_bot.core.decision.decision import Decision, DecisionAction, Proposal, Request
from rollout_bot.core.decision.plan import Judged, PullText, own_pulls, plan, plan_gates
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.links import NOWHERE, Links
from rollout_bot.core.model.repository import (
    GateStatus,
    PullRequest,
    PullState,
    Snapshot,
    branch_name,
)
from rollout_bot.core.model.shards import WHOLE, Shard
from rollout_bot.core.model.state import Approval, State
from rollout_bot.core.progress import Progress, unseen
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state
from rollout_bot.forge.interface import Forge
from rollout_bot.network.redaction import redacted
from rollout_bot.report.pull_request import commit_message, pull_text
from rollout_bot.tick.applying import apply, apply_one
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.judging import gate_of, home_of, rollouts_touched
from rollout_bot.tick.proposed import head_of, proposed
from rollout_bot.tick.reading import CannotEvaluate

MAX_ROUNDS = 3
"""How often a tick looks anew when somebody was faster; what is left then waits for the next tick."""

LEFT = "the next tick goes on here: this one has used its share of what GitHub takes in an hour; rollbacks never wait"

MEASURING_AT_ONCE = 8
"""Rollouts measured side by side: a metrics server that hangs delays them together and not one after another."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """The texts that a plan needs, from the folders that know their formats."""

    links: Links

    def state(self, state: State) -> str:
        return write_state(state)

    def approval(self, approval: Approval) -> str:
        return write_approval(approval)

    def pull(self, situation: Situation, decision: Decision) -> PullText:
        return pull_text(situation, decision, self.links)

    def commit(self, proposal: Proposal) -> str:
        return commit_message(proposal)


@dataclass(frozen=True, slots=True)
class _Round:
    """One look: the rollouts evaluated against one snapshot, and the status of each open pull request of the shard."""

    snapshot: Snapshot
    records: Mapping[str, RolloutRecord]
    gates: Mapping[int, GateStatus]

    def own(self, rollout: str) -> tuple[PullRequest, ...]:
        return tuple(pull for pull in own_pulls(self.snapshot, rollout) if pull.state is PullState.OPEN)


@dataclass(frozen=True, slots=True)
class Tick:
    """One pass over the rollouts of a repository.

    `only` names those to act for (None: all); the others are evaluated all the same, for the gates. Of both, a `shard`
    knows its own only. After `allowance` requests to the forge what can wait is left to the next tick (None: nothing
    is), unless a person asks. With `dry_run` the record holds the steps that would be taken, none of them carried out.
    """

    forge: Forge
    evaluator: Evaluator
    only: frozenset[str] | None = None
    dry_run: bool = False
    progress: Progress = unseen
    links: Links = NOWHERE
    shard: Shard = WHOLE
    allowance: int | None = None

    def run(self, request: Request | None = None) -> TickRecord:
        """Looks, decides and acts. Raises ForgeError if the forge cannot be read at all.

        With a request exactly one rollout must be named in `only`.
        """
        if request is not None:
            request = replace(request, role=self.forge.role(request.by))
        look = self._look(self.only, request)
        if self.only is not None and (strangers := self.only - look.records.keys()):
            raise CannotEvaluate(*(unknown(name, look.snapshot) for name in sorted(strangers)))
        done = dict(look.records)
        gates: list[Step] = []
        pending: frozenset[str] | None = None
        limit = None if self.allowance is None or request else self.forge.requests + self.allowance
        for attempt in range(MAX_ROUNDS):
            conflicts = self._act(look, done, pending, limit)
            gates.extend(self._post_gates(look))
            # A human asked for a change of what was there; who was faster may have made it another question.
            if not conflicts or request is not None or attempt == MAX_ROUNDS - 1:
                break
            pending = conflicts
            look = self._look(pending, None)
        chosen = tuple(done[name] for name in sorted(done) if self._is_chosen(name))
        return TickRecord(
            self.evaluator.now, self.forge.requests, chosen, tuple(gates), self.dry_run, look.snapshot, self.shard
        )

    def verify(self, number: int) -> tuple[PullRequest, GateStatus, tuple[str, ...]]:
        """Judges one open pull request and posts its status. Answers it, the status, and all that is wrong with files.

        Raises CannotEvaluate if there is none of that number.
        """
        look = self._look(frozenset(), None)
        pull = next((each for each in look.snapshot.open_pulls() if each.number == number), None)
        if pull is None:
            raise CannotEvaluate(f"there is no open pull request #{number} to {look.snapshot.base_branch}")
        status = look.gates[number]
        if not self.dry_run:
            for action in plan_gates([(pull, status)], look.snapshot.actor):
                self.forge.apply(action)
        problems = (
            each for name in sorted(rollouts_touched(pull)) for each in proposed(look.snapshot, pull, name).problems
        )
        return pull, status, tuple(problems)

    def _look(self, only: frozenset[str] | None, request: Request | None) -> _Round:
        snapshot = self.forge.snapshot()
        names = snapshot.rollouts()
        pulls = [pull for pull in snapshot.open_pulls() if self._is_ours(snapshot, pull)]
        touched = {name for pull in pulls for name in rollouts_touched(pull)}
        wanted = [name for name in names if self._is_chosen(name, only) or name in touched]
        records: dict[str, RolloutRecord] = {}
        asked = {name: request if only is not None and name in only else None for name in wanted}
        for record in _side_by_side(lambda name: self._evaluate(snapshot, name, asked[name]), wanted):
            records[record.rollout] = record
            self.progress(len(records), len(wanted))
        gates = {pull.number: gate_of(snapshot, records, pull) for pull in pulls}
        return _Round(snapshot, records, gates)

    def _is_chosen(self, name: str, among: frozenset[str] | None = None) -> bool:
        """Whether this tick acts for a rollout; `among` are those that it looks at now, if not at all of them."""
        named = self.only if among is None else among
        return (named is None or name in named) and self.shard.holds(name)

    def _is_ours(self, snapshot: Snapshot, pull: PullRequest) -> bool:
        """Whether an open pull request belongs to this shard: exactly one of all shards says yes."""
        home = home_of(snapshot, pull)
        return self.shard.first if home is None else self.shard.holds(home)

    def _evaluate(self, snapshot: Snapshot, name: str, request: Request | None) -> RolloutRecord:
        try:
            found = self.evaluator.evaluate(snapshot, name, request)
        except CannotEvaluate as error:
            return RolloutRecord(name, problems=error.problems)
        except Exception as error:  # noqa: BLE001 - one rollout's trouble, even a bug of ours, never stops another's
            return RolloutRecord(name, problems=(self._bug(error),), bug=True)
        return RolloutRecord(name, found.situation, found.decision, problems=found.problems, notes=found.notes)

    def _bug(self, error: Exception) -> str:
        return f"bug in the bot: {type(error).__name__}: {redacted(str(error), self.evaluator.environment)}"

    def _act(
        self, look: _Round, done: dict[str, RolloutRecord], pending: frozenset[str] | None, limit: int | None
    ) -> frozenset[str]:
        """Plans and applies for each rollout, rollbacks first; names those for which somebody was faster."""
        names = [name for name in look.records if self._is_chosen(name) and (pending is None or name in pending)]
        names.sort(key=lambda name: (not _is_rollback(look.records[name]), name))
        conflicts: set[str] = set()
        for name in names:
            try:
                record, conflict = self._carry_out(look, look.records[name], limit)
            except Exception as error:  # noqa: BLE001 - as above
                record, conflict = replace(look.records[name], problems=(self._bug(error),), bug=True), False
            done[name] = record
            if conflict:
                conflicts.add(name)
        return frozenset(conflicts)

    def _carry_out(self, look: _Round, record: RolloutRecord, limit: int | None) -> tuple[RolloutRecord, bool]:
        situation, decision = record.situation, record.decision
        if situation is None or decision is None or decision.refused:
            return record, False
        own = look.own(record.rollout)
        judged = [Judged(pull, look.gates[pull.number], *head_of(pull, record.rollout)) for pull in own]
        actions = plan(look.snapshot, situation, decision, judged, _Texts(self.links)).actions
        record = replace(record, pull=_next_pull(own, situation))
        if self.dry_run:
            return replace(record, steps=tuple(Step(action) for action in actions)), False
        if limit is None or self.forge.requests < limit or _is_rollback(record):
            return apply(self.forge, record, actions)
        now, later = put_off(actions)
        record, conflict = apply(self.forge, record, now)
        left = tuple(Step(action, note=None if index else LEFT) for index, action in enumerate(later))
        return replace(record, steps=record.steps + left), conflict

    def _post_gates(self, look: _Round) -> list[Step]:
        """Statuses of the pull requests that belong to no rollout's plan: those of people, and those of broken ones."""
        planned = {
            pull.number
            for name, record in look.records.items()
            if record.situation is not None and self._is_chosen(name)
            for pull in look.own(name)
        }
        others = [pull for pull in look.snapshot.open_pulls() if pull.number in look.gates.keys() - planned]
        actions = plan_gates(((pull, look.gates[pull.number]) for pull in others), look.snapshot.actor)
        if self.dry_run:
            return [Step(action) for action in actions]
        return [apply_one(self.forge, action, {})[0] for action in actions]


def _side_by_side(evaluate: Callable[[str], RolloutRecord], names: Sequence[str]) -> Iterator[RolloutRecord]:
    if len(names) < 2:
        yield from map(evaluate, names)
        return
    with ThreadPoolExecutor(min(MEASURING_AT_ONCE, len(names))) as pool:
        yield from pool.map(evaluate, names)


def unknown(name: str, snapshot: Snapshot) -> str:
    """That there is no rollout of that name, and which there are."""
    known = ", ".join(snapshot.rollouts()) or "none"
    return f"no rollout {name!r} on branch {snapshot.base_branch}; there are: {known}"


def _is_rollback(record: RolloutRecord) -> bool:
    return record.decision is not None and record.decision.action is DecisionAction.ROLL_BACK


def _next_pull(own: Iterable[PullRequest], situation: Situation) -> PullRequest | None:
    prefix = branch_name(situation.state.rollout, situation.state.generation + 1, "")
    return next((pull for pull in own if pull.branch.startswith(prefix)), None)
