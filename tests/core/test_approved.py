"""Whether an attempt has gone up with the markers that its policy asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from support.rollouts import CANARY, HALF, MOST, NOW, down, entries, marker, on_hold, policy, resumed, state, up

from rollout_bot.core.model.approved import Markers, doubts, lacks_marker, missing
from rollout_bot.core.model.history import Standing, stand
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.state import Approval, State

FIRST = state()
SECOND = up(FIRST, HALF)
THIRD = up(SECOND, MOST)
ASKS = policy()
FREE = policy(CANARY, replace(HALF, requires_approval=False), MOST)
GIVEN: Markers = {"half": marker(SECOND)}


def found(
    *states: State | str | None, present: Policy = ASKS, then: Policy = ASKS, markers: Markers | None = None
) -> list[str]:
    standing = stand(entries(*states))
    assert isinstance(standing, Standing)

    def policy_at(moment: datetime) -> Policy:
        assert moment <= NOW
        return then

    return list(doubts(standing, present, markers or {}, policy_at))


def test_the_sentence_has_the_ways_out() -> None:
    assert missing(SECOND, 1) == (
        "rollout-state/checkout/approvals/half.yaml for attempt 1 is missing: half requires an approval and was "
        "entered without one; an owner adds the file by pull request, or go down: "
        "rollout-bot rollback checkout --reason …"
    )


@pytest.mark.parametrize("states", [(), (on_hold(SECOND),), (on_hold(SECOND), resumed(on_hold(SECOND))), (THIRD,)])
def test_a_stage_that_was_entered_without_its_marker_is_doubted(states: tuple[State, ...]) -> None:
    """A hold, a resume or a further step up change nothing about it."""
    assert found(FIRST, SECOND, *states) == [missing(SECOND, 1)]
    assert found(FIRST, SECOND, *states, markers=GIVEN) == []


@pytest.mark.parametrize(
    "wrong", [Approval("checkout", "half", 2), Approval("checkout", "most", 1), Approval("other", "half", 1)]
)
def test_a_marker_for_something_else_is_none(wrong: Approval) -> None:
    assert found(FIRST, SECOND, markers={"half": wrong}) == [missing(SECOND, 1)]


def test_a_rollout_that_starts_where_an_approval_is_required_needs_one() -> None:
    assert found(state(HALF)) == [missing(state(HALF), 1)]
    assert found(state(HALF), markers={"half": marker(state(HALF))}) == []


def test_where_a_rollback_led_the_approval_of_before_will_do() -> None:
    back = down(THIRD, HALF)
    for states in ((back,), (back, on_hold(back)), (back, up(back, MOST))):
        assert found(FIRST, SECOND, THIRD, *states, markers=GIVEN) == []
        assert found(FIRST, SECOND, THIRD, *states, markers={"half": Approval("checkout", "half", 2)}) == []
        assert found(FIRST, SECOND, THIRD, *states, markers={"half": Approval("checkout", "half", 3)}) != []


def test_two_steps_up_and_one_down_approve_nothing() -> None:
    back = down(THIRD, HALF)
    assert found(FIRST, SECOND, THIRD, back) == [missing(SECOND, 2)]
    assert found(FIRST, SECOND, THIRD, down(THIRD, CANARY)) == []


def test_the_marker_of_an_earlier_attempt_does_not_count_for_this_one() -> None:
    back = down(SECOND, CANARY)
    again = up(back, HALF)
    assert found(FIRST, SECOND, back, again, markers=GIVEN) == [missing(again, 2)]


def test_a_policy_made_stricter_or_laxer_since_makes_nothing_unlawful() -> None:
    assert found(FIRST, SECOND, then=FREE) == found(FIRST, SECOND, present=FREE) == []


def test_a_rollout_that_was_removed_begins_again_low() -> None:
    high = found(FIRST, SECOND, "gone", state(MOST))
    assert high == [
        "the rollout was begun again at most; allowed: off, canary; go down: rollout-bot rollback checkout --reason …"
    ]
    assert found(FIRST, SECOND, "gone", FIRST) == found(state(MOST)) == []
    other = policy(MOST)
    assert found(FIRST, "gone", state(MOST), present=other) == found(FIRST, "gone", state(MOST), then=other) == []


def test_a_stage_that_the_policy_has_no_more_asks_for_nothing() -> None:
    assert not lacks_marker(SECOND, policy(CANARY, MOST), {})
