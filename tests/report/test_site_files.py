"""The files of the site as texts: complete, harmless, and the same for programs as for people."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from support.evidence import QUARTER
from support.rollouts import CANARY, HALF, HOUR, NOW, asks, policy, situation, standing, state, up

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.decision.decision import decide
from rollout_bot.core.links import Links
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.state import Change, ChangeKind
from rollout_bot.core.record import RolloutRecord, TickRecord
from rollout_bot.core.verdict import Outcome, Rate, Verdict
from rollout_bot.report.documents import status_document
from rollout_bot.report.site import site_files
from rollout_bot.report.site.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, chart

HOSTILE = "<script>alert(1)</script> \"'&]]>"
ATOM = "{http://www.w3.org/2005/Atom}"


def points(*rates: float | None) -> tuple[Point, ...]:
    """Quarter hours of 1,000 requests up to `NOW`; None is a hole."""
    found = []
    for index, rate in enumerate(rates, start=-len(rates)):
        here = None if rate is None else Rate(1000.0, 1000.0 * rate)
        found.append(Point(NOW + index * QUARTER, NOW + (index + 1) * QUARTER, here, None, 0.0, rate))
    return tuple(found)


def files(text: str = "because", links: Links | None = None) -> dict[str, str]:
    """The site of one rollout whose history and verdict say `text`."""
    committed = up(state(), HALF)
    committed = replace(committed, change=Change(ChangeKind.ADVANCE, "canary", text, text, NOW))
    there = situation(
        verdict=Verdict(Outcome.INCONCLUSIVE, (text,), 0.005, Rate(1000.0, 1.0), notes=(text,)),
        where=standing(committed),
        rules=replace(policy(), links={text: "https://wiki.example/?a=1&b=2"}),
        trace=points(0.001, None, 0.002),
    )
    record = RolloutRecord("checkout", there, decide(there), problems=(text,))
    changes = {
        "checkout": (Transition(committed, NOW, "c" * 40, 7, (text,)), Transition(state(), NOW - HOUR, "d" * 40))
    }
    return dict(site_files(TickRecord(NOW, 1, (record,)), changes, links or Links()))


def test_the_status_is_where_the_specification_has_it() -> None:
    there = situation()
    made = dict(site_files(TickRecord(NOW, 1, (RolloutRecord("checkout", there, decide(there)),)), {}, Links()))
    status = json.loads(made["api/checkout/rollout/status"])
    assert status == status_document(there)
    assert status["current_stage"]["percentage"] == 10
    assert json.loads(made["api/rollouts.json"]) == [status]


@pytest.mark.parametrize("name", ["index.html", "checkout/index.html", "checkout/badge.svg", "feed.atom"])
def test_text_from_outside_stays_text(name: str) -> None:
    found = files(HOSTILE)[name]
    assert "<script>alert" not in found
    if not name.endswith(".html"):
        ET.fromstring(found)  # noqa: S314 - our own


def test_nothing_comes_from_elsewhere() -> None:
    made = files()
    for name, text in made.items():
        loaded = re.findall(r'(?:src=|<link rel="(?:stylesheet|icon)" href=|url\()"?([^") ]+)', text)
        assert not [each for each in loaded if re.match(r"[a-z]+:|//", each)], name


def test_every_link_within_the_site_leads_somewhere() -> None:
    made = files()
    for name, text in made.items():
        folder = name.rpartition("/")[0]
        for link in re.findall(r'(?:href|src)="([^"#]+)"', text) if name.endswith(".html") else ():
            if "://" in link:
                continue
            path = "/".join([*([folder] if folder and not link.startswith("../") else []), link.removeprefix("../")])
            assert (path + "index.html" if path in ("", "checkout/") else path) in made, (name, link)


def test_a_change_links_to_its_pull_request() -> None:
    page = files(links=Links("https://github.com/acme/shop"))["checkout/index.html"]
    assert '<a href="https://github.com/acme/shop/pull/7">#7</a>' in page
    assert "#7</p>" in files()["checkout/index.html"]


def test_the_feed_tells_each_change_once_with_lasting_identifiers() -> None:
    root = ET.fromstring(files(links=Links("https://github.com/acme/shop"))["feed.atom"])  # noqa: S314 - our own
    entries = root.findall(f"{ATOM}entry")
    assert [each.findtext(f"{ATOM}title") for each in entries] == [
        "checkout: canary → half 50 %",
        "checkout: begins at canary 10 %",
    ]
    assert [each.find(f"{ATOM}link").get("href") for each in entries] == [  # type: ignore[union-attr]
        "https://github.com/acme/shop/pull/7",
        f"https://github.com/acme/shop/commit/{'d' * 40}",
    ]
    assert len({each.findtext(f"{ATOM}id") for each in entries}) == 2
    assert root.findtext(f"{ATOM}updated") == "2026-03-10T12:00:00Z"


def test_a_rollout_that_cannot_be_evaluated_has_a_page_and_no_status() -> None:
    record = TickRecord(NOW, 1, (RolloutRecord("checkout", problems=("state.yaml is missing",)),))
    made = dict(site_files(record, {}, Links()))
    assert "state.yaml is missing" in made["checkout/index.html"]
    assert "unknown" in made["checkout/badge.svg"]
    assert "api/checkout/rollout/status" not in made


def test_what_is_asked_for_by_hand_is_told_as_such() -> None:
    there = situation()
    record = RolloutRecord("checkout", there, decide(there, asks(ChangeKind.HOLD)))
    assert "a human asks" in dict(site_files(TickRecord(NOW, 1, (record,)), {}, Links()))["checkout/index.html"]


def numbers(path: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", path)]


@pytest.mark.parametrize("rates", [(0.001, 0.9), (0.0,), (1.0, None, 0.5), (0.0001,) * 96])
def test_a_chart_stays_in_its_frame(rates: tuple[float | None, ...]) -> None:
    made = chart(points(*rates), 0.005)
    assert made is not None
    for path in (made.rate, made.band):
        assert all(0 <= each <= WIDTH for each in numbers(path))
    assert TOP <= made.limit <= HEIGHT - BOTTOM
    assert len(made.holes) == rates.count(None)
    assert all(LEFT <= mark.at <= WIDTH - RIGHT for mark in made.times)


def test_higher_is_worse_and_a_hole_breaks_the_line() -> None:
    made = chart(points(0.001, None, 0.004), 0.005)
    assert made is not None
    first, second = re.findall(r"M[\d.]+ ([\d.]+)H", made.rate)
    assert float(first) > float(second) > made.limit


def test_without_requests_there_is_nothing_to_draw() -> None:
    assert chart((), 0.005) is None
    assert chart(points(None, None), 0.005) is None


def test_a_stage_below_the_limit_is_at_most_twice_as_high_as_the_limit() -> None:
    """So that small rates remain visible, whatever the limit is."""
    for limit in (CANARY.max_error_rate, 1e-5, 0.9):
        made = chart(points(limit / 10), limit)
        assert made is not None
        assert (HEIGHT - BOTTOM - made.limit) / (HEIGHT - BOTTOM - TOP) >= 0.4
