"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.wording import amount, count, duration, moment, percent, points


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0 %"),
        (0.005, "0.5 %"),
        (0.00125, "0.125 %"),
        (0.0062097, "0.621 %"),
        (0.0123, "1.23 %"),
        (0.5, "50 %"),
        (0.1234, "12.3 %"),
        (1.0, "100 %"),
        (0.00001, "0.001 %"),
        (1e-9, "under 0.0001 %"),
        (-0.001, "-0.1 %"),
    ],
)
def test_percent_keeps_three_significant_digits(fraction: float, text: str) -> None:
    assert percent(fraction) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.007, "0.7 points"),
        (0.01, "1 point"),
        (-0.0001, "−0.01 points"),
        (0.0, "0 points"),
        (1e-9, "under 0.0001 points"),
    ],
)
def test_points_are_of_a_per_cent(fraction: float, text: str) -> None:
    assert points(fraction) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (0.01, "under 0.1"),
        (0.06, "0.1"),
        (3.0, "3"),
        (3.25, "3.2"),
        (99.96, "100"),
        (100.4, "100"),
        (12400.0, "12,400"),
        (1e12, "1,000,000,000,000"),
    ],
)
def test_count_groups_thousands(number: float, text: str) -> None:
    assert count(number) == text


def test_amount_agrees_with_its_noun() -> None:
    assert amount(1, "failure") == "1 failure"
    assert amount(0, "failure") == "0 failures"
    assert amount(1234, "try", "tries") == "1,234 tries"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0 s"),
        (timedelta(milliseconds=500), "0 s"),
        (timedelta(milliseconds=-500), "0 s"),
        (timedelta(seconds=90), "1 min 30 s"),
        (timedelta(minutes=45), "45 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=1, seconds=5), "1 h"),
        (timedelta(hours=26), "1 d 2 h"),
        (timedelta(days=1, minutes=5), "1 d"),
        (timedelta(days=3, hours=1, minutes=59), "3 d 1 h"),
        (-timedelta(minutes=5), "−5 min"),
    ],
)
def test_duration_names_two_units(span: timedelta, text: str) -> None:
    assert duration(span) == text


def test_moment_is_in_utc() -> None:
    assert moment(datetime(2026, 11, 23, 9, 15, 59, tzinfo=UTC)) == "2026-11-23 09:15 UTC"
    assert moment(datetime(2026, 11, 23, 9, 15, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-23 07:15 UTC"


@given(st.floats(min_value=0, max_value=1e12))
def test_every_figure_can_be_read_back(number: float) -> None:
    assert percent(number).endswith(" %")
    read = float(count(number).removeprefix("under ").replace(",", ""))
    assert abs(read - number) <= max(0.5, number * 1e-9)
