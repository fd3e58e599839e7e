"""Raw samples to counts: nothing lost, nothing invented, whatever restarts, comes or goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.samples import Counts, Gap, Sample, Window
from rollout_bot.metrics.counters import Series, first_seen, tally
from rollout_bot.metrics.intervals import Grid, merged

START = datetime(2026, 11, 23, 9, 0, 0, 123_456, tzinfo=UTC)
T0 = START.timestamp()
STEP = timedelta(minutes=15)
GRID = Grid(START, STEP, 4)

SCRAPES = st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), min_size=1, max_size=80)
"""At each scrape of a pod: what it counted since the last, whether it restarted before that, whether it was scraped."""


def scraped(scrapes: list[tuple[int, bool, bool]], every: int) -> tuple[Series, float]:
    """What a server stores of a pod that begins ten minutes before the grid, and what that holds in truth."""
    value = known = truth = 0
    samples: list[tuple[float, float]] = []
    for number, (count, restarts, seen) in enumerate(scrapes):
        time = -600 + number * every
        # A restart shows where the new value is lower; what was not scraped before it is lost to everybody.
        shows = restarts and known > count
        value = count if shows else value + count
        if seen or shows or not number:
            if samples and 0 < time <= 3600:
                truth += value if shows else value - known
            known = value
            samples.append((T0 + time, float(value)))
    return Series({}, samples), truth


@given(st.lists(SCRAPES, min_size=1, max_size=3), st.sampled_from([15, 60, 240]))
def test_the_grid_holds_what_the_samples_show(pods: list[list[tuple[int, bool, bool]]], every: int) -> None:
    stored = [scraped(scrapes, every) for scrapes in pods]
    result = tally([series for series, _ in stored], GRID, T0 - 600)
    assert sum(count or 0 for count in result.counts) == sum(truth for _, truth in stored)
    assert all(count is None or count >= 0 for count in result.counts)


@given(st.lists(st.integers(-3600, 7200), min_size=1, max_size=50, unique=True))
def test_an_interval_is_empty_only_without_samples(times: list[int]) -> None:
    series = Series({}, [(T0 + time, 1.0) for time in sorted(times)])
    result = tally([series], GRID, None)
    for index, count in enumerate(result.counts):
        assert (count is None) == (not any(index * 900 < time <= (index + 1) * 900 for time in times))


@given(st.integers(0, 10_000), st.integers(1, 3600))
def test_a_boundary_belongs_to_the_interval_that_it_ends(index: int, seconds: int) -> None:
    grid = Grid(START, timedelta(seconds=seconds), index + 1)
    end = grid.span(index)[1].timestamp()
    assert grid.index(end) == index
    assert grid.index(end + 0.001) == index + 1


def test_a_birth_counts_and_the_beginning_of_the_measuring_does_not() -> None:
    series = [Series({"pod": "a"}, [(T0 + 60, 1000.0)]), Series({"pod": "b"}, [(T0 + 120, 7.0)])]
    observed = first_seen(series)
    assert observed == T0 + 60
    assert tally(series, GRID, observed).counts == [7.0, None, None, None]
    assert first_seen([Series({}, [])]) is None


def test_a_bad_value_outside_the_grid_costs_nothing() -> None:
    samples = [(T0 - 60, float("nan")), (T0 - 30, float("inf")), (T0 - 10, 5.0), (T0 + 60, 8.0)]
    result = tally([Series({}, samples)], GRID, T0 - 600)
    assert (result.counts[0], result.faults, result.notes) == (3.0, {}, [])


@pytest.mark.parametrize(("minutes", "count"), [(-5, 0), (0, 0), (29, 1), (30, 2)])
def test_only_complete_intervals_are_measured(minutes: int, count: int) -> None:
    grid = Grid.complete(Window(START, START + timedelta(minutes=minutes + 1), STEP), timedelta(minutes=1))
    assert grid.count == count
    assert grid.end == START + count * STEP


def test_neighbouring_gaps_of_one_reason_are_told_as_one() -> None:
    def gap(start: int, end: int, reason: str) -> Gap:
        return Gap(START + start * STEP, START + end * STEP, reason)

    sample = Sample(START + 2 * STEP, START + 3 * STEP, Counts(1, 0))
    assert merged([gap(0, 1, "x"), gap(1, 2, "x"), sample, gap(3, 4, "x"), gap(4, 5, "y"), gap(6, 7, "y")]) == (
        gap(0, 2, "x"),
        sample,
        gap(3, 4, "x"),
        gap(4, 5, "y"),
        gap(6, 7, "y"),
    )
