"""What is committed: the state of a rollout, its approvals, and which change of it is legal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from rollout_bot.core.model.policy import Policy, Stage
from rollout_bot.core.verdict import Outcome


class ChangeKind(StrEnum):
    """Why a state differs from the one before it."""

    START = "start"
    ADVANCE = "advance"
    ROLL_BACK = "roll_back"
    HOLD = "hold"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Change:
    """`from_stage` is None only for `START`; `proposed_at` is when the change was written, not when it was merged."""

    kind: ChangeKind
    from_stage: str | None
    reason: str
    by: str
    proposed_at: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """A human's wish not to advance. It never stops a rollback."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class BaselineEvidence:
    """What the baseline cohort counted in the intervals that were compared, and by how much it was exceeded there.

    `increase` and its bounds (95 %) are differences of rates, fractions like `max_error_rate_increase`.
    """

    requests: float
    failures: float
    error_rate: float | None
    max_error_rate_increase: float
    increase: float | None
    increase_lower: float | None
    increase_upper: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known when the change was proposed. Rates are fractions; counts are of the stage being left."""

    outcome: Outcome
    max_error_rate: float
    requests: float
    failures: float
    error_rate: float | None
    lower: float | None
    upper: float | None
    start: datetime | None
    end: datetime | None
    measured_at: datetime
    source: str
    queries: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    baseline: BaselineEvidence | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The content of `state.yaml`. `attempt` counts tries at going up, `generation` every change; both start at 1."""

    rollout: str
    stage: str
    percentage: int
    attempt: int
    generation: int
    change: Change
    hold: Hold | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Gates that a human asks to pass over, by name, and why."""

    gates: tuple[str, ...]
    reason: str
    by: str

    def covers(self, other: Override) -> bool:
        """Whether it passes over all the gates that the other does."""
        return set(other.gates) <= set(self.gates)


@dataclass(frozen=True, slots=True)
class Approval:
    """The content of `approvals/<stage>.yaml`: valid for one stage in one attempt, void after a rollback."""

    rollout: str
    stage: str
    attempt: int
    override: Override | None = None

    @property
    def passes_over(self) -> frozenset[str]:
        """The gates that may stay shut; none where it approves the stage alone."""
        return frozenset(self.override.gates) if self.override else frozenset()

    def fits(self, state: State) -> bool:
        """Whether it approves entering the stage that `state` is in."""
        return (self.rollout, self.stage, self.attempt) == (state.rollout, state.stage, state.attempt)


def start(rollout: str, stage: Stage, *, by: str, reason: str, now: datetime) -> State:
    """The first state of a rollout."""
    change = Change(ChangeKind.START, None, reason, by, now)
    return State(rollout, stage.name, stage.percentage, attempt=1, generation=1, change=change)


def moved(state: State, to: Stage, change: Change, evidence: Evidence | None) -> State:
    """The state after an advance or a rollback to `to`; a rollback begins a new attempt."""
    attempt = state.attempt + (change.kind is ChangeKind.ROLL_BACK)
    return replace(
        state,
        stage=to.name,
        percentage=to.percentage,
        attempt=attempt,
        generation=state.generation + 1,
        change=change,
        evidence=evidence,
    )


def held(state: State, change: Change, hold: Hold | None) -> State:
    """The state with a hold set or, with None, lifted; everything else stays."""
    return replace(state, generation=state.generation + 1, change=change, hold=hold)


def misfits(state: State, policy: Policy) -> Iterator[str]:
    """How a well-formed state contradicts its policy: nothing may be moved from such a state."""
    if state.rollout != policy.rollout:
        yield f"the state is of rollout {state.rollout!r}, the policy of {policy.rollout!r}"
    stage = policy.stage(state.stage)
    if stage is None:
        known = ", ".join(each.name for each in policy.ladder)
        yield f"stage {state.stage!r} is not in the policy; allowed: {known}"
    elif state.percentage != stage.percentage:
        yield f"percentage is {state.percentage}, but stage {stage.name!r} has {stage.percentage} in the policy"


def illegal(before: State, after: State, policy: Policy) -> Iterator[str]:
    """Why `after` may not follow `before`: empty for a legal transition.

    Legal are: one stage up in the same attempt; any number of stages down in the next attempt; a hold set or lifted
    where the stage stays. Every change raises the generation by one.
    """
    yield from misfits(after, policy)
    if after.generation != before.generation + 1:
        yield f"generation goes from {before.generation} to {after.generation}; allowed: {before.generation + 1}"
    old, new = policy.stage(before.stage), policy.stage(after.stage)
    if old is None or new is None:
        return
    kind, attempt = _expected(before, after, policy, old, new)
    if kind is None:
        allowed = policy.above(old)
        up = f"{allowed.name!r}, " if allowed else ""
        yield f"{old.name!r} → {new.name!r} is no legal move; allowed: {up}any stage below, or a hold set or lifted"
        return
    if after.change.kind is not kind:
        yield f"the change is called {after.change.kind.value!r}, but it is {kind.value!r}"
    if after.change.from_stage != before.stage:
        yield f"the change says it comes from {after.change.from_stage!r}, but the base is at {before.stage!r}"
    if after.attempt != attempt:
        yield f"attempt goes from {before.attempt} to {after.attempt}; allowed here: {attempt}"
    if kind in (ChangeKind.ADVANCE, ChangeKind.ROLL_BACK) and after.hold != before.hold:
        yield "a hold is set or lifted by a change of its own, not together with a move"


def _expected(before: State, after: State, policy: Policy, old: Stage, new: Stage) -> tuple[ChangeKind | None, int]:
    if new == old:
        if after.hold != before.hold:
            return (ChangeKind.HOLD if after.hold else ChangeKind.RESUME), before.attempt
        # Lifting what is not there is how a human accepts a state and restarts the count of rollbacks.
        resumes = after.change.kind is ChangeKind.RESUME and after.hold is None
        return (ChangeKind.RESUME if resumes else None), before.attempt
    if new.percentage < old.percentage:
        return ChangeKind.ROLL_BACK, before.attempt + 1
    return (ChangeKind.ADVANCE if new == policy.above(old) else None), before.attempt
