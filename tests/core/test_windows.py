"""Promotion windows by the clock on the wall, whatever is done to that clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout_bot.core.model.windows import HORIZON, Dates, Hours, Window

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def window(*spans: str, zone: str = "Europe/Berlin", days: str = "0123456", exclude: tuple[str, ...] = ()) -> Window:
    hours = tuple(Hours(*map(time.fromisoformat, span.split("-"))) for span in spans)
    closed = tuple(Dates(*(date.fromisoformat(each) for each in (span, span)[:2])) for span in exclude)
    return Window(zone, ZoneInfo(zone), frozenset(map(int, days)), hours, closed)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = window("09:00-12:00", "13:00-17:00", days="0123", exclude=("2026-12-24",))


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-10 08:00", "2026-03-10 08:00"),  # a Tuesday at nine
        ("2026-03-10 10:59:59", "2026-03-10 10:59:59"),
        ("2026-03-10 11:00", "2026-03-10 12:00"),  # the break
        ("2026-03-10 16:00", "2026-03-11 08:00"),
        ("2026-03-12 16:00", "2026-03-16 08:00"),  # Thursday evening
        ("2026-07-06 06:59", "2026-07-06 07:00"),  # summer
        ("2026-12-23 16:00", "2026-12-28 08:00"),  # over Christmas Eve, a Thursday
    ],
)
def test_it_opens_on_its_days_at_its_hours(moment: str, opens: str) -> None:
    assert OFFICE.opens_at(utc(moment)) == utc(opens)
    assert OFFICE.is_open(utc(moment)) is (moment == opens)


@pytest.mark.parametrize(
    ("span", "moment", "opens"),
    [
        # In the night to 29 March there is no time from 2:00 to 3:00.
        ("02:15-02:45", "2026-03-28 12:00", "2026-03-30 00:15"),
        ("02:30-05:00", "2026-03-28 12:00", "2026-03-29 01:00"),
        ("01:00-02:30", "2026-03-29 00:59:59", "2026-03-29 00:59:59"),
        ("01:00-02:30", "2026-03-29 01:00", "2026-03-29 23:00"),
        ("22:00-02:30", "2026-03-29 01:00", "2026-03-29 20:00"),
        # In the night to 25 October the clock shows it twice.
        ("02:15-02:45", "2026-10-24 12:00", "2026-10-25 00:15"),
        ("02:15-02:45", "2026-10-25 00:45", "2026-10-25 01:15"),
        ("02:15-02:45", "2026-10-25 01:45", "2026-10-26 01:15"),
        ("01:00-02:30", "2026-10-25 00:30", "2026-10-25 01:00"),
        ("02:45-03:30", "2026-10-25 01:00", "2026-10-25 01:45"),
    ],
)
def test_clock_changes(span: str, moment: str, opens: str) -> None:
    assert window(span).opens_at(utc(moment)) == utc(opens)


def test_a_change_at_midnight_takes_its_first_hour_from_a_day() -> None:
    assert window("00:15-00:45", zone="Africa/Cairo").opens_at(utc("2026-04-23 12:00")) == utc("2026-04-24 21:15")
    assert window("00:15-04:00", zone="Africa/Cairo").opens_at(utc("2026-04-23 12:00")) == utc("2026-04-23 22:00")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-13 21:00", True),  # Friday, 22:00
        ("2026-03-14 00:59", True),  # Saturday, 1:59: still the night that began on Friday
        ("2026-03-14 01:00", False),
        ("2026-03-14 21:00", False),  # Saturday, 22:00
        ("2026-03-13 00:30", False),  # the night that began on Thursday
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    assert window("22:00-02:00", days="4").is_open(utc(moment)) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-12-23 22:59", True),
        ("2026-12-23 23:00", False),  # midnight: the excluded date begins
        ("2026-12-24 21:00", False),
        ("2026-12-25 00:30", False),  # the night that began on it
        ("2026-12-25 21:00", True),
    ],
)
def test_an_excluded_date_excludes_its_night(moment: str, inside: bool) -> None:
    assert window("22:00-02:00", exclude=("2026-12-24",)).is_open(utc(moment)) is inside


def test_midnight_ends_a_day_and_hours_left_out_are_all_of_it() -> None:
    evening = window("18:00-00:00", zone="UTC", days="0")
    assert evening.is_open(utc("2026-03-09 23:59:59"))
    assert not evening.is_open(utc("2026-03-10 00:00"))
    assert Window("UTC", UTC, frozenset({6})).opens_at(utc("2026-03-09 12:00")) == utc("2026-03-15 00:00")


def test_what_is_excluded_for_a_year_does_not_open() -> None:
    closed = (Dates(date(2026, 3, 1), date(2027, 3, 12)),)
    never = Window("Europe/Berlin", ZoneInfo("Europe/Berlin"), exclude=closed)
    assert never.opens_at(utc("2026-03-10 12:00")) is None
    assert never.opens_at(utc("2026-03-13 12:00")) == utc("2027-03-12 23:00")


ZONES = st.sampled_from(
    [
        "Europe/Berlin",
        "America/New_York",
        "Africa/Cairo",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "UTC",
    ]
)
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
SPANS = st.builds(Hours, TIMES, TIMES).filter(lambda each: each.start != each.end)
CHANGES = [utc("2026-03-29 01:00"), utc("2026-10-25 01:00"), utc("2026-04-23 22:00"), utc("2026-04-04 15:00")]
MOMENTS = st.builds(
    lambda near, minutes: near + minutes * MINUTE, st.sampled_from(CHANGES), st.integers(-3 * 1440, 2 * 1440)
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    zone = draw(ZONES)
    near = draw(st.sampled_from(CHANGES)).date()
    excluded = draw(st.lists(st.integers(-4, 4), max_size=2))
    return Window(
        zone,
        ZoneInfo(zone),
        frozenset(draw(st.sets(st.integers(0, 6), min_size=1))),
        tuple(draw(st.lists(SPANS, min_size=1, max_size=3))),
        tuple(Dates(near + each * DAY, near + each * DAY) for each in excluded),
    )


@settings(max_examples=150, deadline=None)
@given(windows(), MOMENTS)
def test_until_is_inside_and_nothing_before_it_is(found: Window, moment: datetime) -> None:
    opens = found.opens_at(moment)
    assert opens is not None
    assert moment <= opens <= moment + HORIZON
    assert found.is_open(opens)
    assert opens == moment or not found.is_open(opens - timedelta(microseconds=1))
    # All spans and changes of the clock are at whole minutes.
    at = max(moment, opens - 2 * DAY)
    while at < opens:
        assert not found.is_open(at)
        at += MINUTE


@settings(max_examples=150, deadline=None)
@given(windows(), MOMENTS)
def test_inside_is_what_the_clock_on_the_wall_says(found: Window, moment: datetime) -> None:
    """The same in other words: every minute that the window holds, written down and looked up."""
    local = moment.astimezone(found.clock)
    closed = {each.first for each in found.exclude}

    def held(day: date, minute: int) -> bool:
        begins = [
            (each.start.hour * 60 + each.start.minute, each.end.hour * 60 + each.end.minute) for each in found.hours
        ]
        lengths = [(start, (end - start) % 1440) for start, end in begins]
        return day.weekday() in found.days and day not in closed and any(s <= minute < s + n for s, n in lengths)

    minute = local.hour * 60 + local.minute
    today = held(local.date(), minute)
    night = held(local.date() - DAY, minute + 1440) and local.date() not in closed
    assert found.is_open(moment) is (today or night)
