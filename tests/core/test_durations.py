"""Durations: four units, whole numbers, nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("24h", timedelta(hours=24)),
        ("2d", timedelta(days=2)),
        ("0h", timedelta(0)),
        ("3650d", LONGEST),
    ],
)
def test_reads_a_whole_number_and_one_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", "15", "m", "-1m", "+1m", "1.5h", "1h30m", "15 m", "15M", "1w", "15m\n", "١٥m", "1_0s", "1e3s", "9" * 99],
)
def test_names_what_is_allowed_for_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: a whole number with s, m, h or d"):
        parse_duration(text)


def test_is_bounded() -> None:
    with pytest.raises(ValueError, match="at most 3650d"):
        parse_duration("3651d")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=15), "15m"),
        (timedelta(hours=24), "24h"),
        (timedelta(days=2), "2d"),
        (timedelta(0), "0s"),
    ],
)
def test_writes_the_largest_unit_that_fits(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), timedelta(seconds=0.5)])
def test_refuses_what_it_cannot_write(duration: timedelta) -> None:
    with pytest.raises(ValueError, match="whole seconds, not negative"):
        format_duration(duration)


@given(st.integers(min_value=0, max_value=int(LONGEST.total_seconds())))
def test_writing_and_reading_are_inverse(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration
