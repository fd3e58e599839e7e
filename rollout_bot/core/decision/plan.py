"""From a decision to the pull-request actions that make it happen: data, carried out elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

from rollout_bot.core.decision.actions import (
    Action,
    ClosePull,
    DeleteBranch,
    FinishPull,
    MergePull,
    OpenPull,
    Plan,
    SetGate,
    StartWorkflow,
    UpdatePull,
)
from rollout_bot.core.decision.decision import Decision, Proposal
from rollout_bot.core.decision.gate import judge_proposal
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.model.repository import (
    GateState,
    GateStatus,
    PullRequest,
    PullState,
    Revision,
    Snapshot,
    approval_path,
    branch_name,
    state_path,
)
from rollout_bot.core.model.state import Approval, ChangeKind, State

SWEPT_AT_ONCE = 5
"""Branches of one rollout that a tick deletes at most."""

_RESERVED = (
    "The bot needs the branch `{branch}` for a change of its own; open this again from a branch of another name."
)


@dataclass(frozen=True, slots=True)
class PullText:
    """Title and body of a pull request. `facts` is a part of the body that changes only when the facts do."""

    title: str
    body: str
    facts: str


class Texts(Protocol):
    """Turns values into the text of files and pull requests: the core knows neither YAML nor Markdown."""

    def state(self, state: State) -> str: ...
    def approval(self, approval: Approval) -> str: ...
    def pull(self, situation: Situation, decision: Decision) -> PullText: ...
    def commit(self, proposal: Proposal) -> str: ...


@dataclass(frozen=True, slots=True)
class Judged:
    """An open pull request of the bot for this rollout, as judged in this tick.

    `state` and `approval` are what its head holds; None where it holds none that can be read.
    """

    pull: PullRequest
    gate: GateStatus
    state: State | None
    approval: Approval | None


def own_pulls(snapshot: Snapshot, rollout: str) -> tuple[PullRequest, ...]:
    """The bot's pull requests for a rollout, open and closed."""
    prefix = _prefix(rollout)
    return tuple(pull for pull in snapshot.pulls if pull.author == snapshot.actor and pull.branch.startswith(prefix))


def _prefix(rollout: str) -> str:
    return branch_name(rollout, 0, "").rsplit("/", 1)[0] + "/"


def refusal(snapshot: Snapshot, rollout: str, branch: str, policy_history: Iterable[Revision]) -> Refusal | None:
    """The newest pull request of `branch` that a human closed unmerged, unless the policy has changed since.

    Whoever deletes a branch by hand refuses it as well, even if the forge cannot tell who that was, or when.
    """
    own = own_pulls(snapshot, rollout)
    closed = _closed(own, branch)
    if closed is None or closed.closed_by == snapshot.actor:
        return None
    if any(pull.branch == branch and pull.state is PullState.OPEN for pull in own):
        return None
    at = closed.closed_at or closed.opened_at
    if any(revision.merged_at > at for revision in policy_history):
        return None
    return Refusal(closed.number, closed.closed_by or "somebody", at)


def _closed(pulls: Iterable[PullRequest], branch: str) -> PullRequest | None:
    closed = (pull for pull in pulls if pull.branch == branch and pull.state is PullState.CLOSED)
    return max(closed, key=lambda pull: pull.number, default=None)


def plan(snapshot: Snapshot, situation: Situation, decision: Decision, judged: Iterable[Judged], texts: Texts) -> Plan:
    """Everything to do for one rollout now.

    Idempotent: what is there already is looked at, not made again. A rollback is merged before anything is tidied up.
    """
    actions = tuple(_moves(snapshot, situation, decision, judged, texts))
    return Plan(actions or tuple(_sweep(snapshot, situation.policy.rollout)))


def _moves(
    snapshot: Snapshot, situation: Situation, decision: Decision, judged: Iterable[Judged], texts: Texts
) -> Iterator[Action]:
    own = {each.pull.branch: each for each in judged}
    started = _started(own.values(), situation, decision)
    if started is not None:
        each, state = started
        del own[each.pull.branch]
        yield from _pursue(situation, decision, each, state, texts)
        yield from _supersede(own.values(), state)
        return
    if decision.proposal is None:
        yield from _keep(situation, decision, own.values(), texts)
        return
    proposal, state = decision.proposal, decision.proposal.state
    branch = _branch(state)
    current = own.pop(branch, None)
    tidied = tuple(_supersede(own.values(), state))
    rises = state.change.kind is ChangeKind.ADVANCE
    if rises:
        # Two advances are never open at once, not even where a run is killed in between.
        yield from tidied
    if current is not None and current.state is not None and _stands_for(current, proposal, situation.actor):
        yield from _pursue(situation, decision, current, current.state, texts)
    elif current is not None:
        yield ClosePull(current.pull.number, "This pull request no longer says what the bot would propose.")
        yield from _open(snapshot, situation, decision, proposal, texts, after=current.pull.number)
    else:
        yield from _cleared(snapshot, branch)
        after = max((pull.number for pull in snapshot.pulls if pull.branch == branch), default=0)
        yield from _open(snapshot, situation, decision, proposal, texts, after=after)
    if not rises:
        yield from tidied


def _cleared(snapshot: Snapshot, branch: str) -> Iterator[Action]:
    """Closes pull requests of others from a branch that the bot needs: no name that is taken stops a rollback."""
    strangers = (each for each in snapshot.open_pulls() if each.branch == branch and each.author != snapshot.actor)
    return (ClosePull(pull.number, _RESERVED.format(branch=branch)) for pull in strangers)


def _sweep(snapshot: Snapshot, rollout: str) -> Iterator[Action]:
    """Branches of merged pull requests, a few at a time and where nothing else is to do: requests are few."""
    ours = ((branch, head) for branch, head in snapshot.left.items() if branch.startswith(_prefix(rollout)))
    return (DeleteBranch(branch, head) for branch, head in islice(ours, SWEPT_AT_ONCE))


def plan_gates(pulls: Iterable[tuple[PullRequest, GateStatus]], actor: str) -> tuple[SetGate, ...]:
    """The statuses that differ from those that the bot has set, which is `actor`; it posts none twice.

    One that somebody else has set may count for nothing where rules are pinned to the bot.
    """
    return tuple(
        SetGate(pull.branch, pull.head, status)
        for pull, status in pulls
        if pull.gate != status or pull.gate_by not in (actor, None)
    )


def _stands_for(current: Judged, proposal: Proposal, actor: str) -> bool:
    """Whether an open pull request still stands for the proposal: other evidence is no other transition.

    One that passes over more gates than are shut now does, until a human asks anew: gates open by themselves.
    """
    there, wanted = current.state, proposal.state
    if there is None or not _intact(current, there) or _key(wanted) != _key(there):
        return False
    asked, found = proposal.approval, current.approval
    if asked is None or found is None:
        return asked is found
    exact = wanted.change.by != actor
    needed, offered = asked.passes_over, found.passes_over
    return found.fits(wanted) and (offered == needed if exact else offered >= needed)


def _key(state: State) -> tuple[object, ...]:
    kind, origin = state.change.kind, state.change.from_stage
    return state.stage, state.percentage, state.attempt, state.generation, state.hold, kind, origin


def _intact(current: Judged, state: State) -> bool:
    """Whether nobody has added to the bot's branch: what it merges by itself changes these files and no other."""
    return current.pull.branch == _branch(state) and set(current.pull.paths) <= set(_paths(state))


def _branch(state: State) -> str:
    return branch_name(state.rollout, state.generation, state.stage)


def _paths(state: State) -> tuple[str, str]:
    return state_path(state.rollout), approval_path(state.rollout, state.stage)


def _open(
    snapshot: Snapshot, situation: Situation, decision: Decision, proposal: Proposal, texts: Texts, *, after: int
) -> Iterator[Action]:
    branch = _branch(proposal.state)
    state_file, approval_file = _paths(proposal.state)
    files = {state_file: texts.state(proposal.state)}
    if proposal.approval is not None:
        files[approval_file] = texts.approval(proposal.approval)
    text = texts.pull(situation, decision)
    gate = judge_proposal(situation, proposal)
    message = texts.commit(proposal)
    asked = _reviewers(situation, proposal)
    yield OpenPull(branch, snapshot.base, files, text.title, text.body, message, _labels(proposal), after, asked)
    yield SetGate(branch, None, gate)
    if proposal.approval is None and gate.state is GateState.SUCCESS:
        yield from _merge(situation, proposal, MergePull(branch, None, text.title, message))


def _merge(situation: Situation, proposal: Proposal, merge: MergePull) -> Iterator[Action]:
    """The bot's own merge and, where it changes the percentage, the deployment that nobody else would start."""
    yield merge
    state, workflow = proposal.state, situation.policy.deploy_workflow
    if workflow is not None and state.percentage != situation.state.percentage:
        yield StartWorkflow(workflow, {"rollout": state.rollout, "percentage": str(state.percentage)})


def _labels(proposal: Proposal) -> tuple[str, ...]:
    kind = proposal.state.change.kind.value.replace("_", "-")
    return ("rollout", f"rollout: {kind}", *(("rollout: needs approval",) if proposal.approval else ()))


def _reviewers(situation: Situation, proposal: Proposal) -> tuple[str, ...]:
    """Nobody is asked to look at what nobody has to approve."""
    return situation.policy.reviewers if proposal.approval is not None else ()


def _refresh(
    situation: Situation, decision: Decision, proposal: Proposal, current: Judged, texts: Texts
) -> Iterator[Action]:
    pull = current.pull
    text = texts.pull(situation, decision)
    if text.facts not in pull.body:
        yield UpdatePull(pull.number, text.title, text.body)
    yield from plan_gates([(pull, current.gate)], situation.actor)
    # One label that somebody took away stays away; none at all is what a run cut short has left.
    if not set(labels := _labels(proposal)) & set(pull.labels):
        yield FinishPull(pull.number, labels, _reviewers(situation, proposal))
    # Where approvals/ has no owners nobody can approve, and the bot must not take that for consent.
    agreed = situation.policy.merge_on_approval and pull.owners_approved and bool(pull.approvers)
    if current.gate.state is GateState.SUCCESS and (proposal.approval is None or agreed):
        merge = MergePull(pull.branch, pull.head, text.title, texts.commit(proposal))
        yield from _merge(situation, proposal, merge)


def _keep(situation: Situation, decision: Decision, own: Iterable[Judged], texts: Texts) -> Iterator[Action]:
    """Nothing new is proposed. What an interrupted run left is finished; what may still become right stays, gated."""
    for each in own:
        if each.state is None or not _pending(each, each.state, situation):
            yield ClosePull(each.pull.number, "This pull request no longer fits the committed state or the policy.")
        else:
            yield from _pursue(situation, decision, each, each.state, texts)


def _pending(each: Judged, state: State, situation: Situation) -> bool:
    if state.generation != situation.state.generation + 1 or not _intact(each, state):
        return False
    return situation.policy.stage(state.stage) is not None


def _pursue(situation: Situation, decision: Decision, each: Judged, state: State, texts: Texts) -> Iterator[Action]:
    """Goes on with what a pull request proposes, whatever the decision is now."""
    proposal = Proposal(state, each.approval)
    as_decided = replace(decision, to=situation.policy.stage(state.stage), proposal=proposal)
    return _refresh(situation, as_decided, proposal, each, texts)


def _started(own: Iterable[Judged], situation: Situation, decision: Decision) -> tuple[Judged, State] | None:
    """A rollback, hold or resume whose run was cut short, unless the decision comes before it.

    What a human asks for now does; and so does a rollback, unless the one begun goes at least as far down.
    """
    wanted = decision.proposal.state if decision.proposal else None
    if wanted is not None and wanted.change.by != situation.actor:
        return None
    limit = wanted.percentage if wanted and wanted.change.kind is ChangeKind.ROLL_BACK else situation.state.percentage
    found = [
        (state.percentage, -each.pull.number, each, state)
        for each in own
        if (state := each.state) is not None
        and each.gate.state is GateState.SUCCESS
        and _pending(each, state, situation)
        and state.percentage <= limit
    ]
    return min(found, key=lambda entry: entry[:2])[2:] if found else None


def _supersede(others: Iterable[Judged], by: State) -> Iterator[Action]:
    moves = by.change.kind in (ChangeKind.ADVANCE, ChangeKind.ROLL_BACK)
    what = f"{by.change.kind.value.replace('_', ' ')} {'to' if moves else 'at'} {by.stage}"
    return (ClosePull(each.pull.number, f"Superseded by: {what}.") for each in others)
