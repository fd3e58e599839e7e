"""What surrounds a bot: a server of counts, a mailbox and a Pushgateway, on 127.0.0.1."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from support.chaos.injection import Target
from support.mailbox import Mailbox, mailbox
from support.repositories import START
from support.ticks import HOUR, QUARTER
from support.web_server import serving

METRICS = "{source: web, url: '${STATS}', rows: rows, time: at, total: total, failed: failed, scrape_delay: 0s}"
NOTIFY = "[{channel: webhook, address: '${HOOK}', secret: '${KEY}'}]"
SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"


@dataclass
class Services:
    """`bad` are the spans in which a fifth of all requests fail; `gone` answers 503. `pushed` is the newest push."""

    folder: Path
    now: datetime = START
    bad: list[tuple[datetime, datetime | None]] = field(default_factory=list)
    gone: bool = False
    pushed: str = ""
    stats: str = ""
    gateway: str = ""
    box: Mailbox = field(default_factory=Mailbox)

    @property
    def textfile(self) -> Path:
        return self.folder / "rollouts.prom"

    @property
    def environment(self) -> dict[str, str]:
        return {"STATS": self.stats, "HOOK": self.box.address, "KEY": SECRET, "PUSHGATEWAY_URL": self.gateway}

    @property
    def hosts(self) -> dict[str, Target]:
        """Whom each address belongs to."""
        addresses = {self.stats: Target.METRICS, self.gateway: Target.GATEWAY, self.box.address: Target.NOTIFIER}
        return {address.removeprefix("http://"): target for address, target in addresses.items()}

    def goes_wrong(self) -> None:
        self.bad.append((self.now, None))

    def goes_well(self) -> None:
        self.bad = [(since, until or self.now) for since, until in self.bad]
        self.gone = False

    def healthy(self, at: datetime) -> bool:
        """Whether nothing was wrong in the half hour before a moment."""
        return not any(since < at and (until is None or at - QUARTER * 2 < until) for since, until in self.bad)

    def told(self) -> set[str]:
        """The titles of all messages that have arrived."""
        return {str(each["data"]["title"]) for each in self.box.received}

    def published(self) -> tuple[str, ...]:
        """The percentage, as gateway and file have it now."""
        texts = (self.pushed, self.textfile.read_text() if self.textfile.exists() else "")
        return tuple("".join(re.findall(r"^checkout_rollout_percentage (\S+)", text, re.MULTILINE)) for text in texts)

    def _count(self, request: BaseHTTPRequestHandler) -> None:
        rows, at = [], START - 24 * HOUR
        while (at := at + QUARTER) <= self.now:
            wrong = any(since < at and (until is None or at <= until) for since, until in self.bad)
            rows.append({"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", "total": 1000, "failed": 200 if wrong else 1})
        _reply(request, 503 if self.gone else 200, json.dumps({"rows": rows}).encode())

    def _push(self, request: BaseHTTPRequestHandler) -> None:
        self.pushed = request.rfile.read(int(request.headers["Content-Length"])).decode()
        _reply(request, 200, b"")


@contextmanager
def services(folder: Path) -> Iterator[Services]:
    found = Services(folder)
    with mailbox() as box, serving(found._count) as stats, serving(found._push) as gateway:
        found.box, found.stats, found.gateway = box, stats, gateway
        yield found


def _reply(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
