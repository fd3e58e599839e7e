"""Cut off after any single request, the next tick on GitHub ends where an undisturbed one would have."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.github.faults import (
    EXPIRED,
    FORBIDDEN,
    HTML,
    PRIMARY,
    RATE_LIMITED,
    SECONDARY,
    UNICORN,
    Answer,
    graphql_error,
)
from support.hosted import Site
from support.ticks import HOUR, initial, policy_text

from rollout_bot.forge.interface import ForgeError

Scene = Callable[[Site], None]


def asks_an_owner(site: Site) -> None:
    """An advance that needs an approval: branch, commit, pull request, reviews, labels, status."""
    site.github.wait(3 * HOUR)
    site.serve()


def advances(site: Site) -> None:
    """From half on, an advance that the bot merges by itself."""
    site.github.wait(3 * HOUR)
    site.serve()


def rolls_back(site: Site) -> None:
    """A rollback that supersedes an open promotion: that one is commented on, closed, its branch deleted."""
    site.github.wait(3 * HOUR)
    site.healthy()
    bad = site.now
    site.github.wait(HOUR)
    site.serve(bad_since=bad)


OPTIONS: dict[Scene, dict[str, object]] = {
    asks_an_owner: {"files": initial(text=policy_text(reviewers=["@bob"]))},
    advances: {"files": initial(stage="half")},
}
SCENES = {"asks": asks_an_owner, "advances": advances, "rolls back": rolls_back}


def _run(site: Site, times: int = 1) -> None:
    for _ in range(times):
        try:
            site.tick()
        except ForgeError as error:
            told = str(error)
            assert told
            assert site.token not in told


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest) -> Scene:
    return SCENES[request.param]


def _scenes(make_site: Callable[..., Site], scene: Scene) -> Iterator[Site]:
    """The same site again and again, each ready for the tick under test."""
    while True:
        site = make_site(**OPTIONS.get(scene, {}))
        scene(site)
        yield site


@pytest.mark.parametrize("after", [True, False], ids=["answer lost", "never arrived"])
def test_every_cut_ends_alike(make_site: Callable[..., Site], scene: Scene, after: bool) -> None:
    sites = _scenes(make_site, scene)
    site = next(sites)
    before = len(site.github.log)
    _run(site, 3)
    expected = site.end()
    writes = sum(entry.write for entry in site.github.log[before:])
    assert writes >= 3
    for nth in range(1, writes + 1):
        site = next(sites)
        # The connection breaks once; a client that asks again gets its answer.
        site.github.fail(None, "write", nth=nth, after=after)
        _run(site)
        site.github.heal()
        _run(site, 3)
        assert site.end() == expected, f"write {nth} of {writes}"


def test_killed_after_any_write_ends_alike(make_site: Callable[..., Site], scene: Scene) -> None:
    sites = _scenes(make_site, scene)
    site = next(sites)
    before = len(site.github.log)
    _run(site, 3)
    expected = site.end()
    positions = [at for at, entry in enumerate(site.github.log[before:], start=1) if entry.write]
    for position in positions:
        site = next(sites)
        # The deed of this request is done, and nothing is heard from GitHub afterwards: as good as killed.
        site.github.fail(None, nth=position, after=True)
        site.github.fail(None, nth=position + 1, times=1000)
        _run(site)
        site.github.heal()
        _run(site, 3)
        assert site.end() == expected, f"killed after request {position}"


@pytest.mark.parametrize(
    "answer",
    [
        EXPIRED,
        FORBIDDEN,
        SECONDARY,
        PRIMARY,
        RATE_LIMITED,
        UNICORN,
        HTML,
        graphql_error("Something went wrong while executing your query."),
        Answer(200, b""),
        Answer(200, b"[]"),
        Answer(200, b'{"data": null}'),
        Answer(500, b"{"),
    ],
    ids=lambda answer: f"{answer.status} {answer.body[:40]!r}",
)
@pytest.mark.parametrize("on", ["query", "mutation", "POST", "PUT"])
def test_trouble_on_the_way_is_told_and_leaves_no_trace(
    make_site: Callable[..., Site], answer: Answer, on: str
) -> None:
    site = make_site(files=initial(stage="half"))
    site.github.wait(3 * HOUR)
    site.serve()
    site.github.fail(answer, on, times=1000)
    _run(site)
    assert site.state().stage == "half"
    assert sum(site.pauses) <= 60
    site.github.heal()
    _run(site)
    assert site.state().stage == "most"


def test_a_token_that_expires_on_the_way_is_told(site: Site) -> None:
    site.github.wait(3 * HOUR)
    site.serve()
    site.github.fail(EXPIRED, "write", times=1000)
    errors = " ".join(step.error or "" for step in site.one().steps)
    assert "token" in errors


def test_a_slow_answer_is_waited_for(site: Site) -> None:
    site.github.wait(3 * HOUR)
    site.serve()
    site.github.delay(0.05)
    site.tick()
    assert len(site.github.open_pulls()) == 1
