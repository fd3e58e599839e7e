"""The pages in a real browser: readable for everybody, on every screen, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from support.browser import chromium, served
from support.npm import AXE, package
from support.repositories import START
from support.ticks import HOUR, World, initial, policy_text

from rollout_bot.cli import main

NOW = START + 3 * HOUR
PAGES = ("", "checkout/", "broken/", "sad/", "young/")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A rollout that waits for its owner, one that has regressed, one that waits for time, one without a state."""
    folder = tmp_path_factory.mktemp("site")
    broken = {**initial("broken", text=policy_text("broken")), "rollout-state/broken/state.yaml": "nothing: here\n"}
    sad = policy_text("sad", rollback_on_error="false", links="{Runbook: 'https://wiki.example/sad'}")
    young = policy_text("young").replace("duration: 2h", "duration: 1d")
    files = {**initial(), **broken, **initial("young", text=young)}
    files |= initial("sad", text=sad.replace("metrics.csv", "sad.csv"))
    world = World.made(folder / "service", files)
    world.serve(NOW)
    world.serve(NOW, bad_since=START + HOUR, name="sad.csv")
    world.tick(NOW)
    world.serve(NOW + HOUR)
    world.serve(NOW + HOUR, bad_since=START + HOUR, name="sad.csv")
    arguments = ["--repository", str(world.repository.path), "--now", (NOW + HOUR).isoformat()]
    assert main(["site", "--output", str(folder / "public"), *arguments]) == 0
    with served(folder / "public") as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(reduced_motion="reduce") as made:
        yield made


@pytest.fixture
def page(context: BrowserContext, site: str) -> Iterator[Page]:
    """A page that fails the test for every error, and for every request to somewhere else."""
    made = context.new_page()
    wrong: list[str] = []
    made.on("request", lambda request: None if request.url.startswith(site) else wrong.append(request.url))
    made.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    made.on("pageerror", lambda error: wrong.append(str(error)))
    yield made
    assert wrong == []


def violations(page: Page) -> list[Any]:
    """What axe finds on the page; evaluated from outside, since the page itself allows no foreign script."""
    page.evaluate((package(*AXE) / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_everybody_can_read_it(page: Page, site: str, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for path in PAGES:
        page.goto(site + path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def names(page: Page) -> list[str]:
    return page.locator("table.overview tbody tr:not([hidden]) th").all_inner_texts()


def test_the_overview_shows_first_what_needs_somebody(page: Page, site: str) -> None:
    page.goto(site)
    assert names(page) == ["broken", "checkout", "sad", "young"]
    assert "3 in need of somebody" in page.locator(".lead").inner_text()


def test_the_overview_can_be_filtered(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_label("Filter").fill("regressed canary")
    assert names(page) == ["sad"]
    assert page.get_by_role("status").inner_text() == "1 of 4"
    page.get_by_label("Filter").fill("nothing like this")
    assert names(page) == []


def test_the_overview_is_sorted_by_keyboard(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("button", name="Error rate").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert names(page) == ["sad", "checkout", "young", "broken"]
    assert page.get_by_role("columnheader", name="Error rate").get_attribute("aria-sort") == "descending"


def test_every_page_is_reached_by_links(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("link", name="checkout").click()
    assert page.get_by_role("heading", level=1).inner_text() == "checkout canary 10\N{NO-BREAK SPACE}%"
    assert "#1 has waited for the approval of a code owner" in page.locator("header").inner_text()
    page.get_by_role("link", name="Rollouts").click()
    assert page.url == site


def test_the_picture_has_a_twin_in_words(page: Page, site: str) -> None:
    page.goto(site + "sad/")
    assert page.get_by_role("img", name="Error rate of sad in this stage").is_visible()
    page.get_by_text("The same as a table").click()
    rows = page.get_by_role("region", name="Error rate as a table").get_by_role("row")
    assert rows.count() == 1 + 4 * 4
    assert "200 of 1,000" in rows.nth(1).inner_text()


def test_a_countdown_counts(page: Page, site: str) -> None:
    """The stage began at `START` and asks for a day; the pages were written at four hours."""
    page.clock.install(time=START + 5 * HOUR - timedelta(seconds=30))
    page.goto(site + "young/")
    left, age = page.locator("[data-until]"), page.locator("[data-ago]")
    assert (left.inner_text(), age.inner_text()) == ("in 19 h", "59 min ago")
    page.clock.set_fixed_time(START + 30 * HOUR)
    page.clock.run_for(31_000)
    assert (left.inner_text(), age.inner_text()) == ("due: the next tick looks again", "1 d 2 h ago")


def test_a_broken_rollout_says_what_is_wrong_and_what_is_known(page: Page, site: str) -> None:
    page.goto(site + "broken/")
    assert "cannot be evaluated" in page.locator("header").inner_text()
    assert "state.yaml:1:1: nothing" in page.locator(".alert").inner_text()


def test_links_of_the_policy_are_shown(page: Page, site: str) -> None:
    page.goto(site + "sad/")
    assert page.get_by_role("link", name="Runbook").get_attribute("href") == "https://wiki.example/sad"


def test_it_says_everything_without_scripts(browser: Browser, site: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        assert names(page) == ["broken", "checkout", "sad", "young"]
        assert not page.get_by_label("Filter").is_visible()
