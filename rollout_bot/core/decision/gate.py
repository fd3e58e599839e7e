"""The gate status of a pull request: whether its change of rollout state may be merged now."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rollout_bot.core.decision.decision import Proposal
from rollout_bot.core.gates.conditions import Gate, GateName, gates, opens_at
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.approved import Markers, lacks_marker
from rollout_bot.core.model.history import unlinked
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import GateState, GateStatus
from rollout_bot.core.model.state import ChangeKind, State, illegal, misfits
from rollout_bot.core.wording import moment, one_line

MAX_DESCRIPTION = 140
"""Characters that GitHub allows in a status description."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What one rollout would look like after the merge. None: the file would not be there.

    `problems` are those of the files that the pull request changes: with any, nothing else is judged.
    `policy_changes` says whether the policy is among the changed files; `approvals` are the readable markers by stage,
    `markers` those among them that the pull request itself brings.
    """

    rollout: str
    policy: Policy | None
    state: State | None
    approvals: Markers = field(default_factory=dict)
    policy_changes: bool = False
    state_changes: bool = False
    problems: tuple[str, ...] = ()
    markers: Markers = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Base:
    """What the rollout is now; `situation` is None where it cannot be evaluated, `state` where it is not lawful.

    `lawful` is the last lawful state.
    """

    situation: Situation | None
    state: State | None
    lawful: State | None
    exists: bool

    def bared(self, policy: Policy, approvals: Markers) -> Iterator[State]:
        """The stages that it went up through and that would lack their marker from now on."""
        now = self.situation
        if now is None:
            return
        attempt = now.state.attempt
        for state in (rise.state for rise in now.standing.rises if rise.state is not None):
            lacked = lacks_marker(state, now.policy, now.approvals, attempt)
            if not lacked and lacks_marker(state, policy, approvals, attempt):
                yield replace(state, attempt=attempt)


UNTOUCHED = GateStatus(GateState.SUCCESS, "touches no rollout state")


def irregular(path: str) -> GateStatus:
    """No link leads out of the owners' paths, and what a deployment reads is what was judged."""
    return _failure(f"{path} is a symbolic link or a submodule; put a regular file there, or a folder of them")


def _status(state: GateState, text: str) -> GateStatus:
    # A folder or a link can be called anything.
    line = one_line(text)
    return GateStatus(state, line if len(line) <= MAX_DESCRIPTION else line[: MAX_DESCRIPTION - 1] + "…")


def _failure(text: str) -> GateStatus:
    return _status(GateState.FAILURE, text)


def _success(text: str) -> GateStatus:
    return _status(GateState.SUCCESS, text)


def worst(statuses: Iterable[GateStatus]) -> GateStatus:
    """A pull request that touches several rollouts is only as good as its worst part."""
    order = (GateState.SUCCESS, GateState.PENDING, GateState.FAILURE)
    return max(statuses, key=lambda status: order.index(status.state), default=UNTOUCHED)


def judge(base: Base, proposed: Proposed) -> GateStatus:
    """The status for one rollout that a pull request touches. A move down is always legal, at once, from anyone."""
    name = proposed.rollout
    if proposed.problems:
        more = f" (and {len(proposed.problems) - 1} more)" if len(proposed.problems) > 1 else ""
        return _failure(f"{proposed.problems[0]}{more}")
    if proposed.policy is None and proposed.state is None:
        return _success(f"{name}: the rollout is removed")
    if proposed.policy is None or proposed.state is None:
        missing = "policy.yaml" if proposed.policy is None else "state.yaml"
        return _failure(f"{name}: {missing} would be missing; a rollout has both files or neither")
    wrong = next(_misplaced(proposed, proposed.policy, proposed.state), None)
    if wrong is not None:
        return _failure(f"{name}: {wrong}")
    bared = next(base.bared(proposed.policy, proposed.approvals), None)
    if bared is not None and proposed.state.attempt == bared.attempt:
        # Otherwise what was lawful would cease to be, without anybody having moved.
        return _failure(f"{name}: {_missing(bared)}, as the present stage rests on it; bring it along")
    if not proposed.state_changes:
        return _success(f"{name}: the stage stays {proposed.state.stage}")
    if not base.exists or base.lawful is None:
        return _first(proposed, proposed.policy, proposed.state)
    if proposed.state == base.lawful and base.state != base.lawful:
        return _success(f"{name}: puts back the last lawful state, {proposed.state.stage}")
    return _transition(base, proposed, proposed.policy, proposed.state)


def judge_proposal(situation: Situation, proposal: Proposal) -> GateStatus:
    """The status of what the bot itself is about to propose: it is bound by the same rules as everybody."""
    state = proposal.state
    base = Base(situation, situation.state, situation.state, exists=True)
    added = {} if proposal.approval is None else {state.stage: proposal.approval}
    approvals = {**situation.approvals, **added}
    return judge(base, Proposed(state.rollout, situation.policy, state, approvals, state_changes=True))


def _misplaced(proposed: Proposed, policy: Policy, state: State) -> Iterator[str]:
    """What does not belong where it is put, whatever it follows."""
    if policy.rollout != proposed.rollout:
        yield f"the policy is of rollout {policy.rollout!r}; allowed: the name of its folder"
    yield from misfits(state, policy)
    for stage, marker in proposed.markers.items():
        if (marker.rollout, marker.stage) != (proposed.rollout, stage):
            yield f"approvals/{stage}.yaml approves {marker.stage!r} of {marker.rollout!r}"
        elif marker.attempt != state.attempt:
            yield f"approvals/{stage}.yaml is for attempt {marker.attempt}; allowed: {state.attempt}, the present one"


def _missing(state: State) -> str:
    return f"{state.stage} needs approvals/{state.stage}.yaml for attempt {state.attempt}"


def _first(proposed: Proposed, policy: Policy, state: State) -> GateStatus:
    if state.change.kind is not ChangeKind.START or (state.generation, state.attempt) != (1, 1):
        return _failure(f"{state.rollout}: a new rollout starts with generation 1, attempt 1 and a change 'start'")
    allowed = [stage.name for stage in policy.ladder[:2]]
    if state.stage not in allowed:
        return _failure(f"{state.rollout}: starts at {state.stage!r}; allowed: {', '.join(allowed)}")
    if lacks_marker(state, policy, proposed.approvals):
        return _failure(f"{state.rollout}: {_missing(state)}; bring it along, or start at off")
    return _success(f"{state.rollout}: starts at {state.stage} ({state.percentage} %)")


def _transition(base: Base, proposed: Proposed, policy: Policy, state: State) -> GateStatus:
    name, before, situation = proposed.rollout, base.state, base.situation
    if before is None:
        return _failure(f"{name}: the base branch's state is not lawful; put back its last lawful content first")
    rules = situation.policy if situation else policy
    wrong = next(itertools.chain(illegal(before, state, rules), unlinked(before, state)), None)
    if wrong is not None:
        return _failure(f"{name}: {wrong}")
    if state.percentage <= before.percentage:
        if state.stage == before.stage:
            return _success(f"{name}: {state.change.kind} at {state.stage}")
        return _success(f"{name}: {before.stage} → {state.stage}, not a move up")
    if situation is None:
        return _failure(f"{name}: cannot be evaluated on the base branch; nothing goes up until that is mended")
    if proposed.policy_changes and policy != situation.policy:
        return _failure(f"{name}: raises the percentage and changes the policy; use two pull requests")
    return _move_up(situation, state, proposed.approvals)


def _move_up(situation: Situation, state: State, approvals: Markers) -> GateStatus:
    where = f"{state.rollout}: {situation.state.stage} → {state.stage}"
    approval = approvals.get(state.stage)
    if lacks_marker(state, situation.policy, approvals):
        return _failure(f"{where} needs approvals/{state.stage}.yaml for attempt {state.attempt}")
    if situation.alarms:
        return _failure(f"{where}: {situation.state.stage} has regressed")
    fits = approval is not None and approval.fits(state)
    override = approval.override if approval is not None and fits else None
    passed_over = approval.passes_over if approval is not None and fits else frozenset()
    shut = [gate for gate in gates(situation) if _still_shut(gate, passed_over)]
    if shut:
        at = opens_at(situation, shut)
        until = f" until {moment(at)}" if at else ""
        return _status(GateState.PENDING, f"{where}: waits for {', '.join(gate.name for gate in shut)}{until}")
    if override:
        return _success(f"{where}: passes over {', '.join(override.gates)} with an owner's approval")
    return _success(f"{where}: {situation.state.stage} is healthy")


def _still_shut(gate: Gate, passed_over: frozenset[str]) -> bool:
    if gate.passed or gate.name is GateName.REFUSAL:
        return False
    return gate.name in (GateName.HOLD, GateName.ENTRY) or gate.name.value not in passed_over
