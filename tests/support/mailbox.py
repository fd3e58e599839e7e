"""A server on 127.0.0.1 that takes messages, or refuses them for a while."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.web_server import serving


@dataclass
class Mailbox:
    """`received` holds the bodies that were taken with 200, `headers` theirs; `status` is what is answered now."""

    address: str = ""
    status: int = 200
    received: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.asked += 1
        if self.status == 200:
            self.bodies.append(body)
            self.received.append(json.loads(body))
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
        request.send_response(self.status)
        request.send_header("Content-Length", "0")
        request.end_headers()

    def take(self) -> list[dict[str, Any]]:
        """What has come since the last time."""
        found, self.received = self.received, []
        return found


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    found = Mailbox()
    with serving(found.answer) as address:
        found.address = address
        yield found
