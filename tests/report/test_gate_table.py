"""Figures of the gates beside what is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.rollouts import CANARY, HALF, HOUR, NOW, policy, situation, standing, state, verdict

from rollout_bot.core.gates.conditions import Gate, GateName, gates
from rollout_bot.core.gates.convergence import Converging
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF, Convergence
from rollout_bot.core.samples import Reading
from rollout_bot.core.verdict import Outcome, Rate
from rollout_bot.report.gate_table import gate_parts

FLEET = policy(convergence=Convergence("fleet"))


def row(here: Situation, name: GateName) -> list[str]:
    gate = next((each for each in gates(here) if each.name is name), Gate(name, False, "because"))
    line = gate_parts(here, [gate])[0].splitlines()[2]
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def cooling(since: timedelta) -> Situation:
    return situation(where=standing(state(HALF), rolled_back_at=NOW - since, rollbacks=2))


@pytest.mark.parametrize(
    ("here", "name", "cells"),
    [
        (situation(), GateName.DURATION, ["✅", "4 d 4 h", "at least 1 d", "3 d 4 h over", "–"]),
        (
            situation(where=standing(state(), entered=-HOUR)),
            GateName.DURATION,
            ["⏳", "1 h", "at least 1 d", "23 h to go", "–"],
        ),
        (
            situation(rules=FLEET, converging=Converging(False, "10 % of 50 %")),
            GateName.DURATION,
            ["⏳", "not begun", "at least 1 d", "–", "–"],
        ),
        (situation(), GateName.ANALYSIS, ["✅", "0.1 %", "at most 0.5 %", "0.4 points below", "1,000 requests"]),
        (
            situation(verdict=replace(verdict(Outcome.REGRESSED), stage=Rate(200, 3))),
            GateName.ANALYSIS,
            ["⏳", "1.5 %", "at most 0.5 %", "1 point above", "200 requests"],
        ),
        (
            situation(verdict=replace(verdict(Outcome.INCONCLUSIVE), stage=Rate(0, 0))),
            GateName.ANALYSIS,
            ["⏳", "nothing measured", "at most 0.5 %", "–", "–"],
        ),
        (situation(state(OFF)), GateName.ANALYSIS, ["⏳", "nothing measured", "–", "–", "–"]),
        (cooling(2 * HOUR), GateName.COOLDOWN, ["⏳", "2 h", "at least 2 d", "1 d 22 h to go", "–"]),
        (cooling(50 * HOUR), GateName.COOLDOWN, ["✅", "2 d 2 h", "at least 2 d", "2 h over", "–"]),
        (cooling(HOUR), GateName.ATTEMPTS, ["✅", "2 rollbacks", "under 3", "1 rollback left", "–"]),
        (
            situation(rules=FLEET, converging=Converging(False, "no", newest=Reading(NOW, 8.0))),
            GateName.CONVERGENCE,
            ["⏳", "8 %", "10 % ± 1", "2 points apart", "–"],
        ),
        (situation(), GateName.CONVERGENCE, ["⏳", "not known", "–", "–", "–"]),
        (situation(), GateName.HOLD, ["✅", "nobody holds it", "–", "–", "–"]),
    ],
)
def test_a_gate_shows_its_figures(here: Situation, name: GateName, cells: list[str]) -> None:
    assert here.stage in (CANARY, HALF, OFF)
    assert row(here, name) == [name.value, *cells]


def test_a_shut_gate_says_why_below_the_table() -> None:
    _, shut = gate_parts(situation(), [Gate(GateName.AFTER, False, "waits for *other*")])
    assert shut == "- ⏳ **after**: waits for \\*other\\*"
