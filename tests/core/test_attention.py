"""What asks for a human although nothing moves: a stage without a verdict, and silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.rollouts import HALF, HOUR, MOST, NOW, asks, policy, situation, standing, state, verdict

from rollout_bot.core.decision.decision import DecisionAction, decide
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF, Stage
from rollout_bot.core.model.state import ChangeKind, Hold
from rollout_bot.core.verdict import Comparison, Outcome, Rate

DAY = 24 * HOUR
SHORT = replace(HALF, max_wait=2 * DAY)


def here(
    stage: Stage = HALF, outcome: Outcome = Outcome.INCONCLUSIVE, days: float = 5, **fields: timedelta
) -> Situation:
    rules = policy(*(stage if each.name == stage.name else each for each in policy().stages))
    where = standing(state(stage), entered=-days * DAY)
    return situation(rules=rules, where=where, verdict=verdict(outcome, **fields))


@pytest.mark.parametrize(
    ("stage", "days", "asked"), [(HALF, 4.99, False), (HALF, 5, True), (SHORT, 1.99, False), (SHORT, 2, True)]
)
@pytest.mark.parametrize("outcome", [Outcome.INCONCLUSIVE, Outcome.UNAVAILABLE])
def test_a_stage_that_nothing_is_known_of_for_long_asks_for_somebody(
    stage: Stage, days: float, asked: bool, outcome: Outcome
) -> None:
    decision = decide(here(stage, outcome, days))
    assert (decision.action, decision.attention, bool(decision.calls)) == (DecisionAction.HOLD, asked, asked)
    assert decision.reasons[-1:] == (decision.calls or (f"{outcome}: the reason",))


def test_it_says_how_long_and_the_ways_out() -> None:
    (call,) = decide(here(days=6)).calls
    assert call == (
        "no healthy verdict in 6 d; max_wait is 5 d. The ways out: a laxer max_error_rate or more traffic "
        "(rollout-bot validate checkout --live says what would do); "
        "rollout-bot advance checkout --reason …, for an owner to approve; or rollout-bot rollback checkout --reason …"
    )
    (call,) = decide(here(outcome=Outcome.UNAVAILABLE)).calls
    assert "The ways out: metrics that can be read again; rollout-bot advance" in call


def test_it_never_advances_by_itself_and_an_owner_can_let_it() -> None:
    stuck = here(days=400)
    assert decide(stuck).proposal is None
    decision = decide(stuck, asks(ChangeKind.ADVANCE))
    assert decision.proposal is not None
    assert decision.proposal.approval is not None
    assert decision.proposal.approval.override is not None
    assert decision.proposal.approval.override.gates == ("analysis",)


@pytest.mark.parametrize(
    "quiet",
    [
        here(outcome=Outcome.HEALTHY, days=400),
        here(MOST, days=400),
        here(OFF, days=400),
        here(OFF, silent=9 * DAY),
        situation(state(HALF, hold=Hold("freeze", "bob")), Outcome.INCONCLUSIVE),
    ],
    ids=["healthy", "last", "off", "off-silent", "held"],
)
def test_where_a_human_knows_or_need_not_nobody_is_called(quiet: Situation) -> None:
    later = replace(quiet, now=NOW + 400 * DAY)
    assert decide(later).calls == ()


@pytest.mark.parametrize(("silent", "asked"), [(DAY - HOUR / 4, False), (DAY, True)])
@pytest.mark.parametrize(("stage", "days"), [(HALF, 3), (MOST, 3), (MOST, 0.5)])
def test_a_day_without_a_request_asks_for_somebody(stage: Stage, days: float, silent: timedelta, asked: bool) -> None:
    decision = decide(here(stage, Outcome.HEALTHY if stage is MOST else Outcome.INCONCLUSIVE, days, silent=silent))
    assert decision.attention is asked
    assert decision.calls == ((f"no requests for 1 d: does {stage.name} still serve?",) if asked else ())


@pytest.mark.parametrize(("silent", "asked"), [(DAY - HOUR / 4, False), (DAY, True)])
def test_so_does_a_day_with_nothing_to_compare_with(silent: timedelta, asked: bool) -> None:
    alone = Comparison(Rate(900.0, 1.0), Rate(8000.0, 6.0), 0.001, silent=silent)
    unsure = verdict(Outcome.INCONCLUSIVE, comparison=alone)
    decision = decide(situation(where=standing(state(HALF)), verdict=unsure))
    call = "nothing to compare half with for 1 d: does the baseline still serve?"
    assert decision.calls == ((call,) if asked else ())
