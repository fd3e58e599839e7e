"""Where a rollout stands, from revisions of its state and of its queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.rollouts import CANARY, HALF, HOUR, MOST, NOW, change, down, entries, on_hold, resumed, state, up

from rollout_bot.core.model.history import MetricsEntry, Standing, Unlawful, stand, unlinked
from rollout_bot.core.model.policy import OFF, Metrics
from rollout_bot.core.model.state import ChangeKind, State

FIRST = state()
SECOND = up(FIRST, HALF)


def stood(*states: State | str | None) -> Standing:
    found = stand(entries(*states))
    assert isinstance(found, Standing)
    return found


def broken(*states: State | str | None) -> Unlawful:
    found = stand(entries(*states))
    assert isinstance(found, Unlawful)
    return found


def test_without_a_state() -> None:
    assert stand([]) == Unlawful("there is no state")
    assert broken(FIRST, "gone") == Unlawful("there is no state")


def test_a_stage_begins_when_its_commit_lands() -> None:
    begun, advanced = entries(FIRST, SECOND)[::-1]
    assert stood(FIRST, SECOND) == Standing(SECOND, NOW, NOW, rises=(advanced, begun))
    assert stood(FIRST, SECOND, on_hold(SECOND)).entered_at == NOW - HOUR
    assert stood(FIRST, SECOND, on_hold(SECOND), resumed(on_hold(SECOND))).entered_at == NOW - 2 * HOUR


def test_the_same_state_written_again_changes_nothing() -> None:
    assert stood(FIRST, SECOND, SECOND).entered_at == NOW - HOUR


def test_the_same_stage_in_another_attempt_begins_anew() -> None:
    back = down(SECOND, CANARY)
    found = stood(FIRST, SECOND, back)
    assert (found.entered_at, found.rolled_back_at, found.rollbacks) == (NOW, NOW, 1)
    again = stood(FIRST, SECOND, back, up(back, HALF))
    assert (again.entered_at, again.rolled_back_at, again.rollbacks) == (NOW, NOW - HOUR, 1)


def test_a_resume_restarts_the_count_of_rollbacks() -> None:
    back = down(SECOND, CANARY)
    found = stood(FIRST, SECOND, back, resumed(back))
    assert (found.rollbacks, found.rolled_back_at) == (0, NOW - HOUR)


def test_a_new_life_forgets_the_old_one() -> None:
    back = down(SECOND, CANARY)
    lives = (FIRST, SECOND, back, "gone", FIRST)
    assert stood(*lives) == Standing(FIRST, NOW, NOW, rises=(entries(*lives)[0],), again=True)


def test_unreadable_states_hold() -> None:
    assert broken(None) == Unlawful("the state cannot be read")
    assert broken(FIRST, None) == Unlawful("the state cannot be read", FIRST, "c0")
    assert broken(FIRST, SECOND, FIRST, None).lawful == SECOND


def test_a_state_that_was_put_back_counts_as_entered_anew() -> None:
    found = stood(FIRST, None, FIRST)
    assert (found.state, found.entered_at, found.evidence_since) == (FIRST, NOW, NOW)
    assert stood(FIRST, on_hold(FIRST), None, on_hold(FIRST)).entered_at == NOW


def test_a_step_past_an_unlawful_state_counts_as_entered_anew() -> None:
    assert stood(FIRST, None, on_hold(FIRST)).entered_at == NOW


def test_a_rollback_that_was_put_back_counts_once() -> None:
    back = down(SECOND, CANARY)
    found = stood(FIRST, SECOND, back, None, back)
    assert (found.rollbacks, found.rolled_back_at) == (1, NOW)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (replace(SECOND, generation=3), "generation goes from 1 to 3; allowed: 2"),
        (replace(SECOND, rollout="other"), "rollout goes from 'checkout' to 'other'; allowed: no change"),
        (replace(SECOND, change=change(ChangeKind.START, None)), "called 'start', but there is a state before it"),
        (
            replace(SECOND, percentage=5),
            "needs a higher percentage, but goes from canary (10 %) to half (5 %)",
        ),
        (replace(down(FIRST, OFF), percentage=20), "'roll_back' needs a lower percentage"),
        (replace(down(FIRST, OFF), attempt=1), "attempt goes from 1 to 1; allowed here: 2"),
        (replace(on_hold(FIRST), stage="half"), "'hold' needs the same stage and percentage"),
        (replace(resumed(FIRST), percentage=11), "'resume' needs the same stage and percentage"),
        (replace(SECOND, attempt=2), "attempt goes from 1 to 2; allowed here: 1"),
        (replace(SECOND, change=change(ChangeKind.ADVANCE, "most")), "comes from 'most', but the state before is at"),
    ],
)
def test_what_cannot_follow(after: State, reason: str) -> None:
    assert reason in "; ".join(unlinked(FIRST, after))
    found = broken(FIRST, after)
    assert reason in found.reason
    assert (found.lawful, found.commit) == (FIRST, "c0")


@pytest.mark.parametrize("after", [SECOND, down(FIRST, OFF), on_hold(FIRST), resumed(FIRST), up(FIRST, MOST)])
def test_what_can_follow_under_some_policy(after: State) -> None:
    assert not list(unlinked(FIRST, after))


def queries(name: str | None, ago: timedelta) -> MetricsEntry:
    return MetricsEntry(None if name is None else Metrics(name), NOW - ago)


@pytest.mark.parametrize(
    ("revisions", "since"),
    [
        ([], 2 * HOUR),
        ([queries("a", HOUR)], 2 * HOUR),
        ([queries("a", HOUR), queries("a", 9 * HOUR)], 2 * HOUR),
        ([queries("b", HOUR), queries("a", 9 * HOUR)], HOUR),
        ([queries("b", HOUR), queries("b", HOUR * 1.5), queries("a", 9 * HOUR)], HOUR * 1.5),
        ([queries("b", 3 * HOUR), queries("a", 9 * HOUR)], 2 * HOUR),
        ([queries(None, HOUR), queries(None, 9 * HOUR)], HOUR),
        ([queries("a", HOUR), queries(None, 9 * HOUR)], HOUR),
    ],
)
def test_evidence_begins_with_the_stage_or_with_its_queries(revisions: list[MetricsEntry], since: timedelta) -> None:
    entered = [replace(entries(FIRST)[0], merged_at=NOW - 2 * HOUR)]
    found = stand(entered, revisions)
    assert isinstance(found, Standing)
    assert (found.entered_at, found.evidence_since) == (NOW - 2 * HOUR, NOW - since)


def rises(*states: State) -> list[tuple[str, int]]:
    return [(each.state.stage, each.state.attempt) for each in stood(*states).rises if each.state is not None]


def test_it_rises_from_its_first_stage_to_the_present_one() -> None:
    held_, top = on_hold(SECOND), up(on_hold(SECOND), MOST)
    assert rises(FIRST) == [("canary", 1)]
    assert rises(FIRST, SECOND, held_, resumed(held_)) == [("half", 1), ("canary", 1)]
    assert rises(FIRST, SECOND, held_, top) == [("most", 1), ("half", 1), ("canary", 1)]


def test_a_rollback_takes_back_what_rose_above_it() -> None:
    top = up(SECOND, MOST)
    back = down(top, HALF)
    assert rises(FIRST, SECOND, top, back) == rises(FIRST, SECOND, top, back, on_hold(back))
    assert rises(FIRST, SECOND, top, back) == [("half", 1), ("canary", 1)]
    assert rises(FIRST, SECOND, top, back, up(back, MOST)) == [("most", 2), ("half", 1), ("canary", 1)]
    assert rises(FIRST, SECOND, top, down(top, OFF)) == []


def test_what_was_put_back_has_risen_when_it_first_did() -> None:
    found = stood(FIRST, SECOND, None, SECOND)
    assert [each.merged_at for each in found.rises] == [NOW - 2 * HOUR, NOW - 3 * HOUR]
