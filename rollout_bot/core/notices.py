"""What people are told, and how a forge keeps that they were: at most once for each event, without a memory here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rollout_bot.core.model.repository import TOLD, Revision
from rollout_bot.core.model.routes import Event, Route, Urgency

FIRST_REMINDER = timedelta(hours=4)
SECOND_REMINDER = timedelta(days=1)
"""After that, each comes at twice the age of the one before."""

_LASTING = ("completed", "stuck")
"""Conditions that end with a move and with nothing else: told once for each stay in a stage."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. `key` names the condition it tells of: as long as that holds it is not told again.

    `key` is empty for a change itself, which is told once for its commit. `pull` is the pull request to look at.
    """

    rollout: str
    event: Event
    urgency: Urgency
    title: str
    lines: tuple[str, ...]
    key: str = ""
    pull: int | None = None
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a forge keeps of one route's messages about one rollout.

    `commit` is that of the newest state, which the next note goes to. `untold` are the commits whose changes were not
    told yet, oldest first; `keys` the conditions that held when people were told last. `before` is the commit before
    the newest, as long as there is no note at all.
    """

    topic: str
    commit: str
    untold: tuple[str, ...]
    keys: frozenset[str]
    before: str = ""

    def says(self, keys: Iterable[str]) -> bool:
        """Whether the note with these conditions is there already."""
        return not self.untold and frozenset(keys) == self.keys


def told_text(keys: Iterable[str]) -> str:
    """The text of a note."""
    return "; ".join(("told", *sorted(keys)))


def recall(revisions: Sequence[Revision], rollout: str, route: Route) -> Memory | None:
    """Reads the notes on the commits that changed a state, newest first; None without any commit.

    Where there are none at all, only the newest change is news: everything before was somebody else's to tell.
    """
    topic = f"{TOLD}/{rollout}/{route.address}"
    if not revisions:
        return None
    noted = next((index for index, each in enumerate(revisions) if topic in each.notes), None)
    untold = revisions[:1] if noted is None else revisions[:noted]
    keys = () if noted is None else revisions[noted].notes[topic].split("; ")[1:]
    before = revisions[1].commit if noted is None and len(revisions) > 1 else ""
    return Memory(topic, revisions[0].commit, tuple(each.commit for each in untold)[::-1], frozenset(keys), before)


def kept(memory: Memory, *, pull: int | None, moved: bool) -> frozenset[str]:
    """Keys that stay although nothing is to be told of them now.

    A gate that shuts and opens again asks nobody twice for the same pull request, and a stage is completed once.
    """
    return frozenset(
        key
        for key in memory.keys
        if (key in _LASTING and not moved) or (pull is not None and key.endswith(f" of #{pull}"))
    )


def due(memory: Memory, standing: Iterable[Notice], route: Route) -> tuple[Notice, ...]:
    """The notices in force that this route has not told, and takes.

    Nobody is reminded of what they are only just told.
    """
    fresh = [each for each in standing if each.key not in memory.keys and route.takes(each.event, each.urgency)]
    asked = {each.pull for each in fresh if each.event is Event.APPROVAL_NEEDED}
    return tuple(each for each in fresh if each.event is not Event.REMINDER or each.pull not in asked)


def reminders(age: timedelta) -> int:
    """How many reminders are due by then: after 4 h, 1 d, 2 d, 4 d, 8 d …"""
    if age < FIRST_REMINDER:
        return 0
    return 1 + max(0, (age // SECOND_REMINDER).bit_length())
