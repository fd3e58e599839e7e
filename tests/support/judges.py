"""Judges of what the bot writes: each reads it as its place does, and answers what is there that does not belong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

from markdown_it import MarkdownIt
from markdown_it.token import Token

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What moves a cursor, turns the direction of writing, hides, or is no character at all; tabs and line breaks aside."""

COMMANDS = frozenset(
    [
        "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice",
        "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning",
    ]
)  # fmt: skip
"""What a runner of GitHub Actions knows (actions/runner, ActionCommandManager)."""

TAGS = frozenset(
    [
        "a", "body", "clippath", "code", "dd", "defs", "desc", "details", "div", "dl", "dt", "figcaption",
        "figure", "footer", "g", "h1", "h2", "h3", "head", "header", "html", "input", "label", "li", "link",
        "main", "meta", "nav", "ol", "p", "path", "pattern", "progress", "rect", "script", "section", "span",
        "strong", "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "time", "title", "tr", "ul",
    ]
)  # fmt: skip
"""Elements of the site's pages."""

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_HTML = re.compile(r"<details><summary>[^<>&\\]*</summary>|</details>|<!-- rollout-bot: (\{.*\}) -->")
_MENTION = re.compile(
    r"(?<![\w`/])@\w|(?<!\w)(?:[\w.-]+/[\w.-]+)?#\d|\bGH-\d|/(?:issues|pull|discussions)/\d", re.IGNORECASE
)
_ADDRESS = re.compile(r"\b(?:https?|ftp)://\w|\bwww\.\w|\b(?:mailto|xmpp):\w|[\w.+-]+@[\w-]+\.\w", re.IGNORECASE)
_SKIP = re.compile(
    r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks:", re.IGNORECASE | re.MULTILINE
)


def steering(text: str) -> list[str]:
    """Signs in a text for a terminal, a log or a page that no reader sees as what they are."""
    return [f"{found.group()!r} in {text[max(0, found.start() - 40) : found.start() + 20]!r}"
            for found in STEERING.finditer(text)]  # fmt: skip


class Console:
    """What a runner does with the lines of a step: `commands` are those that it carries out, with their data."""

    def __init__(self, printed: str) -> None:
        self.commands: list[tuple[str, str, str]] = []
        self._stop: str | None = None
        # As its reader of lines has it: a carriage return ends one as well.
        for line in re.split(r"\r\n|\r|\n", printed):
            self._line(line)

    def _line(self, line: str) -> None:
        found = self._second(line) or self._first(line)
        if found is None:
            return
        name, _, data = found
        if self._stop is not None:
            self._stop = None if name == self._stop else self._stop
        elif name == "stop-commands":
            self._stop = data
        else:
            self.commands.append(found)

    def _known(self, name: str) -> bool:
        return name.lower() in COMMANDS or name == self._stop

    def _second(self, line: str) -> tuple[str, str, str] | None:
        found = re.match(r"\s*::(.*?)::(.*)", line, re.DOTALL)
        name, _, properties = found[1].partition(" ") if found else ("", "", "")
        return (name.lower(), properties, found[2]) if found and self._known(name) else None

    def _first(self, line: str) -> tuple[str, str, str] | None:
        """The older form, which is looked for anywhere in a line."""
        found = re.search(r"##\[(.*?)\](.*)", line, re.DOTALL)
        name, _, properties = found[1].partition(" ") if found else ("", "", "")
        return (name.lower(), properties, found[2]) if found and self._known(name) else None


def commanded(printed: str) -> list[tuple[str, str, str]]:
    """Commands that the bot has no reason to give, and annotations that hold more than a sentence."""
    return [
        each
        for each in Console(printed).commands
        if each[0] not in ("error", "warning", "notice")
        or re.search(r"%0[AD]", "".join(each))
        or not re.fullmatch(r"(?:(?:file|line|title)=[^,:]*,?)*", each[1])
    ]


def outputs(text: str) -> dict[str, str]:
    """What a runner reads from GITHUB_OUTPUT. Raises ValueError where it would refuse the file."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            found[line[:equals]] = line[equals + 1 :]
            continue
        if heredoc <= 0 or not line[heredoc + 2 :]:
            raise ValueError(f"no output: {line!r}")
        value = []
        for each in lines:
            if each == line[heredoc + 2 :]:
                break
            value.append(each)
        else:
            raise ValueError(f"no end of {line!r}")
        found[line[:heredoc]] = "\n".join(value)
    return found


def in_title(text: str) -> list[str]:
    """A title or a commit message: whom it mentions, what it refers to and skips."""
    skipped = [f"skips by {found.group()!r}" for found in _SKIP.finditer(text)]
    return steering(text) + [f"{each.group()!r} in {text[:200]!r}" for each in _MENTION.finditer(text)] + skipped


def in_markdown(text: str) -> list[str]:
    """Markdown as GitHub shows it: every element that is not the bot's."""
    found = [f"sign {each}" for each in steering(text)]
    tokens = _MARKDOWN.parse(text)
    children = [child for token in tokens for child in token.children or ()]
    found += [_token(each) for each in (*tokens, *children) if each.type in ("html_block", "html_inline", "image")
              and not _is_ours(each)]  # fmt: skip
    found += [f"link {each.attrs}" for each in children if each.type == "link_open" and not _leads_home(each)]
    found += [f"heading {token.content[:200]}" for before, token in pairwise(tokens)
              if before.type == "heading_open" and not token.content.startswith(("Rollouts at", "Backtest of"))
              and before.tag != "h3"]  # fmt: skip
    found += [f"block {each.type}" for each in tokens if each.type in ("blockquote_open", "hr", "code_block")]
    found += [f"fence {each.info}" for each in tokens if each.type == "fence" and each.info != "mermaid"]
    found += [each for child in children if child.type in ("text", "text_special") for each in _in_words(child.content)]
    comments = [each for token in tokens if token.type == "html_block" for each in _HTML.findall(token.content) if each]
    found += [f"two bodies: {comments}"] if len(comments) > 1 else []
    return found + list(_tables(text))


def _in_words(text: str) -> list[str]:
    return [
        f"{found.group()!r} in {text[max(0, found.start() - 40) :][:80]!r}"
        for each in (_MENTION, _ADDRESS)
        for found in each.finditer(text)
    ]


def _token(token: Token) -> str:
    return f"{token.type} {token.content[:200]!r}"


def _is_ours(token: Token) -> bool:
    rest = _HTML.sub("", token.content).strip()
    comment = _HTML.search(token.content)
    return token.type == "html_block" and rest == "" and not (comment and comment[1] and not _facts(comment[1]))


def _facts(text: str) -> bool:
    """Whether a comment is one of the bot's, about a rollout and not about what somebody made up."""
    return json.loads(text)["rollout"] != "evil"


def _leads_home(token: Token) -> bool:
    return str(token.attrs["href"]).startswith(("https://grafana.example/", "http://127.0.0.1"))


def _tables(text: str) -> Iterator[str]:
    """Rows with more or fewer cells than their header, which GitHub cuts or fills."""
    width = 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) if line.startswith("|") else 0
        if cells and width and cells != width:
            yield f"row {line[:200]!r}"
        width = cells


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, and where they lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.shapes: set[tuple[str, frozenset[str]]] = set()
        self.addresses: set[str] = set()
        self.comments: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shapes.add((tag, frozenset(name for name, _ in attrs)))
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")}

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def xml(text: str) -> ET.Element:
    """As a reader of feeds or pictures parses it. Raises ParseError."""
    return ET.fromstring(text)  # noqa: S314 - our own, and what is in it is what is tested


def in_slack(document: Any) -> list[str]:
    """Texts in which Slack would find a mention or a link, or would make one of what looks like it."""
    found = []
    for each in _dicts(document):
        text = each.get("text")
        if each.get("type") == "mrkdwn" and not (each.get("verbatim") is True and _is_escaped(text)):
            found.append(str(each))
        if "blocks" in each and not _is_escaped(text):
            found.append(str(text))
    return found


def in_teams(document: Any) -> list[str]:
    """Parts of a card that Teams would read as Markdown."""
    plain = ("message", "AdaptiveCard", "RichTextBlock", "TextRun", "Action.OpenUrl", "string")
    return [str(each) for each in _dicts(document) if each.get("type", "string") not in plain]


def _is_escaped(text: object) -> bool:
    return isinstance(text, str) and not set(text) & set("<>") and not re.search(r"&(?!amp;|lt;|gt;)", text)


def _dicts(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
    for each in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _dicts(each)


def words(document: Any) -> Iterator[str]:
    """Every text of a JSON document."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for key, value in document.items():
            yield from (key, *words(value))
    elif isinstance(document, list):
        for each in document:
            yield from words(each)
