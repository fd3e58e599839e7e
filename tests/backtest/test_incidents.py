"""Rollbacks held against the incidents that people know of."""

from __future__ import annotations

from datetime import timedelta

from support.replays import BAD, BEGIN, GOOD, HOUR, policy, replayed

from rollout_bot.core.replay.incidents import Incident, assess


def incident(start: float, end: float) -> Incident:
    return Incident(BEGIN + start * HOUR, BEGIN + end * HOUR)


def test_each_incident_is_found_missed_or_not_met_and_the_rest_is_false() -> None:
    found = replayed(lambda hour: BAD if hour in (1.25, 30.25, 60.25) else GOOD, hours=90)
    known = [incident(60, 60.25), incident(1, 1.5), incident(40, 41), incident(2, 20), incident(200, 201)]
    result = assess(found, known)
    assert [each.incident for each in result.found] == [incident(1, 1.5), incident(60, 60.25)]
    assert result.found[0].delay == timedelta(minutes=15)
    assert result.missed == (incident(40, 41),)
    assert result.unexposed == (incident(2, 20), incident(200, 201))
    assert [each.at for each in result.false_alarms] == [BEGIN + 30.25 * HOUR]


def test_one_incident_may_take_several_rollbacks() -> None:
    found = replayed(lambda hour: BAD if 2 < hour <= 3 else GOOD, rules=policy(max_rollbacks=9))
    assert len(found.rollbacks) > 1
    assert assess(found, [incident(2, 3)]).false_alarms == ()
    assert len(assess(found, []).false_alarms) == len(found.rollbacks)
