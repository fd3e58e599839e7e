"""Which change of a state is legal, and what contradicts a policy."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.rollouts import CANARY, HALF, HOUR, MOST, change, down, on_hold, policy, resumed, state, up

from rollout_bot.core.model.policy import OFF, Fault, Stage
from rollout_bot.core.model.state import Approval, ChangeKind, Override, State, illegal, misfits

BASE = state(HALF, attempt=2, generation=5)


@pytest.mark.parametrize(
    "after", [up(BASE, MOST), down(BASE, CANARY), down(BASE, OFF), on_hold(BASE), resumed(on_hold(BASE)), resumed(BASE)]
)
def test_legal_transitions(after: State) -> None:
    before = on_hold(BASE) if after.generation == 7 else BASE
    assert not list(illegal(before, after, policy()))


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (replace(up(BASE, MOST), generation=5), "generation goes from 5 to 5; allowed: 6"),
        (replace(up(BASE, MOST), percentage=100), "percentage is 100, but stage 'most' has 75 in the policy"),
        (replace(up(BASE, MOST), stage="warp"), "stage 'warp' is not in the policy; allowed: off, canary, half, most"),
        (replace(up(BASE, MOST), rollout="other"), "the state is of rollout 'other', the policy of 'checkout'"),
        (replace(up(BASE, MOST), attempt=3), "attempt goes from 2 to 3; allowed here: 2"),
        (replace(down(BASE, OFF), attempt=2), "attempt goes from 2 to 2; allowed here: 3"),
        (replace(up(BASE, MOST), change=change(ChangeKind.ROLL_BACK, "half")), "called 'roll_back', but it is"),
        (replace(up(BASE, MOST), change=change(ChangeKind.ADVANCE, "canary")), "says it comes from 'canary'"),
        (replace(up(BASE, MOST), hold=on_hold(BASE).hold), "a hold is set or lifted by a change of its own"),
        (replace(BASE, generation=6), "'half' → 'half' is no legal move; allowed: 'most', any stage below"),
        (replace(on_hold(BASE), change=change(ChangeKind.RESUME, "half")), "called 'resume', but it is 'hold'"),
    ],
)  # fmt: skip
def test_illegal_transitions(after: State, reason: str) -> None:
    assert reason in "; ".join(illegal(BASE, after, policy()))


def test_no_stage_is_skipped() -> None:
    first = state(CANARY)
    assert "'canary' → 'most' is no legal move; allowed: 'half', any" in "; ".join(
        illegal(first, up(first, MOST), policy())
    )
    top = state(MOST)
    assert "allowed: any stage below" in "; ".join(illegal(top, replace(top, generation=2), policy()))


def test_a_state_without_a_stage_in_the_policy_has_no_transitions_to_judge() -> None:
    gone = replace(BASE, stage="gone")
    assert list(illegal(gone, down(BASE, CANARY), policy())) == []
    assert list(illegal(BASE, replace(BASE, generation=6, stage="gone"), policy())) != []


def test_misfits() -> None:
    assert list(misfits(BASE, policy())) == []
    assert list(misfits(replace(BASE, percentage=51), policy())) == [
        "percentage is 51, but stage 'half' has 50 in the policy"
    ]


def test_an_approval_is_of_one_stage_in_one_attempt() -> None:
    given = Approval("checkout", "half", 2)
    assert given.fits(BASE)
    for other in (replace(BASE, rollout="x"), replace(BASE, stage="most"), replace(BASE, attempt=3)):
        assert not given.fits(other)


def test_an_override_covers_what_it_names() -> None:
    wide, narrow = Override(("analysis", "duration"), "", ""), Override(("analysis",), "", "")
    assert wide.covers(narrow)
    assert not narrow.covers(wide)


def test_the_ladder() -> None:
    rules = policy()
    assert [each.name for each in rules.ladder] == ["off", "canary", "half", "most"]
    assert rules.above(OFF) == CANARY
    assert rules.above(MOST) is None
    assert rules.below(OFF) is None
    assert rules.below(CANARY) == OFF
    assert rules.stage("nowhere") is None


def test_faults_between_fields() -> None:
    stages = (CANARY, Stage("canary", 10, HOUR, 0.1, False), Stage("off", 5, HOUR, 0.1, False))
    higher = "more than 10: every stage raises the percentage"
    assert list(policy(*stages).faults()) == [
        Fault(("stages", 1, "name"), "'canary', the name of stage 0", "a name of its own"),
        Fault(("stages", 1, "percentage"), "10 after 10 of 'canary'", higher),
        Fault(("stages", 2, "name"), "'off', the name of the implicit stage below the first", "a name of its own"),
        Fault(("stages", 2, "percentage"), "5 after 10 of 'canary'", higher),
    ]
