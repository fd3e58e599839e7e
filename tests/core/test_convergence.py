"""Convergence: the clock and the evidence of a stage begin when the fleet enforces it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from support.rollouts import (
    CANARY,
    HALF,
    HOUR,
    MOST,
    NOW,
    asks,
    entries,
    policy,
    situation,
    standing,
    state,
    up,
    verdict,
)

from rollout_bot.core.decision.decision import DecisionAction, decide
from rollout_bot.core.gates.conditions import GateName, gates
from rollout_bot.core.gates.convergence import Converging, combined, converge
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.history import MetricsEntry, Standing, stand
from rollout_bot.core.model.policy import OFF, Convergence, Metrics
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.samples import Reading, Readings, Unmeasured
from rollout_bot.core.verdict import Outcome

QUARTER = timedelta(minutes=15)
ASKED = Convergence("share")
SINCE = NOW - 8 * QUARTER


def readings(*values: float | None, end: datetime = NOW) -> Readings:
    first = end - (len(values) - 1) * QUARTER
    points = (Reading(first + index * QUARTER, value) for index, value in enumerate(values) if value is not None)
    return Readings(tuple(points), ("a note",))


def fleet(found: Readings | Unmeasured, percentage: int = 50, **settings: object) -> Converging:
    asked = replace(ASKED, **settings)  # type: ignore[arg-type]
    return converge(asked, found, percentage=percentage, since=SINCE, now=NOW, interval=QUARTER)


def test_it_begins_with_the_first_value_within_the_tolerance() -> None:
    found = fleet(readings(10, 30, 49, 50.5, 50))
    assert (found.holds, found.at, found.overdue, found.blind) == (True, NOW - 2 * QUARTER, False, False)
    assert found.reason == "the fleet enforces 50 % of 50 % (tolerance 1), since 2026-03-10 11:30 UTC"
    assert found.notes == ("a note",)


def test_until_then_it_has_not_begun() -> None:
    found = fleet(readings(10, 30, 48.9))
    assert (found.holds, found.at, found.newest) == (False, None, Reading(NOW, 48.9))
    assert found.reason == "the fleet enforces 48.9 % of 50 % (tolerance 1)"
    assert fleet(readings(48), tolerance=2.0).holds


def test_a_fleet_that_drifts_away_has_begun_and_does_not_hold() -> None:
    found = fleet(readings(50, 50, 45))
    assert (found.holds, found.at, found.overdue) == (False, NOW - 2 * QUARTER, False)
    long = fleet(readings(50, 45, 45, 45, 45, 45, 45))
    assert (long.holds, long.overdue) == (False, True)


def test_it_is_overdue_when_it_has_not_been_seen_for_longer_than_allowed() -> None:
    assert fleet(readings(*[10.0] * 8)).overdue
    assert not fleet(readings(*[10.0] * 8), max_wait=2 * HOUR).overdue
    assert fleet(Readings(())).overdue


def test_what_is_unknown_does_not_hold() -> None:
    unmeasured = fleet(Unmeasured("the server answers 500"))
    assert (unmeasured.holds, unmeasured.blind, unmeasured.overdue) == (False, True, True)
    assert unmeasured.reason == "not measured: the server answers 500"
    late = fleet(readings(50, 50, end=NOW - 3 * QUARTER))
    assert (late.holds, late.at, late.blind) == (False, NOW - 4 * QUARTER, True)
    assert late.reason.startswith("newest value is of 2026-03-10 11:15 UTC, 45 min ago")
    silent = fleet(Readings(()))
    assert (silent.holds, silent.blind, silent.reason) == (False, True, "no value since 2026-03-10 10:00 UTC")


def test_values_of_before_the_stage_do_not_count() -> None:
    assert fleet(readings(50, end=SINCE)).newest is None
    assert fleet(readings(50, end=NOW + QUARTER)).newest is None


@pytest.mark.parametrize("found", [Readings(()), readings(10, end=NOW - 4 * QUARTER)])
def test_at_off_silence_is_enough(found: Readings) -> None:
    assert fleet(found, 0).holds


def test_at_off_a_fleet_that_goes_on_enforcing_holds_and_calls_somebody() -> None:
    found = fleet(readings(*[10.0] * 8), 0)
    assert (found.holds, found.overdue) == (False, True)
    assert fleet(readings(10, 0.5), 0).holds
    assert not fleet(Unmeasured("x"), 0).holds
    stuck = at(OFF, found)
    decision = decide(stuck)
    assert (decision.action, decision.attention) == (DecisionAction.HOLD, True)
    assert decision.calls[0].startswith("the fleet has not been seen to enforce 0 % for more than 1 h: ")


def at(stage: object, found: Converging | None, outcome: Outcome = Outcome.HEALTHY, **fields: object) -> Situation:
    committed = state(stage, generation=2)  # type: ignore[arg-type]
    return situation(committed, outcome, rules=policy(convergence=ASKED, **fields), converging=found)


BEGUN = Converging(True, "it does", NOW - 60 * HOUR)


def waits(found: Situation) -> set[GateName]:
    return {each.name for each in gates(found) if not each.passed}


def test_the_clock_of_a_stage_begins_with_the_fleet() -> None:
    assert at(HALF, BEGUN).clock_since == NOW - 60 * HOUR
    assert waits(at(HALF, BEGUN)) == set()
    assert waits(at(HALF, replace(BEGUN, at=NOW - HOUR))) == {GateName.DURATION}
    nothing = at(HALF, Converging(False, "it does not"))
    assert waits(nothing) == {GateName.DURATION, GateName.CONVERGENCE}
    clock = next(each for each in gates(nothing) if each.name is GateName.DURATION)
    assert (clock.until, clock.reason) == (None, "its time begins when the fleet enforces 50 %")
    assert waits(at(HALF, None)) == {GateName.DURATION, GateName.CONVERGENCE}
    assert situation(state(HALF)).clock_since == NOW - 100 * HOUR


def test_a_fleet_that_does_not_hold_keeps_the_stage() -> None:
    assert waits(at(HALF, replace(BEGUN, holds=False))) == {GateName.CONVERGENCE}
    decision = decide(at(HALF, replace(BEGUN, holds=False, overdue=True)))
    assert (decision.action, decision.attention, len(decision.calls)) == (DecisionAction.HOLD, True, 1)


def test_the_last_stage_is_complete_when_the_fleet_has_it() -> None:
    assert decide(at(MOST, Converging(False, "no"))).action is DecisionAction.HOLD
    assert decide(at(MOST, BEGUN)).action is DecisionAction.COMPLETE


def test_an_owner_may_pass_over_it() -> None:
    decision = decide(at(CANARY, Converging(False, "it does not")), asks(ChangeKind.ADVANCE))
    assert decision.proposal is not None
    assert decision.proposal.approval is not None
    assert decision.proposal.approval.override is not None
    assert set(decision.proposal.approval.override.gates) == {"duration", "convergence"}


def test_health_is_shown_by_what_came_after_alone() -> None:
    entry = verdict(Outcome.HEALTHY, "of all", healthy_since=NOW - HOUR)
    before = combined(entry, None, Converging(False, "it does not"))
    assert (before.outcome, before.healthy_since) == (Outcome.INCONCLUSIVE, None)
    assert before.reasons == ("evidence for health starts when the fleet has converged: it does not", "of all")
    proof = verdict(Outcome.INCONCLUSIVE, "of what came after")
    assert combined(entry, proof, BEGUN) == proof
    assert combined(verdict(Outcome.INCONCLUSIVE), verdict(), BEGUN) == verdict()


def test_a_regression_is_one_whenever_it_began() -> None:
    regressed = verdict(Outcome.REGRESSED)
    assert combined(regressed, None, Converging(False, "no")) == regressed
    assert combined(regressed, verdict(), BEGUN) == regressed


def test_a_regression_that_all_evidence_does_not_show_holds() -> None:
    """Rolling back on either of two looks would err twice as often as the policy allows."""
    found = combined(verdict(Outcome.HEALTHY, "of all"), verdict(Outcome.REGRESSED, "bad"), BEGUN)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reasons == ("since the fleet has converged it looks like a regression", "bad", "of all")


@pytest.mark.parametrize("outcome", [Outcome.UNAVAILABLE, Outcome.SHARED])
def test_what_is_worse_than_unproved_stays(outcome: Outcome) -> None:
    assert combined(verdict(outcome), None, Converging(False, "no")).outcome is outcome


def asked(question: tuple[str, float] | None, at: datetime, metrics: str = "prometheus") -> MetricsEntry:
    return MetricsEntry(Metrics(metrics), at, question)


def stood(*policies: MetricsEntry) -> Standing:
    begun = state()
    found = stand(entries(begun, up(begun, HALF), step=10 * HOUR), policies)
    assert isinstance(found, Standing)
    return found


def test_another_question_starts_the_clock_and_the_evidence_anew() -> None:
    changed = NOW + HOUR
    for before in (("share", 50.0), ("other", 1.0), None):
        found = stood(asked(("share", 1.0), changed), asked(before, NOW - 100 * HOUR))
        assert (found.entered_at, found.evidence_since, found.observed_since) == (NOW, changed, changed)


def test_other_metrics_start_the_evidence_anew_and_not_the_clock() -> None:
    changed = NOW + HOUR
    found = stood(asked(("share", 1.0), changed, "web"), asked(("share", 1.0), NOW - 100 * HOUR))
    assert (found.evidence_since, found.observed_since) == (changed, None)


def test_who_stops_asking_starts_the_evidence_anew() -> None:
    changed = NOW + HOUR
    found = stood(asked(None, changed), asked(("share", 1.0), NOW - 100 * HOUR))
    assert found.evidence_since == changed


def test_a_change_of_before_the_stage_changes_nothing() -> None:
    found = stood(asked(("share", 1.0), NOW - HOUR), asked(None, NOW - 100 * HOUR))
    assert (found.evidence_since, found.observed_since) == (NOW, NOW)
    assert standing(state()).observed_since is None
