"""Whether a rollout went up to where it is as its policy asks: with a marker for each stage that requires approval."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from rollout_bot.core.model.history import Standing
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import approval_path
from rollout_bot.core.model.state import Approval, ChangeKind, State

Markers = Mapping[str, Approval]
"""The readable markers by stage."""


def lacks_marker(state: State, policy: Policy, markers: Markers, until: int = 0) -> bool:
    """Whether the policy asks for an approval of the state's stage, and there is none for its attempt.

    Where later attempts rest on it, a marker for one of them will do as well, up to `until`.
    """
    stage, marker = policy.stage(state.stage), markers.get(state.stage)
    if stage is None or not stage.requires_approval:
        return False
    attempts = range(state.attempt, max(state.attempt, until) + 1)
    return marker is None or not any(marker.fits(replace(state, attempt=each)) for each in attempts)


def doubts(
    standing: Standing, policy: Policy, markers: Markers, policy_at: Callable[[datetime], Policy]
) -> Iterator[str]:
    """Why nothing may be built on where the rollout has got to, one sentence for each stage that it entered wrongly.

    Both the present policy and the one in force at the entry (`policy_at`) have to forbid it: what was made stricter
    since makes nothing unlawful, and neither does what an owner has come to allow.
    """
    attempt = standing.state.attempt
    for state, at in ((rise.state, rise.merged_at) for rise in standing.rises):
        if state is None:
            continue
        # An old policy has to be read again for this: only where the present one has something against it.
        if lacks_marker(state, policy, markers, attempt) and lacks_marker(state, policy_at(at), markers, attempt):
            yield missing(state, attempt)
        elif standing.again and _leaps(state, policy) and _leaps(state, policy_at(at)):
            allowed = ", ".join(stage.name for stage in policy.ladder[:2])
            yield f"the rollout was begun again at {state.stage}; allowed: {allowed}; {_down(state)}"


def missing(state: State, attempt: int) -> str:
    """What to say of a stage that was entered without its marker, with the ways out; `attempt` is the present one."""
    path = approval_path(state.rollout, state.stage)
    return (
        f"{path} for attempt {attempt} is missing: {state.stage} requires an approval and was entered without "
        f"one; an owner adds the file by pull request, or {_down(state)}"
    )


def _leaps(state: State, policy: Policy) -> bool:
    begun = state.change.kind is ChangeKind.START
    return begun and state.stage not in {stage.name for stage in policy.ladder[:2]}


def _down(state: State) -> str:
    return f"go down: rollout-bot rollback {state.rollout} --reason …"
