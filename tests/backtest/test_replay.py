"""What a replay tells: moves and when, how long it was kept and by what, and where it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from support.replays import BAD, BEGIN, GOOD, HOUR, QUARTER, SHORT, history, moves, policy, replayed

from rollout_bot.core.model.policy import Stage
from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.replay.replay import replay
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample
from rollout_bot.core.verdict import Outcome


def test_a_good_service_goes_up_as_fast_as_the_policy_allows() -> None:
    found = replayed()
    assert moves(found) == [(2, "half"), (4, "full")]
    assert found.topped_after == 4 * HOUR
    assert (found.ended.name, found.stopped, found.ticks) == ("full", "", 96)
    assert [stay.stage.name for stay in found.stays] == ["canary", "half", "full"]
    assert found.stays[0].start == BEGIN
    assert found.stays[-1].end == BEGIN + 24 * HOUR
    first = found.transitions[0]
    assert first.reasons == (
        "canary is healthy: 0.1 % of 8,000 requests failed (8), within the limit of 0.5 %",
        "entering half needs the approval of a code owner",
    )
    assert (first.verdict.stage.requests, first.verdict.outcome) == (8000, Outcome.HEALTHY)


def test_what_kept_it_is_counted_and_nothing_at_the_top_is() -> None:
    waits = {wait.cause: (wait.time, wait.alone) for wait in replayed().waits}
    assert waits["duration"] == (2 * 7 * QUARTER, 2 * 7 * QUARTER - waits["analysis: inconclusive"][0])
    assert waits["analysis: inconclusive"][1] == timedelta(0)
    assert set(waits) == {"duration", "analysis: inconclusive"}


def test_an_approval_takes_its_time_and_the_evidence_must_still_be_good_then() -> None:
    assert moves(replayed(approve_after=6 * HOUR))[0] == (8, "half")
    found = replayed(lambda hour: GOOD if hour <= 7 else "no data" if hour <= 9 else GOOD, approve_after=6 * HOUR)
    at, stage = moves(found)[0]
    assert (at > 9, stage) == (True, "half")
    assert found.transitions[0].proposed_at == BEGIN + 2 * HOUR
    assert {wait.cause: wait.time for wait in found.waits}["approval"] == timedelta(hours=5.25)


def test_a_regression_is_rolled_back_and_tried_again_after_the_cooldown() -> None:
    found = replayed(lambda hour: BAD if hour == 2.75 else GOOD, hours=40)
    assert moves(found) == [(2, "half"), (2.75, "canary"), (26.75, "half"), (28.75, "full")]
    rollback = found.rollbacks[0]
    assert rollback.down
    assert rollback.verdict.outcome is Outcome.REGRESSED
    assert "20 % of 1,000 requests failed (200) since 2026-03-02 02:30 UTC" in rollback.reasons[0]
    assert "cooldown" in {wait.cause for wait in found.waits}
    assert [each.to.name for each in found.advances] == ["half", "half", "full"]


def test_from_off_an_owner_tries_again() -> None:
    found = replayed(lambda hour: BAD if hour <= 1 else GOOD, hours=40)
    assert moves(found)[:2] == [(0.25, "off"), (24.25, "canary")]
    assert found.ended.name == "full"


def test_it_ends_where_only_a_human_goes_on() -> None:
    found = replayed(lambda hour: BAD if 2.5 < hour <= 3.5 else GOOD, rules=policy(max_rollbacks=1))
    assert moves(found) == [(2, "half"), (2.75, "canary"), (3, "off")]
    assert found.stopped.startswith("rolled back 2 times: only a human restarts it")
    assert found.end == BEGIN + 3.25 * HOUR == found.stays[-1].end


def test_a_regression_that_may_not_be_rolled_back_holds() -> None:
    found = replayed(lambda hour: BAD if hour > 1 else GOOD, rules=policy(rollback_on_error=False))
    assert moves(found) == []
    assert "analysis: regressed" in {wait.cause for wait in found.waits}


def test_old_news_moves_nothing() -> None:
    """Two hours are over in the middle of a hole of an hour: what was healthy before it says nothing about now."""
    found = replayed(lambda hour: None if 1.25 < hour < 2.5 else GOOD)
    assert moves(found)[0][0] > 2.5


def test_what_arrives_late_is_seen_late() -> None:
    bad = replayed(lambda hour: BAD if hour > 1 else GOOD)
    late = replayed(lambda hour: BAD if hour > 1 else GOOD, delay=timedelta(minutes=1))
    assert moves(late)[0][0] == moves(bad)[0][0] + 0.25


def test_a_thinned_history_is_what_is_judged() -> None:
    def tenth(sample: Sample, stage: Stage) -> Sample:
        share = stage.percentage / 100
        return replace(sample, enforced=Counts(sample.enforced.total * share, sample.enforced.failed * share))

    found = replayed(thinning=tenth)
    requests = {each.origin.name: each.verdict.stage.requests for each in found.transitions}
    hours = {stay.stage.name: (stay.end - stay.start) / HOUR for stay in found.stays}
    assert requests == {"canary": 400 * hours["canary"], "half": 2000 * hours["half"]}
    assert {each.verdict.noise for each in found.transitions} == {1.0}


def test_ticks_come_in_whole_intervals() -> None:
    hours = [Sample(BEGIN + n * HOUR, BEGIN + (n + 1) * HOUR, Counts(1000.0, 1.0)) for n in range(24)]
    rules = policy(interval=HOUR)
    found = replay(rules, Hindsight(Measurement(tuple(hours)), HOUR), start=BEGIN, end=BEGIN + 24 * HOUR)
    assert found.ticks == 24
    with pytest.raises(ValueError, match="a history in intervals of 0:15:00"):
        replay(rules, history(lambda _hour: GOOD), start=BEGIN, end=BEGIN + HOUR)


def test_a_history_in_disorder_is_refused() -> None:
    sample = Sample(BEGIN, BEGIN + QUARTER, Counts(1.0, 0.0))
    with pytest.raises(ValueError, match="in order and without overlap"):
        Hindsight(Measurement((sample, sample)), QUARTER)


def test_a_gap_is_seen_interval_by_interval() -> None:
    gap = Gap(BEGIN, BEGIN + HOUR + QUARTER / 3, "down")
    seen = Hindsight(Measurement((gap,)), QUARTER)
    assert [entry.end - entry.start for entry in seen.entries] == [QUARTER, QUARTER, QUARTER, QUARTER * 4 / 3]
    assert seen.shown(BEGIN + QUARTER) == 1
    assert seen.newest(BEGIN + HOUR, BEGIN) is None


def test_nothing_recorded_moves_nothing() -> None:
    found = replayed(lambda _hour: None, hours=3)
    assert (moves(found), found.topped_after, found.ended) == ([], None, SHORT[0])
    assert "analysis: unavailable" in {wait.cause for wait in found.waits}
    assert found.stage_at(BEGIN) == SHORT[0]
    assert found.stage_at(BEGIN + 3 * HOUR) is None
