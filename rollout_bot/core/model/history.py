"""Where a rollout stands, as its first-parent history tells it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rollout_bot.core.model.policy import Metrics
from rollout_bot.core.model.state import ChangeKind, State


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision of `state.yaml`; `state` is None where it was deleted or cannot be read.

    `pull` is the pull request that brought it, `approvers` the code owners who had approved that.
    """

    state: State | None
    merged_at: datetime
    commit: str
    deleted: bool = False
    pull: int | None = None
    approvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsEntry:
    """One revision of what the policy asks for: its `metrics`, None where it could not be read, and how it wants to see
    what the fleet enforces (`Convergence.question`).
    """

    metrics: Metrics | None
    merged_at: datetime
    question: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    """A state that follows from the one before it. `anew`: something else was committed in between."""

    state: State
    entry: Entry
    anew: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """The committed state and what its history adds to it.

    `entered_at` is when the stage reached the base branch in this attempt, `evidence_since` the later of that and of
    the last change of the queries. `observed_since` is the later of entry and of the last change of the query for what
    the fleet enforces; None where that one never changed. `rollbacks` counts those since a human last resumed the
    rollout. `rises` are the revisions by which it went up to where it is, newest first, those left out that a
    rollback took back; `again` says that a rollout of that name was removed before. Both go as far back as the forge
    tells.
    """

    state: State
    entered_at: datetime
    evidence_since: datetime
    rolled_back_at: datetime | None = None
    rollbacks: int = 0
    observed_since: datetime | None = None
    rises: tuple[Entry, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Unlawful:
    """The committed state cannot be read or does not follow from the one before: nothing may be built on it.

    `lawful` is the newest state that does follow and `commit` the commit that brought it; None if there is none.
    """

    reason: str
    lawful: State | None = None
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Transition:
    """A lawful change: the state that it led to, and the commit that brought it to the base branch, `at` that time.

    `pull` is its pull request and `approvers` the code owners who had approved it, as far as the forge tells.
    """

    state: State
    at: datetime
    commit: str
    pull: int | None = None
    approvers: tuple[str, ...] = ()


def transitions(entries: Sequence[Entry]) -> tuple[Transition, ...]:
    """What the history tells since the file was last created, newest first as it is given.

    A state that was put back after something else is no change of its own.
    """
    chain, _ = _chain(entries)
    found: dict[int, Transition] = {}
    for link in chain:
        entry = link.entry
        change = Transition(link.state, entry.merged_at, entry.commit, entry.pull, entry.approvers)
        found.setdefault(link.state.generation, change)
    return tuple(found.values())[::-1]


def stand(entries: Sequence[Entry], metrics: Sequence[MetricsEntry] = ()) -> Standing | Unlawful:
    """Reads both histories, newest first.

    The oldest readable state is taken as it is; each later one must follow from the one before. The first lawful one
    after others counts as entered anew: nobody knows what was enforced in between.
    """
    chain, broken = _chain(entries)
    if not chain:
        return Unlawful(broken)
    if broken:
        return Unlawful(broken, chain[-1].state, chain[-1].entry.commit)
    return replace(_standing(chain[::-1], metrics), again=any(entry.deleted for entry in entries))


def _chain(entries: Sequence[Entry]) -> tuple[list[_Link], str]:
    """The lawful states, oldest first, and why the newest entry is none; empty if it is."""
    chain: list[_Link] = []
    broken = "there is no state"
    for entry in reversed(list(_life(entries))):
        broken_before, broken = broken, _break(chain, entry)
        if entry.state is None or broken:
            continue
        if not chain or broken_before or entry.state != chain[-1].state:
            chain.append(_Link(entry.state, entry, anew=bool(broken_before)))
    return chain, broken


def _break(chain: Sequence[_Link], entry: Entry) -> str:
    """Why an entry does not follow from the chain; empty if it does."""
    if entry.state is None:
        return "the state cannot be read"
    if not chain or entry.state == chain[-1].state:
        return ""
    return "; ".join(unlinked(chain[-1].state, entry.state))


def _life(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries since the file was last created."""
    for entry in entries:
        if entry.deleted:
            return
        yield entry


def unlinked(before: State, after: State) -> Iterator[str]:
    """Why `after` cannot follow `before` under any policy: stages may have been renamed or removed since."""
    if after.generation != before.generation + 1:
        yield f"generation goes from {before.generation} to {after.generation}; allowed: {before.generation + 1}"
    if after.rollout != before.rollout:
        yield f"rollout goes from {before.rollout!r} to {after.rollout!r}; allowed: no change"
    stays = (after.stage, after.percentage) == (before.stage, before.percentage)
    kinds = {
        ChangeKind.ADVANCE: (after.percentage > before.percentage, "a higher percentage", 0),
        ChangeKind.ROLL_BACK: (after.percentage < before.percentage, "a lower percentage", 1),
        ChangeKind.HOLD: (stays, "the same stage and percentage", 0),
        ChangeKind.RESUME: (stays, "the same stage and percentage", 0),
    }
    kind = after.change.kind
    if kind not in kinds:
        yield f"the change is called {kind.value!r}, but there is a state before it"
        return
    holds, wanted, step = kinds[kind]
    if not holds:
        yield (
            f"a change called {kind.value!r} needs {wanted}, but goes from {before.stage} ({before.percentage} %) "
            f"to {after.stage} ({after.percentage} %)"
        )
    if after.change.from_stage != before.stage:
        yield f"the change says it comes from {after.change.from_stage!r}, but the state before is at {before.stage!r}"
    if after.attempt != before.attempt + step:
        yield f"attempt goes from {before.attempt} to {after.attempt}; allowed here: {before.attempt + step}"


def _standing(links: Sequence[_Link], metrics: Sequence[MetricsEntry]) -> Standing:
    """`links` are newest first."""
    state = links[0].state
    here = (state.stage, state.attempt)
    stay = list(itertools.takewhile(lambda link: (link.state.stage, link.state.attempt) == here, links))
    entered_at = next((link for link in stay if link.anew), stay[-1]).entry.merged_at
    rolled_back = [link for link in links if link.state.change.kind is ChangeKind.ROLL_BACK]
    asked_at = _changed_at(metrics, lambda entry: (entry.metrics, entry.question))
    observed_at = _changed_at(metrics, lambda entry: entry.question)
    return Standing(
        state,
        entered_at,
        max(entered_at, asked_at or entered_at),
        rolled_back_at=rolled_back[0].entry.merged_at if rolled_back else None,
        rollbacks=_rollbacks(links),
        observed_since=None if observed_at is None else max(entered_at, observed_at),
        rises=tuple(_rises(links[::-1])[::-1]),
    )


def _rises(links: Iterable[_Link]) -> list[Entry]:
    """Those that no rollback took back, oldest first as the links are; of a state that was put back, the first."""
    risen: list[_Link] = []
    for link in links:
        kind = link.state.change.kind
        if kind is ChangeKind.ROLL_BACK:
            risen = [each for each in risen if each.state.percentage <= link.state.percentage]
        elif kind in (ChangeKind.START, ChangeKind.ADVANCE) and not (risen and risen[-1].state == link.state):
            risen.append(link)
    return [link.entry for link in risen]


def _rollbacks(links: Sequence[_Link]) -> int:
    """Rollbacks since the last resume; one that was put back after something else counts once."""
    since = itertools.takewhile(lambda link: link.state.change.kind is not ChangeKind.RESUME, links)
    return len({link.state.generation for link in since if link.state.change.kind is ChangeKind.ROLL_BACK})


def _changed_at(metrics: Sequence[MetricsEntry], part: Callable[[MetricsEntry], object]) -> datetime | None:
    """When a part became what it is now; None if it never was otherwise."""
    for newer, older in itertools.pairwise(metrics):
        if newer.metrics is None or part(newer) != part(older):
            return newer.merged_at
    return None
