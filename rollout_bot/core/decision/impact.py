"""What a regression has cost so far: requests that failed beyond what was to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.verdict import Rate


class Yardstick(StrEnum):
    """What failures are compared with: the baseline at the same time, the stage before, else the limit."""

    BASELINE = "than the baseline's rate explains"
    BEFORE = "than at the rate before"
    LIMIT = "than the limit allows"


@dataclass(frozen=True, slots=True)
class Impact:
    """`excess` failed requests more than by the yardstick; never negative."""

    excess: float
    yardstick: Yardstick


def impact(situation: Situation) -> Impact:
    """The cost since the regression began, or since the stage did where nobody knows that."""
    verdict = situation.verdict
    since = verdict.regressing_since
    points = [point for point in situation.trace if point.here is not None]
    bad = [point for point in points if since is None or point.end > since]
    if not bad:
        return _beyond(verdict.stage, verdict.limit, Yardstick.LIMIT)
    here = _total(bad)
    beside = verdict.comparison.baseline.value if verdict.comparison else None
    if beside is not None:
        return _beyond(here, beside, Yardstick.BASELINE)
    before = _total([point for point in points if since is not None and point.end <= since]).value
    if before is not None:
        return _beyond(here, before, Yardstick.BEFORE)
    return _beyond(here, verdict.limit, Yardstick.LIMIT)


def _total(points: Sequence[Point]) -> Rate:
    found = [point.here for point in points if point.here is not None]
    return Rate(sum(each.requests for each in found), sum(each.failures for each in found))


def _beyond(here: Rate, expected: float, yardstick: Yardstick) -> Impact:
    return Impact(max(0.0, here.failures - expected * here.requests), yardstick)
