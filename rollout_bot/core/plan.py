"""From a decision to the pull-request actions that make it happen: data, carried out elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from rollout_bot.core.actions import Action, ClosePull, MergePull, OpenPull, Plan, SetGate, UpdatePull
from rollout_bot.core.decision import Decision, Proposal, Refusal, Situation
from rollout_bot.core.gate import judge_proposal
from rollout_bot.core.repository import (
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
from rollout_bot.core.state import Approval, State


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
    prefix = branch_name(rollout, 0, "").rsplit("/", 1)[0] + "/"
    return tuple(pull for pull in snapshot.pulls if pull.author == snapshot.actor and pull.branch.startswith(prefix))


def refusal(snapshot: Snapshot, rollout: str, branch: str, policy_history: Iterable[Revision]) -> Refusal | None:
    """The newest pull request of `branch` that a human closed unmerged, unless the policy has changed since."""
    closed = _closed(own_pulls(snapshot, rollout), branch)
    if closed is None or closed.closed_at is None or closed.closed_by in (None, snapshot.actor):
        return None
    if any(revision.merged_at > closed.closed_at for revision in policy_history):
        return None
    return Refusal(closed.number, closed.closed_by or "", closed.closed_at)


def _closed(pulls: Iterable[PullRequest], branch: str) -> PullRequest | None:
    closed = (pull for pull in pulls if pull.branch == branch and pull.state is PullState.CLOSED)
    return max(closed, key=lambda pull: pull.number, default=None)


def plan(snapshot: Snapshot, situation: Situation, decision: Decision, judged: Iterable[Judged], texts: Texts) -> Plan:
    """Everything to do for one rollout now.

    Idempotent: what is there already is looked at, not made again. A rollback is merged before anything is tidied up.
    """
    own = {each.pull.branch: each for each in judged}
    if decision.proposal is None:
        return Plan(tuple(_keep(situation, decision, own.values(), texts)))
    state = decision.proposal.state
    branch = branch_name(state.rollout, state.generation, state.stage)
    current = own.pop(branch, None)
    actions: list[Action] = []
    if current is not None and not _same(current, decision.proposal):
        actions.append(ClosePull(current.pull.number, "This pull request no longer says what the bot would propose."))
        actions.extend(_open(snapshot, situation, decision, branch, texts, after=current.pull.number))
    elif current is not None:
        actions.extend(_refresh(situation, decision, current, texts))
    else:
        closed = _closed(own_pulls(snapshot, state.rollout), branch)
        actions.extend(_open(snapshot, situation, decision, branch, texts, after=closed.number if closed else 0))
    what = f"{state.change.kind.value.replace('_', ' ')} to {state.stage}"
    actions.extend(ClosePull(each.pull.number, f"Superseded by: {what}.") for each in own.values())
    return Plan(tuple(actions))


def plan_gates(pulls: Iterable[tuple[PullRequest, GateStatus]]) -> tuple[SetGate, ...]:
    """The statuses that differ from those set; a status is never posted twice."""
    return tuple(SetGate(pull.branch, pull.head, status) for pull, status in pulls if pull.gate != status)


def _same(current: Judged, proposal: Proposal) -> bool:
    """Whether an open pull request still stands for the proposal: other evidence is no other transition."""
    there, wanted = current.state, proposal.state
    if there is None:
        return False
    key = (wanted.stage, wanted.percentage, wanted.attempt, wanted.generation, wanted.hold, wanted.change.kind)
    if key != (there.stage, there.percentage, there.attempt, there.generation, there.hold, there.change.kind):
        return False
    if not set(current.pull.paths) <= set(_paths(wanted)):
        return False
    asked, found = proposal.approval, current.approval
    if asked is None or found is None:
        return asked is found
    return found.fits(wanted) and (asked.override is None or found.override is not None)


def _paths(state: State) -> tuple[str, str]:
    return state_path(state.rollout), approval_path(state.rollout, state.stage)


def _open(
    snapshot: Snapshot, situation: Situation, decision: Decision, branch: str, texts: Texts, *, after: int
) -> Iterator[Action]:
    proposal = decision.proposal
    if proposal is None:
        return
    state_file, approval_file = _paths(proposal.state)
    files = {state_file: texts.state(proposal.state)}
    if proposal.approval is not None:
        files[approval_file] = texts.approval(proposal.approval)
    text = texts.pull(situation, decision)
    gate = judge_proposal(situation, proposal)
    message = texts.commit(proposal)
    yield OpenPull(branch, snapshot.base, files, text.title, text.body, message, _labels(proposal), after)
    yield SetGate(branch, None, gate)
    if proposal.approval is None and gate.state is GateState.SUCCESS:
        yield MergePull(branch, None, text.title, message)


def _labels(proposal: Proposal) -> tuple[str, ...]:
    kind = proposal.state.change.kind.value.replace("_", "-")
    return ("rollout", f"rollout: {kind}", *(("rollout: needs approval",) if proposal.approval else ()))


def _refresh(situation: Situation, decision: Decision, current: Judged, texts: Texts) -> Iterator[Action]:
    pull, proposal = current.pull, decision.proposal
    if proposal is None:
        return
    text = texts.pull(situation, decision)
    if text.facts not in pull.body:
        yield UpdatePull(pull.number, text.title, text.body)
    yield from plan_gates([(pull, current.gate)])
    agreed = situation.policy.merge_on_approval and pull.owners_approved
    if current.gate.state is GateState.SUCCESS and (proposal.approval is None or agreed):
        yield MergePull(pull.branch, pull.head, text.title, texts.commit(proposal))


def _keep(situation: Situation, decision: Decision, own: Iterable[Judged], texts: Texts) -> Iterator[Action]:
    """Nothing new is proposed. What an interrupted run left is finished; what may still become right stays, gated."""
    for each in own:
        if each.state is None or each.state.generation != situation.state.generation + 1:
            yield ClosePull(each.pull.number, "The committed state has moved on; this pull request no longer fits it.")
            continue
        stage = situation.policy.stage(each.state.stage)
        pending = replace(decision, to=stage, proposal=Proposal(each.state, each.approval))
        yield from _refresh(situation, pending, each, texts)
