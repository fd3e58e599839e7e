"""What a rollout would look like after a pull request's merge, read for the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from rollout_bot.core.decision.gate import Proposed
from rollout_bot.core.model.repository import PullRequest, Snapshot, approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, State
from rollout_bot.files.approval import read_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state
from rollout_bot.tick.neighbours import Neighbours
from rollout_bot.tick.reading import check_policy

T = TypeVar("T")


def head_of(pull: PullRequest, rollout: str) -> tuple[State | None, Approval | None]:
    """The state and its marker that a pull request itself brings; None where it brings none that can be read."""
    problems: list[str] = []
    state = _read(pull.changes.get(state_path(rollout)), state_path(rollout), read_state, problems)
    if state is None:
        return None, None
    marker = approval_path(rollout, state.stage)
    return state, _read(pull.changes.get(marker), marker, read_approval, problems)


def proposed(snapshot: Snapshot, pull: PullRequest, rollout: str) -> Proposed:
    """The rollout's files as they would be on the base branch after the merge."""
    problems: list[str] = []
    # How a policy measures is only the business of who changes it: no broken query keeps anybody from going down.
    check = check_policy if policy_path(rollout) in pull.changes else read_policy
    policy = _read(_after(snapshot, pull, policy_path(rollout)), policy_path(rollout), check, problems)
    state = _read(_after(snapshot, pull, state_path(rollout)), state_path(rollout), read_state, problems)
    folder = approval_path(rollout, "").removesuffix(".yaml")
    markers = {}
    for path in pull.changes:
        if path.startswith(folder):
            marker = _read(pull.changes[path], path, read_approval, problems)
            if marker is not None:
                markers[_stage(path, folder)] = marker
    if _after(snapshot, pull, policy_path(rollout)) is None and _after(snapshot, pull, state_path(rollout)) is None:
        problems.extend(
            f"{path} is left without its rollout; remove it too, or it approves the next one of that name"
            for path in sorted({*snapshot.files, *pull.changes})
            if path.startswith(folder) and _after(snapshot, pull, path) is not None
        )
    if policy_path(rollout) in pull.changes:
        problems.extend(_between(snapshot, pull, rollout))
    return Proposed(
        rollout,
        policy,
        state,
        _approvals(snapshot, pull, folder),
        policy_changes=policy_path(rollout) in pull.changes,
        state_changes=state_path(rollout) in pull.changes,
        problems=tuple(problems),
        markers=markers,
    )


def _approvals(snapshot: Snapshot, pull: PullRequest, folder: str) -> dict[str, Approval]:
    """The markers after the merge. One that cannot be read approves nothing; on the base it is nobody's fault here."""
    paths = sorted({path for path in (*snapshot.files, *pull.changes) if path.startswith(folder)})
    found = {path: _read(_after(snapshot, pull, path), path, read_approval, []) for path in paths}
    return {_stage(path, folder): marker for path, marker in found.items() if marker is not None}


def _stage(path: str, folder: str) -> str:
    return path.removeprefix(folder).removesuffix(".yaml")


def _between(snapshot: Snapshot, pull: PullRequest, rollout: str) -> Iterator[str]:
    """What is wrong between this policy and others, and what the change of it makes wrong in those that wait for it."""
    folders = {path.split("/")[1] for path in pull.changes if path.count("/") >= 2}
    names = sorted({*snapshot.rollouts(), *folders})
    present = [name for name in names if _after(snapshot, pull, policy_path(name)) is not None]
    after = Neighbours(present, lambda path: _after(snapshot, pull, path))
    before = Neighbours(snapshot.rollouts(), snapshot.files.get)
    yield from after.problems(rollout)
    for name in after.waiting_for(rollout):
        known = before.problems(name)
        yield from (each for each in after.problems(name) if each not in known)


def _after(snapshot: Snapshot, pull: PullRequest, path: str) -> bytes | None:
    return pull.changes[path] if path in pull.changes else snapshot.files.get(path)


def _read(content: bytes | None, path: str, read: Callable[[bytes, str], T], problems: list[str]) -> T | None:
    if content is None:
        return None
    try:
        return read(content, path)
    except InvalidFile as error:
        problems.extend(map(str, error.problems))
        return None
