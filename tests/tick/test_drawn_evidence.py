"""The evidence over time is drawn up where somebody sees it: in pull requests and on the pages of a site."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.repositories import START
from support.ticks import HOUR, POLICY_TEXT, QUARTER, World, initial

from rollout_bot.core.decision.actions import SetGate, UpdatePull
from rollout_bot.core.model.repository import PullState
from rollout_bot.tick.evaluation import Evaluation

NOW = START + 3 * HOUR


def evaluated(world: World, *, draws: bool = False) -> Evaluation:
    evaluator = replace(world.evaluator(NOW), draws=draws)
    return evaluator.evaluate(world.forge(NOW).snapshot(), "checkout")


def test_a_proposal_shows_what_led_to_it(world: World) -> None:
    found = evaluated(world)
    assert found.decision.proposal is not None
    assert len(found.situation.trace) == 3 * HOUR // QUARTER


def test_what_only_holds_is_not_drawn_unless_a_site_asks(tmp_path: Path) -> None:
    world = World.made(tmp_path / "waiting", initial(text=POLICY_TEXT.replace("duration: 2h", "duration: 24h")))
    world.serve(NOW)
    assert evaluated(world).decision.proposal is None
    assert evaluated(world).situation.trace == ()
    assert len(evaluated(world, draws=True).situation.trace) == 3 * HOUR // QUARTER


def test_an_open_pull_request_keeps_its_chart_while_the_rollout_holds(world: World) -> None:
    world.tick(NOW)
    late = NOW + HOUR
    record = world.one(late)
    assert record.decision is not None
    assert record.decision.proposal is None
    (pull,) = world.forge(late).pulls(PullState.OPEN)
    assert "xychart-beta" in pull.body
    assert [type(step.action) for step in record.steps] == [UpdatePull, SetGate]
