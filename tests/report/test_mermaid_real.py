"""The charts in pull requests, drawn by Mermaid itself as GitHub does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page
from support.browser import mermaid
from support.rollouts import NOW

from rollout_bot.core.analysis.trace import Point
from rollout_bot.core.verdict import Rate
from rollout_bot.report.mermaid import MOST, rate_chart

GOLDEN = Path(__file__).parent / "golden"
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with mermaid() as made:
        yield made


def draw(page: Page, text: str) -> str:
    """The picture of the only chart in a text."""
    (source,) = re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)
    picture: str = page.evaluate("async (text) => (await mermaid.render('chart', text)).svg", source)
    return picture


def points(*rates: float | None) -> list[Point]:
    return [
        Point(NOW + at * HOUR, NOW + (at + 1) * HOUR, None if rate is None else Rate(100, 100 * rate), None, 0.0, 0.9)
        for at, rate in enumerate(rates)
    ]


def bars(picture: str) -> int:
    return len(re.findall(r"<rect", re.findall(r'<g class="bar-plot-0">(.*?)</g>', picture, re.DOTALL)[0]))


@pytest.mark.parametrize("name", ["pull-advance-with-chart.md", "pull-rollback-with-chart.md"])
def test_mermaid_draws_what_a_pull_request_holds(page: Page, name: str) -> None:
    text = (GOLDEN / name).read_text("utf-8")
    picture = draw(page, text)
    assert "Syntax error" not in picture
    assert bars(picture) == len(re.findall(r'"\d\d(?: \d\dh|:\d\d)"', text))


@pytest.mark.parametrize(
    "rates", [(0.0, 0.0), (1.0, 1.0), (1e-7, 0.5), (1e-9, 1e-9), (0.001,) * 96, (None, 0.1, None, 0.2)]
)
def test_mermaid_draws_whatever_was_measured(page: Page, rates: tuple[float | None, ...]) -> None:
    picture = draw(page, rate_chart(points(*rates), 0.005))
    assert 2 <= bars(picture) <= MOST


def test_less_than_two_spans_are_no_picture() -> None:
    assert rate_chart(points(), 0.005) == ""
    assert rate_chart(points(None, 0.1), 0.005) == ""


def test_a_hole_is_named_and_not_drawn_as_zero(page: Page) -> None:
    text = rate_chart(points(0.1, None, 0.2), 0.005)
    assert bars(draw(page, text)) == 2
    assert "1 of 3 spans were not measured" in text
    assert "| not measured | – |" in text
