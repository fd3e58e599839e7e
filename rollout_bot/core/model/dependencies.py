"""Rollouts that wait for each other: what of it can never be right, and whether another one has got far enough."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rollout_bot.core.model.policy import OFF, Dependency, Fault, Policy
from rollout_bot.core.model.state import State

Policies = Callable[[str], Policy | None]
"""The policy of a rollout by its name; None where there is none that can be read."""


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """Whether another rollout has got far enough; one that is `wrong` waits for a change of a policy."""

    passed: bool
    reason: str
    wrong: bool = False


def prerequisite(needed: Dependency, policy: Policy, state: State) -> Prerequisite:
    """Looks at the policy and the lawful state of the other rollout; the stage that is needed is one of its stages."""
    wanted = policy.stage(needed.stage)
    if wanted is not None and state.percentage >= wanted.percentage:
        return Prerequisite(True, f"{needed.rollout} stands at {state.stage}")
    return Prerequisite(False, f"waits for {needed.rollout} at {needed.stage} or above; it stands at {state.stage}")


def faults(policy: Policy, names: Sequence[str], policies: Policies) -> Iterator[Fault]:
    """What a policy's `after` gets wrong about the other rollouts, of which there are those named.

    Another policy that cannot be read is no fault of this one: nobody knows what it will say.
    """
    for index, needed in enumerate(policy.after):
        path, other = ("after", index), policies(needed.rollout)
        circle = _circle(policy.rollout, needed.rollout, policies)
        if needed.rollout not in names:
            known = [name for name in names if name != policy.rollout]
            near = ", ".join(difflib.get_close_matches(needed.rollout, known, 5, 0.0))
            yield Fault(path, f"{str(needed)!r}, of no rollout that there is", near or "nothing, there is no other")
        elif circle:
            yield Fault(path, f"a circle: {' → '.join(circle)}", "rollouts that do not wait for each other")
        elif other is not None and other.stage(needed.stage) in (None, OFF):
            stages = ", ".join(f"{needed.rollout}@{stage.name}" for stage in other.stages)
            yield Fault(path, f"{str(needed)!r}, which is no stage of it", stages)


def _circle(start: str, first: str, policies: Policies) -> list[str]:
    """The shortest way from `start` over `first` back to it, by name; empty if there is none."""
    came_from, ahead = {first: start}, deque([first])
    while ahead and start not in came_from:
        name = ahead.popleft()
        policy = policies(name) if name != start else None
        for needed in policy.after if policy else ():
            if needed.rollout not in came_from:
                came_from[needed.rollout] = name
                ahead.append(needed.rollout)
    if start not in came_from:
        return []
    way = [start, came_from[start]]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return way[::-1]
