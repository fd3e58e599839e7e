"""The window of a policy: what it becomes, and what every mistake in it is called."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from rollout_bot.core.model.windows import Dates, Hours, Window
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile

HEAD = """\
schema_version: 1
rollout: checkout
metrics: {source: recording}
stages: [{name: full, percentage: 100, duration: 0h, max_error_rate: 1%}]
"""
ZONE = "the name of an IANA time zone, such as Europe/Berlin or UTC"
SPAN = "hours of the day such as 09:00-12:00, or 22:00-02:00 past midnight"
DATES = "a date such as 2026-12-24, or the first and the last with a slash: 2026-12-24/2027-01-02"


def read(window: str) -> Window:
    found = read_policy((HEAD + f"window: {window}\n").encode(), "policy.yaml").window
    assert found is not None
    return found


def test_a_whole_window() -> None:
    found = read(
        "{zone: Europe/Berlin, days: [mon, thu, sun], hours: ['09:00-12:00', 22:00-02:00, 18:00-24:00], "
        "exclude: [2026-12-24, 2026-12-24/2027-01-02]}"
    )
    assert (found.zone, str(found.clock), found.days) == ("Europe/Berlin", "Europe/Berlin", {0, 3, 6})
    assert found.hours == (Hours(time(9), time(12)), Hours(time(22), time(2)), Hours(time(18), time(0)))
    day = date(2026, 12, 24)
    assert found.exclude == (Dates(day, day), Dates(day, day + timedelta(days=9)))


def test_what_is_left_out_limits_nothing() -> None:
    assert read("{zone: UTC, days: [mon]}").hours == (Hours(time(0), time(0)),)
    assert read("{zone: UTC, hours: [00:00-24:00]}").days == frozenset(range(7))
    assert read_policy(HEAD.encode(), "policy.yaml").window is None


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("{days: [mon]}", f"5:9: window.zone: found no such key; allowed: {ZONE}. Add zone to window"),
        (
            "{zone: Europe/Berln, days: [mon]}",
            (f"5:16: window.zone: found 'Europe/Berln'; allowed: {ZONE}. Did you mean Europe/Berlin?"),
        ),
        (
            "{zone: berlin, days: [mon]}",
            (f"5:16: window.zone: found 'berlin'; allowed: {ZONE}. Did you mean Europe/Berlin?"),
        ),
        (
            "{zone: new york, days: [mon]}",
            (f"5:16: window.zone: found 'new york'; allowed: {ZONE}. Did you mean America/New_York?"),
        ),
        ("{zone: localtime, days: [mon]}", f"5:16: window.zone: found 'localtime'; allowed: {ZONE}"),
        ("{zone: ../../etc/passwd, days: [mon]}", f"5:16: window.zone: found '../../etc/passwd'; allowed: {ZONE}"),
        ("{zone: 2, days: [mon]}", f"5:16: window.zone: found 2; allowed: {ZONE}"),
        (
            "{zone: UTC}",
            (
                "5:9: window: found the key zone; allowed: a mapping with zone and at least one of days, "
                "hours and exclude"
            ),
        ),
        (
            "{zone: UTC, days: [monday]}",
            ("5:28: window.days[0]: found 'monday'; allowed: mon, tue, wed, thu, fri, sat, sun. Did you mean mon?"),
        ),
        (
            "{zone: UTC, days: mon}",
            ("5:27: window.days: found 'mon'; allowed: a list of mon, tue, wed, thu, fri, sat, sun"),
        ),
        (
            "{zone: UTC, days: []}",
            ("5:27: window.days: found an empty list; allowed: a list of mon, tue, wed, thu, fri, sat, sun"),
        ),
        (
            "{zone: UTC, hours: 09:00-12:00}",
            ("5:28: window.hours: found '09:00-12:00'; allowed: a list of hours such as 09:00-12:00"),
        ),
        (
            "{zone: UTC, hours: [9-17]}",
            (f"5:29: window.hours[0]: found '9-17'; allowed: {SPAN}. Did you mean 09:00-17:00?"),
        ),
        (
            "{zone: UTC, hours: [9:30 - 24]}",
            (f"5:29: window.hours[0]: found '9:30 - 24'; allowed: {SPAN}. Did you mean 09:30-24:00?"),
        ),
        ("{zone: UTC, hours: [09:00-25:00]}", f"5:29: window.hours[0]: found '09:00-25:00'; allowed: {SPAN}"),
        (
            "{zone: UTC, hours: [09:00-09:00]}",
            (f"5:29: window.hours[0]: found '09:00-09:00'; allowed: {SPAN}. For a whole day write 00:00-24:00"),
        ),
        (
            "{zone: UTC, hours: [00:00-00:00]}",
            (f"5:29: window.hours[0]: found '00:00-00:00'; allowed: {SPAN}. For a whole day write 00:00-24:00"),
        ),
        ("{zone: UTC, hours: [9]}", f"5:29: window.hours[0]: found 9; allowed: {SPAN}"),
        ("{zone: UTC, hours: [office]}", f"5:29: window.hours[0]: found 'office'; allowed: {SPAN}"),
        ("{zone: UTC, exclude: [24.12.2026]}", f"5:31: window.exclude[0]: found '24.12.2026'; allowed: {DATES}"),
        (
            "{zone: UTC, exclude: [2026-02-30]}",
            (f"5:31: window.exclude[0]: found '2026-02-30'; allowed: {DATES}. There is no such day"),
        ),
        (
            "{zone: UTC, exclude: [2027-01-02/2026-12-24]}",
            (
                "5:31: window.exclude[0]: found '2027-01-02/2026-12-24'; "
                f"allowed: {DATES}. The earlier one comes first: 2026-12-24/2027-01-02"
            ),
        ),
        (
            "{zone: UTC, exclude: [2026-12-24/2026-12-25/2026-12-26]}",
            (f"5:31: window.exclude[0]: found '2026-12-24/2026-12-25/2026-12-26'; allowed: {DATES}"),
        ),
        (
            "{zone: UTC, exclude: [], holidays: de}",
            ("5:34: window.holidays: found an unknown key; allowed: zone, days, hours, exclude. Did you mean days?"),
        ),
        (
            "always",
            ("5:9: window: found 'always'; allowed: a mapping with zone and at least one of days, hours and exclude"),
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_way_out(window: str, message: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read(window)
    assert [str(each) for each in caught.value.problems] == [f"policy.yaml:{message}"]
