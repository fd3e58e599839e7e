"""What a tick can know of a rollout at a look, worked out once more, without the product's own reasoning."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

from rollout_bot.core.model.policy import OFF, Policy
from rollout_bot.core.model.repository import PullRequest, Revision, Snapshot, policy_path, state_path
from rollout_bot.core.model.state import State
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state
from support.machine.evidence import Evidence, told
from support.machine.feed import Feed


@dataclass(frozen=True)
class Look:
    """One rollout at a look. `policy` and `state` are None where they are broken.

    `measurable` says whether the policy names a source that there is, `ready` whether those that it waits for are far
    enough. `policy_at` is when the policy was changed last.
    """

    at: datetime
    policy: Policy | None
    state: State | None
    measurable: bool
    entered: datetime
    policy_at: datetime
    evidence: Evidence
    ready: bool

    @property
    def sound(self) -> bool:
        return self.policy is not None and self.state is not None

    @property
    def off(self) -> bool:
        return self.state is not None and self.state.stage == OFF.name


@dataclass(frozen=True)
class Round:
    """One look at everything."""

    looks: Mapping[str, Look]
    pulls: Mapping[int, PullRequest]
    actor: str


def look_around(snapshot: Snapshot, feeds: Mapping[str, Feed], now: datetime, forged: Container[bytes]) -> Round:
    """All rollouts at one look; `forged` are the states that somebody pushed past the gate."""
    looks = {name: _look(snapshot, name, feed, now, forged) for name, feed in feeds.items()}
    return Round(looks, {pull.number: pull for pull in snapshot.open_pulls()}, snapshot.actor)


def _look(snapshot: Snapshot, name: str, feed: Feed, now: datetime, forged: Container[bytes]) -> Look:
    content, text = snapshot.files.get(state_path(name)), snapshot.files.get(policy_path(name))
    policies = snapshot.history[policy_path(name)]
    policy = policy_of(text)
    entered = _entered(snapshot.history[state_path(name)], forged)
    return Look(
        at=now,
        policy=policy,
        state=lawful(content, forged),
        measurable=b"source: web" in (text or b""),
        entered=entered,
        policy_at=policies[0].merged_at,
        evidence=told(feed, max(entered, _asked(policies)), now),
        ready=all(_far_enough(snapshot, needed.rollout, needed.stage, forged) for needed in policy.after)
        if policy
        else False,
    )


def lawful(content: bytes | None, forged: Container[bytes]) -> State | None:
    """The state that a file holds; None where it was pushed past the gate, or is none."""
    return None if content is None or content in forged else _state_of(content)


@lru_cache(maxsize=500)
def _state_of(content: bytes) -> State | None:
    try:
        return read_state(content, "state.yaml")
    except InvalidFile:
        return None


@lru_cache(maxsize=500)
def policy_of(content: bytes | None) -> Policy | None:
    try:
        return None if content is None else read_policy(content, "policy.yaml")
    except InvalidFile:
        return None


def _entered(history: Iterable[Revision], forged: Container[bytes]) -> datetime:
    """When the stage was entered in this attempt; anew after something that nobody can tell what it was."""
    entered, where, broken = datetime.max.replace(tzinfo=UTC), None, False
    for revision in reversed(tuple(history)):
        state = lawful(revision.content, forged)
        if state is not None and (broken or (state.stage, state.attempt) != where):
            entered, where = revision.merged_at, (state.stage, state.attempt)
        broken = state is None
    return entered


def _asked(policies: Iterable[Revision]) -> datetime:
    """When the policy began to ask for the metrics that it asks for now."""
    newest_first = [(_question(each.content), each.merged_at) for each in policies]
    for (question, at), (before, _) in pairwise(newest_first):
        if question is None or question != before:
            return at
    return newest_first[-1][1]


def _question(content: bytes | None) -> bytes | None:
    found = re.search(rb"^metrics: .*$", content or b"", re.MULTILINE)
    return found[0] if found and policy_of(content) else None


def _far_enough(snapshot: Snapshot, name: str, stage: str, forged: Container[bytes]) -> bool:
    policy, state = (
        policy_of(snapshot.files.get(policy_path(name))),
        lawful(snapshot.files.get(state_path(name)), forged),
    )
    wanted = policy.stage(stage) if policy else None
    return wanted is not None and wanted != OFF and state is not None and state.percentage >= wanted.percentage
