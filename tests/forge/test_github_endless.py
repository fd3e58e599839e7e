"""Lists of GitHub that say without end that there is more: the bot stops asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from rollout_bot.forge.github.asking import PAGES, Asker, Place
from rollout_bot.forge.github.errors import Unanswered
from rollout_bot.forge.github.transport import Transport

CURSORS: dict[str, Callable[[int], Any]] = {
    "the same again": lambda _: "again",
    "in a circle": lambda count: f"c{count % 3}",
    "ever new": lambda count: f"c{count}",
    "none": lambda _: None,
    "empty": lambda _: "",
    "a number": lambda count: count,
}
LISTS: dict[str, Callable[[Asker, Any], object]] = {
    "open": lambda asker, page: asker.opened(page, "main"),
    "closed": lambda asker, page: asker.closed(page, "main"),
    "files": lambda asker, page: asker.paths([{"number": 1, "files": page, "changedFiles": 1}]),
    "history": lambda asker, _: asker.learn("main", ["rollout-state/checkout/state.yaml"], (), ()),
}


class Endless:
    """Answers every question with one more empty page."""

    def __init__(self, cursor: Callable[[int], Any]) -> None:
        self.asked = 0
        self._cursor = cursor

    def page(self) -> dict[str, Any]:
        return {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": self._cursor(self.asked)}}

    def query(self, *_: object, **__: object) -> dict[str, Any]:
        self.asked += 1
        assert self.asked < 2 * PAGES
        page = self.page()
        return {"search": page, "repository": {"open": page, "a0": {"files": page, "history": page}}}


@pytest.mark.parametrize("cursor", CURSORS)
@pytest.mark.parametrize("part", LISTS)
def test_pages_end(part: str, cursor: str) -> None:
    endless = Endless(CURSORS[cursor])
    asker = Asker(cast("Transport", endless), Place("acme", "shop", "main"))
    with pytest.raises(Unanswered, match="do not end"):
        LISTS[part](asker, endless.page())
    assert endless.asked <= PAGES + 1
