"""Where a rollout stands, as its first-parent history tells it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rollout_bot.core.policy import Metrics
from rollout_bot.core.state import ChangeKind, State


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision of `state.yaml`; `state` is None where it was deleted or cannot be read."""

    state: State | None
    merged_at: datetime
    commit: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class MetricsEntry:
    """One revision of the policy's `metrics` and interval; None where the policy could not be read."""

    metrics: Metrics | None
    merged_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """The committed state and what its history adds to it.

    `entered_at` is when the stage reached the base branch in this attempt, `evidence_since` the later of that and of
    the last change of the queries. `rollbacks` counts those since a human last resumed the rollout.
    """

    state: State
    entered_at: datetime
    evidence_since: datetime
    rolled_back_at: datetime | None = None
    rollbacks: int = 0


@dataclass(frozen=True, slots=True)
class Unlawful:
    """The committed state cannot be read or does not follow from the one before: nothing may be built on it.

    `lawful` is the newest state that does follow and `commit` the commit that brought it; None if there is none.
    """

    reason: str
    lawful: State | None = None
    commit: str = ""


def stand(entries: Sequence[Entry], metrics: Sequence[MetricsEntry] = ()) -> Standing | Unlawful:
    """Reads both histories, newest first.

    The oldest readable state is taken as it is; each later one must follow from the one before. A state that was put
    back to the last lawful one counts as entered anew: nobody knows what was enforced in between.
    """
    chain: list[tuple[State, Entry]] = []
    broken = "there is no state"
    for entry in reversed(list(_life(entries))):
        broken_before, broken = broken, _break(chain, entry)
        if entry.state is None or broken:
            continue
        if chain and entry.state == chain[-1][0]:
            chain[-1] = (entry.state, entry if broken_before else chain[-1][1])
        else:
            chain.append((entry.state, entry))
    if not chain:
        return Unlawful(broken)
    if broken:
        return Unlawful(broken, chain[-1][0], chain[-1][1].commit)
    return _standing([(state, entry.merged_at) for state, entry in reversed(chain)], metrics)


def _break(chain: Sequence[tuple[State, Entry]], entry: Entry) -> str:
    """Why an entry does not follow from the chain; empty if it does."""
    if entry.state is None:
        return "the state cannot be read"
    if not chain or entry.state == chain[-1][0]:
        return ""
    return "; ".join(unlinked(chain[-1][0], entry.state))


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
    kinds = {
        ChangeKind.ADVANCE: (after.percentage > before.percentage, "a higher percentage", 0),
        ChangeKind.ROLL_BACK: (after.percentage < before.percentage, "a lower percentage", 1),
        ChangeKind.HOLD: (after.stage == before.stage, "the same stage", 0),
        ChangeKind.RESUME: (after.stage == before.stage, "the same stage", 0),
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
    if after.attempt != before.attempt + step:
        yield f"attempt goes from {before.attempt} to {after.attempt}; allowed here: {before.attempt + step}"


def _standing(states: Sequence[tuple[State, datetime]], metrics: Sequence[MetricsEntry]) -> Standing:
    state, entered_at = states[0]
    for older, merged_at in states:
        if (older.stage, older.attempt) != (state.stage, state.attempt):
            break
        entered_at = merged_at
    rollbacks = 0
    for older, _ in states:
        if older.change.kind is ChangeKind.RESUME:
            break
        rollbacks += older.change.kind is ChangeKind.ROLL_BACK
    rolled_back = (at for older, at in states if older.change.kind is ChangeKind.ROLL_BACK)
    return Standing(
        state,
        entered_at,
        max(entered_at, _metrics_changed_at(metrics) or entered_at),
        rolled_back_at=next(rolled_back, None),
        rollbacks=rollbacks,
    )


def _metrics_changed_at(metrics: Sequence[MetricsEntry]) -> datetime | None:
    """When the queries became what they are now; None if they never were otherwise."""
    for newer, older in itertools.pairwise(metrics):
        if newer.metrics is None or newer.metrics != older.metrics:
            return newer.merged_at
    return None
