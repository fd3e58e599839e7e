"""What was told is remembered by the forge alone; a model of one rollout's life holds the rules against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rollouts import NOW

from rollout_bot.core.model.repository import Revision
from rollout_bot.core.model.routes import Channel, Event, Route, Urgency
from rollout_bot.core.notices import Notice, due, kept, recall, reminders, told_text

ROUTE = Route(Channel.SLACK, "SLACK_WEBHOOK_URL")
TOPIC = "rollout/told/checkout/SLACK_WEBHOOK_URL"
HOUR = timedelta(hours=1)


def revision(commit: str, note: str | None = None) -> Revision:
    return Revision(commit, NOW, b"", notes={} if note is None else {TOPIC: note, "ci/other": "x"})


def notice(key: str, event: Event = Event.STUCK, urgency: Urgency = Urgency.WARNING, pull: int | None = None) -> Notice:
    return Notice("checkout", event, urgency, "title", (), key, pull)


def test_without_a_note_only_the_newest_change_is_news() -> None:
    memory = recall([revision("c"), revision("b"), revision("a")], "checkout", ROUTE)
    assert memory is not None
    assert (memory.commit, memory.untold, memory.keys, memory.before) == ("c", ("c",), frozenset(), "b")
    assert not memory.says([])
    assert recall([], "checkout", ROUTE) is None


def test_all_changes_since_the_newest_note_are_news_oldest_first() -> None:
    memory = recall(
        [revision("d"), revision("c"), revision("b", "told; stuck"), revision("a", "told")], "checkout", ROUTE
    )
    assert memory is not None
    assert (memory.commit, memory.untold, memory.keys) == ("d", ("c", "d"), {"stuck"})
    assert memory.topic == TOPIC


def test_a_note_is_written_only_where_it_says_something_new() -> None:
    memory = recall([revision("a", "told; cannot measure; stuck")], "checkout", ROUTE)
    assert memory is not None
    assert memory.says(["stuck", "cannot measure"])
    assert not memory.says(["stuck"])
    assert told_text(["stuck", "cannot measure"]) == "told; cannot measure; stuck"
    assert told_text([]) == "told"


def test_what_a_route_does_not_take_is_not_due() -> None:
    memory = recall([revision("a", "told")], "checkout", ROUTE)
    assert memory is not None
    grave, light = notice("x", urgency=Urgency.CRITICAL), notice("y", urgency=Urgency.INFO)
    assert due(memory, [grave, light], replace(ROUTE, severity=Urgency.WARNING)) == (grave,)
    assert due(memory, [grave, light], replace(ROUTE, events=(Event.ADVANCED,))) == ()
    assert due(replace(memory, keys=frozenset({"x"})), [grave, light], ROUTE) == (light,)


def test_nobody_is_reminded_of_what_they_are_only_just_told() -> None:
    memory = recall([revision("a", "told")], "checkout", ROUTE)
    assert memory is not None
    asked = notice("approval of #3", Event.APPROVAL_NEEDED, pull=3)
    reminder = notice("reminder 2 of #3", Event.REMINDER, pull=3)
    assert due(memory, [asked, reminder], ROUTE) == (asked,)
    assert due(replace(memory, keys=frozenset({asked.key})), [asked, reminder], ROUTE) == (reminder,)


def test_a_gate_that_shuts_for_a_while_makes_no_question_new() -> None:
    memory = recall([revision("a", "told; approval of #3; completed; reminder 1 of #3; stuck; x")], "checkout", ROUTE)
    assert memory is not None
    assert kept(memory, pull=3, moved=False) == {"approval of #3", "reminder 1 of #3", "stuck", "completed"}
    assert kept(memory, pull=13, moved=False) == {"stuck", "completed"}
    assert kept(memory, pull=None, moved=True) == frozenset()


@pytest.mark.parametrize(
    ("hours", "count"), [(0, 0), (3.9, 0), (4, 1), (23, 1), (24, 2), (47, 2), (48, 3), (96, 4), (191, 4), (192, 5)]
)
def test_reminders_come_ever_more_seldom(hours: float, count: int) -> None:
    assert reminders(hours * HOUR) == count


Step = tuple[bool, frozenset[str]]
"""Whether a change was merged since the last tick, and the conditions that hold."""

_KEYS = st.frozensets(st.sampled_from(["cannot measure", "approval of #3", "regressed"]))


@given(st.lists(st.tuples(st.booleans(), _KEYS), max_size=30), st.data())
def test_whatever_happens_each_event_is_told_once(steps: list[Step], data: st.DataObject) -> None:
    """A tick may be left out, or be killed before it tells anybody: then the next one tells."""
    history, told, merged, in_force = [revision("0", "told")], [], 0, frozenset[str]()
    expected = []
    for moved, keys in steps:
        if moved:
            merged += 1
            history.insert(0, revision(str(merged)))
        if data.draw(st.booleans(), label="killed"):
            continue
        memory = recall(history, "checkout", ROUTE)
        assert memory is not None
        told += [*memory.untold, *(each.key for each in due(memory, map(notice, sorted(keys)), ROUTE))]
        expected += [str(number) for number in range(merged - len(memory.untold) + 1, merged + 1)]
        expected += sorted(keys - in_force)
        in_force = keys
        if not memory.says(keys):
            history[0] = revision(history[0].commit, told_text(keys))
        again = recall(history, "checkout", ROUTE)
        assert again is not None
        assert again.untold == due(again, map(notice, sorted(keys)), ROUTE) == ()
        assert again.says(keys)
    assert told == expected
    changes = [each for each in told if each.isdecimal()]
    assert len(changes) == len(set(changes))
