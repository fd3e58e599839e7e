"""The pull-request actions a plan is made of: plain data, printed by a dry run, carried out by a forge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollout_bot.core.model.repository import GateStatus


@dataclass(frozen=True, slots=True)
class OpenPull:
    """One commit on a new branch, made from `base`, and its pull request.

    `files` are whole texts by path; `message` is the commit's, below its title, for whoever merges it. `base` may have
    moved on since: the merge compares the files themselves. `after` is the number of the newest closed pull request of
    this branch that the plan knew of (0: none): a newer one means that somebody was faster. `reviewers` are asked for
    their review, as the policy names them; labels come last of all, so that who sees them knows that all was done.
    """

    branch: str
    base: str
    files: Mapping[str, str]
    title: str
    body: str
    message: str = ""
    labels: tuple[str, ...] = ()
    after: int = 0
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FinishPull:
    """Asks for the reviews and sets the labels of a pull request whose opening was cut short before it had them."""

    number: int
    labels: tuple[str, ...]
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdatePull:
    """Replaces the text of a pull request; its branch stays as it is, and so do its approvals."""

    number: int
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class SetGate:
    """Sets the status `rollout/gate` on a head; None means the head that `OpenPull` made for this branch."""

    branch: str
    head: str | None
    status: GateStatus


@dataclass(frozen=True, slots=True)
class MergePull:
    """Squash-merges the pull request of a branch if its head is still the one that was judged.

    None means the head that `OpenPull` made for this branch in the same plan.
    """

    branch: str
    head: str | None
    title: str
    message: str


@dataclass(frozen=True, slots=True)
class ClosePull:
    """Closes a pull request without merging it, says why in a comment, and deletes its branch."""

    number: int
    comment: str


@dataclass(frozen=True, slots=True)
class StartWorkflow:
    """Starts the deployment by name after the bot's own merge, where the forge starts none by itself.

    A forge without workflows does nothing.
    """

    workflow: str
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeleteBranch:
    """Deletes what a merged pull request of the bot's left behind, if the branch is still at `head`."""

    branch: str
    head: str


Action = OpenPull | FinishPull | UpdatePull | SetGate | MergePull | ClosePull | StartWorkflow | DeleteBranch


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order in which they are to be carried out; each is safe to repeat."""

    actions: tuple[Action, ...] = ()
