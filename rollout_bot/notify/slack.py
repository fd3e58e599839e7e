"""An incoming webhook of Slack, with a message of Block Kit blocks within their limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rollout_bot.core.model.routes import Urgency
from rollout_bot.core.wording import moment
from rollout_bot.network.delivery import send
from rollout_bot.notify.interface import Message

HEADER = 150
SECTION = 3000
BUTTON = 75
ADDRESS = 3000
"""Characters that Slack takes in each; a message that holds more is refused as a whole."""

_SIGNS = {Urgency.INFO: "🔵", Urgency.WARNING: "🟠", Urgency.CRITICAL: "🔴"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Slack:
    """`address` is the webhook's, which is a secret in itself."""

    address: str = field(repr=False)

    def notify(self, message: Message) -> None:
        body = json.dumps(document(message)).encode()
        send("POST", self.address, body, {"Content-Type": "application/json; charset=utf-8"})


def document(message: Message) -> Json:
    """What is sent; `text` is what a notification on a phone shows."""
    title = f"{_SIGNS[message.notice.urgency]} {message.notice.title}"
    return {"text": _cut(escape(title), SECTION), "blocks": list(_blocks(message, title))}


def escape(text: str) -> str:
    """Slack's own three: no mention, no link and no channel comes out of them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(message: Message, title: str) -> Iterator[Json]:
    notice = message.notice
    yield {"type": "header", "text": {"type": "plain_text", "text": _cut(title, HEADER), "emoji": True}}
    if text := "\n".join(filter(None, notice.lines)):
        yield {"type": "section", "text": _text(text)}
    if message.url is not None and len(message.url) <= ADDRESS:
        label = {"type": "plain_text", "text": _cut(f"Open #{notice.pull}", BUTTON)}
        yield {"type": "actions", "elements": [{"type": "button", "text": label, "url": message.url}]}
    elif notice.pull is not None:
        yield {"type": "section", "text": _text(f"rollout-bot pulls show {notice.pull}")}
    event = notice.event.value.replace("_", " ")
    yield {"type": "context", "elements": [_text(f"{notice.rollout}, {event}, {moment(message.at)}")]}


def _text(text: str) -> Json:
    """As it is: `verbatim` keeps Slack from making links and mentions out of what only looks like them."""
    return {"type": "mrkdwn", "text": _cut(escape(text), SECTION), "verbatim": True}


def _cut(text: str, longest: int) -> str:
    """Never through the middle of an escaped sign."""
    if len(text) <= longest:
        return text
    text = text[: longest - 1]
    start = text.rfind("&", max(0, len(text) - 4))
    return (text if start < 0 or ";" in text[start:] else text[:start]) + "…"
