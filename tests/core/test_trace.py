"""The trace of a stage: every request once, in few points."""

from __future__ import annotations

import itertools
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from support.evidence import QUARTER, SINCE, Interval, measured

from rollout_bot.core.analysis.bounds import wilson
from rollout_bot.core.analysis.trace import Point, trace
from rollout_bot.core.samples import Counts, Measurement, Sample, Unmeasured
from rollout_bot.core.verdict import Rate

GOOD: Interval = (500.0, 1.0)


def drawn(stage: list[Interval], history: list[Interval] | None = None, most: int = 4) -> tuple[Point, ...]:
    now = SINCE + len(stage) * QUARTER
    found = measured(stage, history or ())
    return trace(found, since=SINCE, now=now, interval=QUARTER, noise=1.0, most=most)


def test_each_interval_is_a_point_while_there_is_room() -> None:
    points = drawn([GOOD, (300.0, 6.0)], history=[(1.0, 1.0)])
    assert [point.here for point in points] == [Rate(500.0, 1.0), Rate(300.0, 6.0)]
    assert (points[0].start, points[-1].end) == (SINCE, SINCE + 2 * QUARTER)


def test_the_bounds_are_those_of_the_stage_so_far() -> None:
    first, second = drawn([GOOD, (300.0, 6.0)])
    assert (first.lower, first.upper) == wilson(Rate(500.0, 1.0), 1.0)
    assert (second.lower, second.upper) == wilson(Rate(800.0, 7.0), 1.0)


def test_a_gap_is_a_hole_and_not_a_zero() -> None:
    before, hole, after = drawn([GOOD, "the server did not answer", GOOD])
    assert hole.here is None
    assert hole.upper == before.upper
    assert after.here == Rate(*GOOD)


def test_the_baseline_is_kept_apart() -> None:
    sample = Sample(SINCE, SINCE + QUARTER, Counts(10.0, 1.0), Counts(90.0, 2.0))
    (point,) = trace(
        Measurement((sample,)), since=SINCE, now=SINCE + QUARTER, interval=QUARTER, noise=1.0
    )  # fmt: skip
    assert (point.here, point.baseline) == (Rate(10.0, 1.0), Rate(90.0, 2.0))


def test_what_could_not_be_measured_has_no_points() -> None:
    overlapping = Measurement(
        (Sample(SINCE, SINCE + 2 * QUARTER, Counts(1, 0)), Sample(SINCE, SINCE + QUARTER, Counts(1, 0)))
    )
    for found in (Unmeasured("the server did not answer"), Measurement(()), overlapping):
        assert trace(found, since=SINCE, now=SINCE + timedelta(days=1), interval=QUARTER, noise=1.0) == ()


@given(
    stage=st.lists(st.one_of(st.just("gone"), st.tuples(st.integers(1, 9).map(float), st.just(1.0))), max_size=60),
    most=st.integers(1, 20),
)
def test_no_request_is_lost_or_told_twice(stage: list[Interval], most: int) -> None:
    points = drawn(stage, most=most)
    assert len(points) <= most
    assert sum(point.here.requests for point in points if point.here) == sum(
        each[0] for each in stage if not isinstance(each, str)
    )
    for before, after in itertools.pairwise(points):
        assert before.end == after.start
