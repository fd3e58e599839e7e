"""Making text from outside harmless in Markdown and in commit messages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from rollout_bot.core.wording import one_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
_AT_START = re.compile(r"^(\d*)([-+=]|[.)](?=\s|$))")
_SKIP = re.compile(r"\[\s*(skip[ -]ci|ci[ -]skip|no[ -]ci|skip[ -]actions|actions[ -]skip)\s*\]", re.IGNORECASE)
_SKIP_TRAILER = re.compile(r"skip-checks(\s*:)+", re.IGNORECASE)
_REFERENCE = re.compile(r"([@#](?=\w)|\bGH-(?=\d)|/(?:issues|pull|discussions)/(?=\d))", re.IGNORECASE)
_ADDRESS = re.compile(r"(https?|ftp|mailto|xmpp|www)([:.])", re.IGNORECASE)
_IN_ADDRESS = "%!#$&'*+,/:;=?@[]~"
_ZERO_WIDTH = "\u200b"


def plain(text: str) -> str:
    """For titles and commit messages: one line that mentions nobody, closes no issue and skips no workflow."""
    text = _SKIP_TRAILER.sub("skip-checks", _SKIP.sub("(skip ci)", one_line(text)))
    return _REFERENCE.sub(rf"\1{_ZERO_WIDTH}", text)


def escape(text: str) -> str:
    """For Markdown: shown as it is, on one line, with no link, mention, HTML or formatting of its own."""
    escaped = _AT_START.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain(text)))
    # A bare address would become a link by itself.
    return _ADDRESS.sub(rf"\1{_ZERO_WIDTH}\2", escaped)


def code(text: str) -> str:
    """As a code span, whatever backticks it holds."""
    text = one_line(text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def link(words: str, address: str) -> str:
    """A link with these words; the address cannot end it early."""
    return f"[{escape(words)}](<{quote(address, safe=_IN_ADDRESS)}>)"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells must be escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
