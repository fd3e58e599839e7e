"""The published metrics: names, values, and what is left out where it is unknown."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from support.debian import executable
from support.rollouts import CANARY, HALF, HOUR, NOW, down, on_hold, situation, standing, state, up, verdict

from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import GateState, GateStatus, PullRequest, PullState
from rollout_bot.core.model.state import State
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Bet, Outcome, Rate, Verdict
from rollout_bot.publish.families import registry

SPECIFIED = {
    "checkout_rollout_stage",
    "checkout_rollout_error_rate",
    "checkout_rollout_stage_started_at",
    "checkout_rollout_advancement_total",
    "checkout_rollout_rollback_total",
}
FULL = verdict(
    last_hour=Rate(400.0, 3.0), lower=0.001, upper=0.02, health=Bet(12.5, 20), regression=Bet(0.5, 100), intervals=9
)
BEGUN = state()
HIGH = up(BEGUN, HALF)
FALLEN = down(HIGH, CANARY)


def told(*states: State) -> tuple[Transition, ...]:
    """The states as changes an hour apart, the last one now."""
    found = [Transition(each, NOW - (len(states) - 1 - index) * HOUR, "c") for index, each in enumerate(states)]
    return tuple(reversed(found))


def observed(here: Situation | None, *states: State, **fields: object) -> Observation:
    name = here.policy.rollout if here else "checkout"
    return Observation(RolloutRecord(name, here, **fields), told(*states), NOW, requests=2, budget=4_990)  # type: ignore[arg-type]


def text(*observations: Observation) -> str:
    return generate_latest(registry(observations)).decode()


def values(observation: Observation) -> dict[str, float]:
    """By name with labels, as it is exposed, without the prefix."""
    lines = (line for line in text(observation).splitlines() if not line.startswith("#"))
    return {line.rsplit(" ", 1)[0].removeprefix("checkout_rollout_"): float(line.rsplit(" ", 1)[1]) for line in lines}


def pull(**fields: object) -> PullRequest:
    green = GateStatus(GateState.SUCCESS, "healthy")
    known = {"number": 3, "branch": "rollout/checkout/2-half", "head": "c0ffee", "author": "bot", "title": "up"}
    known |= {"body": "", "state": PullState.OPEN, "opened_at": NOW - HOUR, "owners_approved": False, "gate": green}
    return PullRequest(**(known | fields))  # type: ignore[arg-type]


def test_the_specified_names_are_there_and_promtool_has_nothing_against_any() -> None:
    exposed = text(
        observed(situation(verdict=FULL), BEGUN, HIGH, FALLEN),
        replace(observed(None), record=RolloutRecord("rate-limits", problems=("broken",))),
    )
    assert {line.split()[2] for line in exposed.splitlines() if line.startswith("# TYPE")} >= SPECIFIED
    assert "\nrate_limits_rollout_cannot_measure 1.0\n" in exposed
    linted = subprocess.run(
        [executable("prometheus", "promtool"), "check", "metrics"],
        input=exposed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_the_documentation_names_them_all() -> None:
    page = (Path(__file__).parents[2] / "docs/monitoring.md").read_text(encoding="utf-8")
    rows = page.split("| name | labels | meaning |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    documented = {name for row in rows for name in re.findall(r"`_(\w+)`", row.split("|")[1])}
    told = values(observed(situation(FALLEN, verdict=FULL), BEGUN, HIGH, FALLEN))
    assert documented == {name.split("{")[0] for name in told}


def test_a_rollout_is_told_in_figures() -> None:
    found = values(observed(situation(HIGH, verdict=FULL, where=standing(HIGH, entered=-HOUR)), BEGUN, HIGH))
    assert found['stage{stage_name="half"}'] == 1
    assert [found[f'stage{{stage_name="{name}"}}'] for name in ("off", "canary", "most")] == [0, 0, 0]
    assert found["percentage"] == 50
    assert found["stage_started_at"] == (NOW - HOUR).timestamp()
    assert found["last_tick_timestamp_seconds"] == NOW.timestamp()
    assert found["error_rate"] == 0.0075
    assert found["stage_error_rate"] == 0.001
    assert found["max_error_rate"] == 0.005
    assert found['stage_error_rate_bound{side="upper"}'] == 0.02
    assert found['evidence{bet="health"}'] == 12.5
    assert found['evidence_needed{bet="health"}'] == 20
    assert found['verdict{outcome="healthy"}'] == 1
    assert found['verdict{outcome="regressed"}'] == 0
    assert found["forge_requests"] == 2
    assert found["forge_requests_left"] == 4_990
    assert found["cannot_measure"] == found["gate_blocked"] == found["approval_waiting_seconds"] == found["held"] == 0


def test_counters_begin_at_zero_so_that_the_first_event_is_an_increase() -> None:
    before, after = values(observed(situation(), BEGUN)), values(observed(situation(HIGH), BEGUN, HIGH))
    assert before['advancement_total{to_stage="half"}'] == 0
    assert after['advancement_total{to_stage="half"}'] == 1
    assert before['rollback_total{from_stage="canary",to_stage="off"}'] == 0
    assert "last_rollback_timestamp_seconds" not in before


def test_a_rollback_over_several_stages_is_counted_as_one() -> None:
    gone = down(HIGH, OFF)
    found = values(observed(situation(gone), BEGUN, HIGH, gone))
    assert found['rollback_total{from_stage="half",to_stage="off"}'] == 1
    assert found['rollback_total{from_stage="half",to_stage="canary"}'] == 0
    assert found["last_rollback_timestamp_seconds"] == NOW.timestamp()


def test_what_this_tick_merged_is_told_at_once() -> None:
    found = values(observed(situation(HIGH, Outcome.REGRESSED), BEGUN, HIGH, FALLEN))
    assert found["percentage"] == 10
    assert found['stage{stage_name="canary"}'] == 1
    assert found["stage_started_at"] == NOW.timestamp()
    assert found['rollback_total{from_stage="half",to_stage="canary"}'] == 1
    assert found['verdict{outcome="regressed"}'] == 1


def test_a_hold_does_not_begin_the_stage_anew() -> None:
    held = on_hold(HIGH)
    here = situation(HIGH, where=standing(HIGH, entered=-3 * HOUR))
    found = values(observed(here, BEGUN, HIGH, held))
    assert found["stage_started_at"] == (NOW - 3 * HOUR).timestamp()
    assert found["held"] == 1
    assert values(observed(None, BEGUN, HIGH, held))["stage_started_at"] == (NOW - HOUR).timestamp()


def test_no_traffic_is_no_error_rate_of_zero() -> None:
    nothing = Verdict(Outcome.INCONCLUSIVE, ("no requests",), 0.005)
    found = values(observed(situation(verdict=nothing), BEGUN))
    assert not {"error_rate", "stage_error_rate", 'evidence{bet="health"}'} & set(found)
    assert not [name for name in found if "bound" in name]


def test_at_zero_per_cent_there_is_no_limit() -> None:
    gone = down(BEGUN, OFF)
    nothing = Verdict(Outcome.INCONCLUSIVE, ("at 0 % there is nothing to measure",), 1.0)
    assert "max_error_rate" not in values(observed(situation(gone, verdict=nothing), BEGUN, gone))


@pytest.mark.parametrize(
    ("observation", "cannot"),
    [
        (observed(situation(), BEGUN), 0),
        (observed(situation(outcome=Outcome.INCONCLUSIVE), BEGUN), 0),
        (observed(situation(outcome=Outcome.UNAVAILABLE), BEGUN), 1),
        (observed(situation(), BEGUN, problems=("PROMETHEUS_URL is not set",)), 1),
        (observed(situation(doubts=("nobody approved it",)), BEGUN, problems=("nobody approved it",)), 0),
        (observed(None, BEGUN, problems=("state.yaml: broken",)), 1),
        (observed(None), 1),
    ],
)
def test_not_being_able_to_measure_is_a_figure_of_its_own(observation: Observation, cannot: int) -> None:
    assert values(observation)["cannot_measure"] == cannot


def test_files_that_cannot_be_read_hide_no_rollback() -> None:
    found = values(observed(None, BEGUN, HIGH, FALLEN, problems=("policy.yaml: broken",)))
    assert found["stage_started_at"] == NOW.timestamp()
    assert found['rollback_total{from_stage="half",to_stage="canary"}'] == 1
    assert found["percentage"] == 10
    assert not [name for name in found if name.startswith("verdict")]


def test_a_rollout_without_a_history_is_told_as_it_stands() -> None:
    assert values(observed(situation(HIGH)))["percentage"] == 50


def test_a_history_that_begins_with_a_hold_does_not_tell_when_the_stage_was_entered() -> None:
    assert "stage_started_at" not in values(observed(None, on_hold(HIGH)))


def test_a_green_pull_request_waits_for_its_owner_and_a_red_one_for_its_gate() -> None:
    waiting = values(observed(situation(), BEGUN, pull=pull(opened_at=NOW - timedelta(hours=5))))
    assert (waiting["approval_waiting_seconds"], waiting["gate_blocked"]) == (5 * 3600, 0)
    red = GateStatus(GateState.PENDING, "waits for analysis")
    blocked = values(observed(situation(), BEGUN, pull=pull(gate=red)))
    assert (blocked["approval_waiting_seconds"], blocked["gate_blocked"]) == (0, 1)
    for harmless in (pull(gate=None), pull(gate=red, state=PullState.MERGED)):
        assert values(observed(situation(), BEGUN, pull=harmless))["gate_blocked"] == 0


def test_a_forge_without_a_budget_has_no_figure_for_it() -> None:
    found = observed(situation(), BEGUN)
    assert "forge_requests_left" not in values(replace(found, budget=None))
