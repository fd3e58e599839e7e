"""A webhook of anybody's own, signed as Standard Webhooks has it (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from rollout_bot.network.delivery import Undelivered, send
from rollout_bot.notify.interface import Message

PREFIX = "whsec_"
"""What a secret begins with that is written in Base64; any other is taken as it is."""

LEAST = 24
"""Bytes of a secret, the least that Standard Webhooks allows."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """`clock` tells seconds since 1970: a signature counts for minutes only, whatever time a tick is about."""

    address: str = field(repr=False)
    secret: str = field(repr=False)
    clock: Callable[[], float] = time.time

    def notify(self, message: Message) -> None:
        body = json.dumps(document(message), ensure_ascii=False).encode()
        sent = str(int(self.clock()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message.id,
            "webhook-timestamp": sent,
            "webhook-signature": signature(self.secret, message.id, sent, body),
        }
        send("POST", self.address, body, headers)


def signature(secret: str, identity: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over id, timestamp and body, in Base64. Raises Undelivered for a secret that is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else None
    except binascii.Error:
        raise Undelivered(f"its secret begins with {PREFIX} and is no Base64") from None
    key = secret.encode() if key is None else key
    if len(key) < LEAST:
        raise Undelivered(f"its secret has fewer than {LEAST} bytes")
    signed = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


def document(message: Message) -> dict[str, Any]:
    """What is sent. `timestamp` is when the tick saw it."""
    notice = message.notice
    pull = None if notice.pull is None else {"number": notice.pull, "url": message.url}
    return {
        "type": f"rollout.{notice.event}",
        "timestamp": message.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": {
            "rollout": notice.rollout,
            "severity": notice.urgency.value,
            "title": notice.title,
            "lines": list(notice.lines),
            "pull_request": pull,
            "commit": notice.commit or None,
        },
    }
