"""The diagrams of the pages, drawn by Mermaid itself as GitHub does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from support.browser import mermaid
from support.stories import ROOT, pages, tokens

DIAGRAMS = [
    (page, token.content)
    for page in pages()
    for token in tokens(ROOT / page)
    if token.type == "fence" and token.info == "mermaid"
]


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with mermaid() as made:
        yield made


@pytest.mark.parametrize(("name", "diagram"), DIAGRAMS)
def test_mermaid_draws_every_diagram(page: Page, name: str, diagram: str) -> None:
    picture: str = page.evaluate("async (text) => (await mermaid.render('diagram', text)).svg", diagram)
    assert "Syntax error" not in picture
    assert picture.count('class="node ') > 3
