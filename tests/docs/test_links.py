"""Links between pages lead to files that there are, and their anchors to headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support.stories import ROOT, pages, tokens


def targets(path: Path) -> Iterator[str]:
    for token in tokens(path):
        for child in token.children or ():
            target = child.attrGet("href") or child.attrGet("src")
            if isinstance(target, str):
                yield target


@cache
def anchors(path: Path) -> set[str]:
    """As GitHub makes them: lower case, no punctuation, dashes for spaces, a number for those that come again."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for before, token in zip(tokens(path), tokens(path)[1:], strict=False):
        if before.type != "heading_open":
            continue
        text = "".join(child.content for child in token.children or () if child.type in {"text", "code_inline"})
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: str) -> None:
    for target in targets(ROOT / page):
        if re.match(r"[a-z]+:", target):
            assert target.startswith(("https://", "mailto:")), target
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    for page in pages():
        if page.startswith("docs/") and not page.startswith("docs/decisions/") and page != "docs/README.md":
            assert f"]({page.removeprefix('docs/')})" in index, page


def test_every_decision_is_in_the_table() -> None:
    table = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs/decisions").glob("[0-9]*.md")):
        assert re.search(rf"^\| \[{path.name[:4]}\]\({path.name}\) \|", table, re.MULTILINE), path.name
