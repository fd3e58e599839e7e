"""A workflow webhook of Microsoft Teams, with an Adaptive Card."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from rollout_bot.core.model.routes import Urgency
from rollout_bot.core.wording import moment
from rollout_bot.network.delivery import send
from rollout_bot.notify.interface import Message

_COLOURS = {Urgency.INFO: "accent", Urgency.WARNING: "warning", Urgency.CRITICAL: "attention"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Teams:
    """`address` is the webhook's, which is a secret in itself."""

    address: str = field(repr=False)

    def notify(self, message: Message) -> None:
        send("POST", self.address, json.dumps(document(message)).encode(), {"Content-Type": "application/json"})


def document(message: Message) -> Json:
    """The card, in the envelope that Teams asks for. A RichTextBlock, unlike a TextBlock, knows no Markdown."""
    notice = message.notice
    title = {"type": "TextRun", "text": notice.title, "weight": "bolder", "color": _COLOURS[notice.urgency]}
    event = notice.event.value.replace("_", " ")
    footer = {"type": "TextRun", "text": f"{notice.rollout}, {event}, {moment(message.at)}", "isSubtle": True}
    texts = [{"type": "TextRun", "text": line} for line in notice.lines]
    card: Json = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": [each]} for each in (title, *texts, footer)],
    }
    if message.url is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": f"Open #{notice.pull}", "url": message.url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
