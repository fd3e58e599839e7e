"""What a forge is: it shows a snapshot and carries out one action at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from rollout_bot.core.decision.actions import Action
from rollout_bot.core.finding import Finding
from rollout_bot.core.model.repository import PullRequest, Snapshot


class ForgeError(Exception):
    """The forge cannot do what was asked; the message says what was found and the way out."""


class Conflict(ForgeError):
    """Somebody was faster: the base or a head moved, or a pull request was closed. A new snapshot helps."""


class NotMergeable(ForgeError):
    """A rule of the repository forbids the merge: an owner's approval or the gate status is missing."""


class NotFound(ForgeError):
    """No such pull request, branch or repository."""


class Unusable(ForgeError):
    """The repository cannot serve at all, such as a shallow clone."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What an action left behind. `changed` is False where a look showed that it had been done before.

    `note` tells what was left undone that no rollout depends on, such as a label.
    """

    changed: bool
    pull: PullRequest | None = None
    note: str | None = None


class BudgetSpent(ForgeError):
    """The forge asks to slow down; the next tick goes on."""


class Forge(Protocol):
    """Every action may be repeated: each looks before it acts. Errors are `ForgeError`s, nothing else."""

    @property
    def requests(self) -> int:
        """Requests spent so far, where they cost something."""

    @property
    def budget(self) -> int | None:
        """Requests that the forge still allows for the present hour, at the tightest; None where it does not say."""

    def snapshot(self) -> Snapshot:
        """One consistent view of the base branch's newest commit and the pull requests to it."""

    def role(self, person: str) -> str | None:
        """A person's role in the repository: admin, maintain, write, triage, read or none; None without roles."""

    def apply(self, action: Action) -> Applied:
        """Carries out one action."""

    def note(self, commit: str, topic: str, text: str) -> None:
        """Keeps a text of at most 140 characters with a commit of the base branch, in place of the topic's former one.

        Snapshots show it with the revisions of that commit.
        """

    def examine(self, rollouts: Iterable[str]) -> Iterator[Finding]:
        """What is right, wrong or unknowable about the repository's set-up for these rollouts. Changes nothing."""
