"""A long past, in pieces: every interval once, what is over kept on disk, and nothing secret with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.past import Past
from rollout_bot.metrics.recording import Recording
from rollout_bot.metrics.store import Store, cache_folder, fingerprint
from rollout_bot.tick.evaluation import measure

QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Shifted(Source):
    """Every interval there is, on a grid of its own; `asked` remembers the windows."""

    schema: ClassVar[Mapping[str, object]] = {}

    def __init__(self, shift: timedelta = timedelta(0)) -> None:
        self.shift = shift
        self.asked: list[Window] = []
        self.failing: set[datetime] = set()
        self.delay = timedelta(minutes=1)

    def samples(self, window: Window) -> Measurement | Unmeasured:
        self.asked.append(window)
        if window.start + window.interval in self.failing:
            return Unmeasured("HTTP 500")
        return Measurement(tuple(self._intervals(window)), ("a note",), with_baseline=True)

    def _intervals(self, window: Window) -> Iterator[Sample | Gap]:
        start = window.start + self.shift
        while start + window.interval + self.delay <= window.end:
            whole = start.hour == 3
            yield (
                Gap(start, start + window.interval, "down", Counts(9.0, 1.0))
                if whole
                else Sample(start, start + window.interval, Counts(float(start.day), 0.0), Counts(1.0, 1.0))
            )
            start += window.interval


def read(source: Source, days: int = 3, now: datetime = NOON + 9 * DAY, store: Store | None = None) -> Measurement:
    found = Past(source, measure, QUARTER, now, store).read(NOON, NOON + days * DAY)
    assert isinstance(found, Measurement)
    return found


@pytest.mark.parametrize("shift", [0, 7])
def test_every_interval_is_there_once_whatever_grid_the_source_has(shift: int) -> None:
    source = Shifted(timedelta(minutes=shift))
    found = read(source)
    assert all(later.start == earlier.end for earlier, later in zip(found.intervals, found.intervals[1:], strict=False))
    assert found.intervals[0].start <= NOON
    assert found.intervals[-1].end >= NOON + 3 * DAY - QUARTER
    assert found.notes == ("a note",)
    assert found.with_baseline
    assert {window.start.time() for window in source.asked} == {(NOON - 12.25 * timedelta(hours=1)).time()}
    assert all(window.end - window.start <= DAY + 2 * QUARTER for window in source.asked)


def test_what_has_not_come_yet_is_not_asked_for() -> None:
    source = Shifted()
    now = NOON + DAY + timedelta(minutes=1)
    assert read(source, now=now).intervals[-1].end == NOON + DAY
    assert max(window.end for window in source.asked) == now


def test_an_interval_that_does_not_divide_a_day_is_cut_all_the_same() -> None:
    source = Shifted()
    found = Past(source, measure, timedelta(minutes=7), NOON + 9 * DAY).read(NOON, NOON + DAY)
    assert isinstance(found, Measurement)
    assert {entry.end - entry.start for entry in found.intervals if isinstance(entry, Sample)} == {timedelta(minutes=7)}


def test_a_piece_that_cannot_be_read_is_a_gap_and_none_at_all_no_measurement() -> None:
    source = Shifted()
    midnight = NOON.replace(hour=0)
    source.failing = {midnight + DAY}
    gaps = [each for each in read(source).intervals if isinstance(each, Gap) and each.reason == "HTTP 500"]
    assert gaps == [Gap(midnight + DAY, midnight + 2 * DAY, "HTTP 500")]
    source.failing = {midnight + n * DAY for n in range(9)}
    found = Past(source, measure, QUARTER, NOON + 9 * DAY).read(NOON, NOON + DAY)
    assert found == Unmeasured("HTTP 500")
    assert Past(source, measure, QUARTER, NOON).read(midnight, midnight) == Measurement(())


def test_what_is_over_is_asked_for_once(tmp_path: Path) -> None:
    source, store = Shifted(), Store(tmp_path / "kept")
    first = read(source, store=store)
    assert read(source, store=store) == first
    assert len(source.asked) == 4
    # The newest piece may still change, so it is asked for again.
    now = NOON + 2 * DAY + timedelta(hours=12, minutes=30)
    fresh = Shifted()
    read(fresh, store=Store(tmp_path / "fresh"), now=now)
    read(fresh, store=Store(tmp_path / "fresh"), now=now)
    assert len(fresh.asked) == 4 + 2


def test_a_piece_that_failed_is_asked_for_again(tmp_path: Path) -> None:
    source, store = Shifted(), Store(tmp_path)
    source.failing = {NOON.replace(hour=0)}
    read(source, store=store)
    source.failing = set()
    assert not [each for each in read(source, store=store).intervals if getattr(each, "reason", "") == "HTTP 500"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"[]",
        *(
            b'{"notes": [], "with_baseline": false, "intervals": [%s]}' % entry
            for entry in (
                b'[1, 2, "x"]',
                b'["2026-03-02T00:00:00+00:00", "2026-03-02T00:15:00+00:00", [NaN, 0]]',
                b'["2026-03-02T00:15:00+00:00", "2026-03-02T00:00:00+00:00", "x"]',
                b'["2026-03-02T00:15:00+00:00"]',
            )
        ),
        b"[" * 100_000,
    ],
)
def test_what_is_corrupt_is_read_anew_and_written_anew(tmp_path: Path, content: bytes) -> None:
    source, store = Shifted(), Store(tmp_path)
    first = read(source, store=store)
    victim = min(tmp_path.iterdir())
    victim.write_bytes(content)
    assert read(source, store=store) == first
    assert len(source.asked) == 5
    json.loads(victim.read_bytes())
    assert read(source, store=store) == first
    assert len(source.asked) == 5


def test_a_folder_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert read(Shifted(), store=Store(tmp_path / "file" / "below"))


def test_no_secret_tells_histories_apart_and_every_address_does() -> None:
    written = {"address": "${URL}", "bearer": "${TOKEN}", "total": "a"}

    def name(address: str, bearer: str = "one", **more: object) -> str:
        expanded = {**written, "address": address, "bearer": bearer}
        return fingerprint("prometheus", {**written, **more}, expanded, QUARTER)

    same = {name("https://u:p@host/x?key=1"), name("https://host/x", "another"), name("https://v:q@host/x?key=2")}
    assert len(same) == 1
    others = {name("https://other/x"), name("https://host/y"), name("https://host/x", total="b"), name("https://[")}
    assert len(same | others) == 5


def test_the_cache_lies_where_caches_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder({"XDG_CACHE_HOME": "/var/c"}) == Path("/var/c/rollout-bot")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == Path("/home/ada/.cache/rollout-bot") == cache_folder({})


def test_a_recording_is_read_whole_and_knows_its_span(tmp_path: Path) -> None:
    table = "time,total,failed\n2026-03-02T00:20:00Z,5,0\n2026-03-02T01:20:00Z,5,0\n"
    (tmp_path / "r.csv").write_text(table)
    source = Recording({"path": "r.csv"}, Surroundings(tmp_path))
    start, end = NOON.replace(hour=0, minute=5), NOON.replace(hour=1, minute=20)
    assert source.extent(QUARTER) == (start, end)
    found = Past(source, measure, QUARTER, NOON).read(start, end)
    assert isinstance(found, Measurement)
    # The hole between the rows is left for the analysis to find, once the second row is there.
    assert [type(each) for each in found.intervals] == [Sample, Sample]
    counters = "# TYPE a counter\na_total 1 1772409600\na_total 3 1772413200\n# EOF\n"
    (tmp_path / "r.om").write_text(counters)
    settings = {"path": "r.om", "total": "a_total", "failed": "b_total"}
    extent = Recording(settings, Surroundings(tmp_path)).extent(QUARTER)
    assert extent == (NOON.replace(hour=0), NOON.replace(hour=1))
    (tmp_path / "empty.csv").write_text("time,total,failed\n")
    assert Recording({"path": "empty.csv"}, Surroundings(tmp_path)).extent(QUARTER) is None
    missing = Recording({"path": "none.csv"}, Surroundings(tmp_path))
    assert missing.extent(QUARTER) is None
    assert isinstance(Past(missing, measure, QUARTER, NOON).read(start, end), Unmeasured)


def test_other_sources_remember_as_long_as_they_do() -> None:
    assert Shifted().extent(QUARTER) is None
