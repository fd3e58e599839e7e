"""Text from outside in Markdown and commit messages: shown as it is, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rollout_bot.core.wording import one_line
from rollout_bot.report.markdown import code, escape, plain, table

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
INVISIBLE = "\u200b"
HOSTILE = st.lists(
    st.sampled_from(
        [
            *"\\`*_{}[]()<>#|~&!+-=.:@ \t\n1a",
            "www.",
            "http://x.org",
            "GH-1",
            "&amp;",
            "<b>",
            "![x](y)",
            "[skip ci]",
            "```",
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=25,
).map("".join)


def rendered(markdown: str) -> tuple[str, set[str]]:
    """The visible text of one paragraph, and the kinds of tokens it is made of."""
    tokens = PARSER.parse(markdown)
    inline = [token for token in tokens if token.type == "inline"]
    children: list[Token] = [child for token in inline for child in token.children or ()]
    return "".join(child.content for child in children), {token.type for token in (*tokens, *children)}


def seen(text: str) -> str:
    return text.replace(INVISIBLE, "")


@given(HOSTILE)
@example("1. a list")
@example("1.")
@example("- a list")
@example("# a heading")
@example("===")
@example("    code")
@example("<!-- hidden -->")
@example("[a]: http://example.org")
@example("~~~")
@example("&lt;b&gt;")
@example("a\\")
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    shown, kinds = rendered(escape(text))
    assert seen(shown) == seen(plain(text))
    assert kinds <= {"paragraph_open", "inline", "paragraph_close", "text", "text_special"}


@given(HOSTILE)
def test_escaped_text_stays_in_its_cell(text: str) -> None:
    tokens = PARSER.parse(table(("a", "b"), [(escape(text), "end")]))
    cells = [token.content for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert cells[3] == "end"


@given(HOSTILE.filter(lambda text: one_line(text) != ""))
def test_code_is_shown_as_it_is(text: str) -> None:
    tokens = PARSER.parse(f"- {code(text)}")
    (span,) = [child for token in tokens if token.type == "inline" for child in token.children or ()]
    assert span.type == "code_inline"
    assert span.content == one_line(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ask @alice", f"ask @{INVISIBLE}alice"),
        ("fixes #12", f"fixes #{INVISIBLE}12"),
        ("closes gh-12", f"closes gh-{INVISIBLE}12"),
        ("now [skip ci]", "now (skip ci)"),
        ("now [ CI  skip ]", "now [ CI  skip ]"),
        ("now [ci-skip]", "now (skip ci)"),
        ("skip-checks: true", "skip-checks true"),
        ("two\nlines\x1b[2J \u202eback", "two lines [2J  back"),
        ("plain @ text # here", "plain @ text # here"),
    ],
)
def test_titles_mention_nobody_and_skip_nothing(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize("text", ["https://x.org", "HTTP://x.org", "www.x.org", "mailto:a@b.c", "ftp://x"])
def test_addresses_do_not_become_links(text: str) -> None:
    scheme = text[: text.index(":") + 1] if ":" in text else "www."
    assert scheme not in escape(f"see {text} there")
    assert seen(escape(f"see {text} there")) == f"see {text} there"


@pytest.mark.parametrize("text", ["0.04 % of requests", "1.5", "a - b", "3) x"])
def test_figures_are_left_alone_where_they_do_no_harm(text: str) -> None:
    assert escape(text) == text.replace("3) ", "3\\) ")
