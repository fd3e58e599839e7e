"""Counters out of a history that is told whole, in part, or of a second life: seen as Prometheus sees them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.rollouts import CANARY, HALF, MOST, NOW, down, on_hold, resumed, state, up

from rollout_bot.core.model.history import Entry, transitions
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.state import ChangeKind, State
from rollout_bot.core.observation import SETTLES, Observation
from rollout_bot.core.record import RolloutRecord

LADDER = (OFF, CANARY, HALF, MOST)
KEPT = 120
"""Revisions that are told here; the forge on GitHub tells of 200."""


def life(moves: Sequence[int]) -> list[State]:
    """A lawful life: each number goes up (0), down by so many stages (1, 2), or holds and resumes (3)."""
    found = [state()]
    for move in moves:
        before = found[-1]
        at = next(index for index, stage in enumerate(LADDER) if stage.name == before.stage)
        if move == 3:
            found.append(resumed(before) if before.hold else on_hold(before))
        elif move == 0 and at < len(LADDER) - 1:
            found.append(up(before, LADDER[at + 1]))
        elif move and at - move >= 0:
            found.append(down(before, LADDER[at - move]))
    return found


def counted(states: Sequence[State | None], kept: int, later: timedelta = SETTLES) -> Counter[object]:
    """The counters some time after the last of the states, oldest first and a day apart; None is a deletion.

    Only the newest `kept` of them are told.
    """
    days = [NOW + timedelta(days=index) for index in range(len(states))]
    entries = [Entry(each, at, "c", deleted=each is None) for each, at in zip(states, days, strict=True)][-kept:]
    observation = Observation(RolloutRecord("checkout"), transitions(entries[::-1]), days[-1] + later)
    return Counter({**observation.advances(), **observation.rollbacks()})


def scraped(states: Sequence[State | None]) -> list[Counter[object]]:
    """The counters as two ticks after each of the states show them: that which brought it, and one much later."""
    lives = [states[: index + 1] for index in range(len(states))]
    return [counted(each, KEPT, later) for each in lives for later in (timedelta(), SETTLES)]


def happened(states: Sequence[State]) -> Counter[object]:
    kinds = {ChangeKind.ADVANCE: lambda each: each.stage, ChangeKind.ROLL_BACK: lambda each: (
        each.change.from_stage, each.stage)}  # fmt: skip
    return Counter(kinds[each.change.kind](each) for each in states if each.change.kind in kinds)


def increases(scrapes: Sequence[Counter[object]]) -> Counter[object]:
    """What `increase` makes of it: a counter that falls has restarted, and its new value counts from zero."""
    total: Counter[object] = Counter()
    for before, after in itertools.pairwise(scrapes):
        for name in {*before, *after}:
            total[name] += after[name] - before[name] if after[name] >= before[name] else after[name]
    return +total


@given(st.lists(st.integers(0, 3), max_size=90))
def test_a_whole_history_is_counted_from_the_beginning(moves: list[int]) -> None:
    states = life(moves)
    assert counted(states, KEPT) == happened(states)


@settings(max_examples=6)
@given(st.lists(st.sampled_from([0, 0, 1, 3]), min_size=240, max_size=260))
@example([0, 1, *[3] * 97, 0, 0, 3])
@example([0, 1, *[3] * 98, 0, 0, 3])
@example([0, 1, *[3] * 99, 0, 0, 3])
def test_a_history_that_is_told_in_part_makes_up_no_event_and_loses_none(moves: list[int]) -> None:
    states = life(moves)
    assert increases(scraped(states)) == happened(states)


def test_a_rollout_that_is_begun_again_restarts_its_counters() -> None:
    first, second = life([0, 0, 1]), life([0])
    both = [*first, None, *second]
    scrapes = scraped(both)
    assert scrapes[2 * (len(first) + 1)] == Counter()
    assert increases(scrapes) == happened(first) + happened(second)


def test_a_state_put_back_after_a_wrong_one_is_no_event() -> None:
    fine = life([0, 1])
    wrong = state(MOST, generation=40)
    assert counted([*fine, wrong, fine[-1]], KEPT) == happened(fine)
    assert counted([*fine, wrong], KEPT) == happened(fine)
