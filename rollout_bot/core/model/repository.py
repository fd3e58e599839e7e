"""What a forge shows: files as of one base commit, their history, and pull requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

ROOT = "rollout-state"
GATE = "rollout/gate"
"""Context of the commit status that a pull request to the base branch needs before it can be merged."""

TOLD = "rollout/told"
"""What the topics of notes begin with: what people were told about a commit."""

LARGEST = 256 * 1024
"""Bytes of a rollout's file: no policy, state or approval needs as many, and nobody reads a larger one."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_READ = re.compile(rf"{ROOT}/[^/]+/(?:state\.yaml|policy\.yaml|approvals/.+)", re.DOTALL)


def is_name(text: str) -> bool:
    """Whether a rollout can be called that: it becomes a folder, a part of a branch and of a metric's name."""
    return _NAME.fullmatch(text) is not None


def state_path(rollout: str) -> str:
    return f"{ROOT}/{rollout}/state.yaml"


def policy_path(rollout: str) -> str:
    return f"{ROOT}/{rollout}/policy.yaml"


def approval_path(rollout: str, stage: str) -> str:
    return f"{ROOT}/{rollout}/approvals/{stage}.yaml"


def is_read(path: str) -> bool:
    """Whether anybody reads what a path under `rollout-state/` holds; of others it matters only that they are there."""
    return _READ.fullmatch(path) is not None


def below_root(path: str) -> bool:
    """Whether a path is `rollout-state` itself, as a link or a submodule would be, or something in it."""
    return path == ROOT or path.startswith(f"{ROOT}/")


def branch_name(rollout: str, generation: int, stage: str) -> str:
    """The idempotency key of a transition: the generation is the one it would create."""
    return f"rollout/{rollout}/{generation}-{stage}"


def rollout_of(branch: str) -> str | None:
    """The rollout that a branch of the bot's is for; None where it is none of the bot's."""
    root, _, rest = branch.partition("/")
    name, _, transition = rest.partition("/")
    return name if root == "rollout" and name and transition else None


@dataclass(frozen=True, slots=True)
class Revision:
    """One first-parent commit of the base branch that changed a file. `content` is None where it was deleted.

    `notes` are short texts that the forge keeps with the commit, by topic.
    """

    commit: str
    merged_at: datetime
    content: bytes | None
    pull: int | None = None
    approvers: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


class GateState(StrEnum):
    SUCCESS = "success"
    PENDING = "pending"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class GateStatus:
    state: GateState
    description: str


class PullState(StrEnum):
    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request to the base branch.

    `paths` are all the paths its head changes compared with the merge base, `changes` the new contents of those under
    `rollout-state/` (None: deleted). `approvers` are code owners whose approval counts for the present head;
    `owners_approved` says whether every changed path that has owners was approved by one of them. `gate` is the status
    on the present head, if any; `gate_by` set it, and `reviewers` were asked for their review, on a forge that tells.
    `irregular` are the paths at or under `rollout-state/` that the head makes a symbolic link or a submodule.
    """

    number: int
    branch: str
    head: str
    author: str
    title: str
    body: str
    state: PullState
    opened_at: datetime
    paths: tuple[str, ...] = ()
    changes: Mapping[str, bytes | None] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    owners_approved: bool = True
    gate: GateStatus | None = None
    gate_by: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    reviewers: tuple[str, ...] = ()
    irregular: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a tick needs, as of one commit of the base branch.

    `files` maps paths under `rollout-state/` to their content; `history` maps the path of each state and policy file
    to its revisions, newest first; `pulls` holds every open pull request, and of those closed without a merge the
    newest of each branch under `rollout/`. `actor` is the name under which the bot acts there. `left` maps branches to
    the heads at which pull requests of the bot's ended, where nobody has used or deleted them since.
    """

    base_branch: str
    base: str
    actor: str
    files: Mapping[str, bytes]
    history: Mapping[str, tuple[Revision, ...]]
    pulls: tuple[PullRequest, ...]
    left: Mapping[str, str] = field(default_factory=dict)

    def rollouts(self) -> tuple[str, ...]:
        """Names of the folders under `rollout-state/`, sorted; they may be called anything."""
        return tuple(sorted({path.split("/")[1] for path in self.files if path.count("/") >= 2}))

    def open_pulls(self) -> tuple[PullRequest, ...]:
        return tuple(pull for pull in self.pulls if pull.state is PullState.OPEN)
