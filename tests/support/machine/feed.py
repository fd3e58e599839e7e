"""What is measured of a rollout: quarter hours of any weather, told by a server that may be out of its mind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler

from support.repositories import START
from support.ticks import QUARTER
from support.web_server import serving


class Weather(StrEnum):
    """What a quarter of an hour was like, and will always have been."""

    GOOD = "good"
    BAD = "bad"
    SILENT = "silent"
    GONE = "gone"
    ABSURD = "more failures than requests"


class Answer(StrEnum):
    """How the server answers at present. What it says of the past may be right again later."""

    FINE = "fine"
    ERROR = "500"
    PAGE = "a page in HTML"
    NAN = "a count that is no number"
    NEGATIVE = "a count below 0"
    TWICE = "several series"


COUNTS: Mapping[Weather, tuple[int, int]] = {
    Weather.GOOD: (1000, 1),
    Weather.BAD: (1000, 300),
    Weather.SILENT: (0, 0),
    Weather.ABSURD: (10, 1000),
}
"""Requests and failures. The bad ones are sixty times over every limit, so that a single interval tells."""

Row = tuple[datetime, Weather]
"""The end of a quarter of an hour, and its weather."""


@dataclass
class Feed:
    """While the feed is `stuck`, nothing newer than that moment is told."""

    weather: Weather = Weather.GOOD
    answer: Answer = Answer.FINE
    stuck: datetime | None = None
    past: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The day before: from it the analysis learns how noisy the service is.
        self.past = [(START + quarter * QUARTER, Weather.GOOD) for quarter in range(-95, 1)]

    def until(self, now: datetime) -> None:
        """Time passes, in the present weather."""
        while (end := self.past[-1][0] + QUARTER) <= now:
            self.past.append((end, self.weather))

    def rows(self) -> list[Row]:
        """What is told now, from oldest to newest."""
        told = (row for row in self.past if row[1] is not Weather.GONE)
        return [row for row in told if self.stuck is None or row[0] <= self.stuck]

    def heal(self) -> None:
        self.weather, self.answer, self.stuck = Weather.GOOD, Answer.FINE, None

    def troubled(self, since: datetime) -> bool:
        """Whether an interval after that was anything but good."""
        return any(weather is not Weather.GOOD for end, weather in self.past if end > since)

    def document(self) -> tuple[int, bytes]:
        """The status and the body of the server's answer."""
        if self.answer is Answer.ERROR:
            return 500, b"{}"
        if self.answer is Answer.PAGE:
            return 200, b"<!DOCTYPE html><h1>Sign in</h1>"
        rows = [
            {"at": f"{end:%Y-%m-%dT%H:%M:%SZ}", "total": COUNTS[weather][0], "failed": COUNTS[weather][1]}
            for end, weather in self.rows()
        ]
        if self.answer is Answer.NAN:
            rows[-1]["failed"] = float("nan")
        if self.answer is Answer.NEGATIVE:
            rows[-1]["failed"] = -1
        if self.answer is Answer.TWICE:
            rows += rows
        return 200, json.dumps({"rows": rows}).encode()


@contextmanager
def feeding(feeds: Mapping[str, Feed]) -> Iterator[str]:
    """Serves each rollout's feed at its name; yields the address."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        status, body = feeds[request.path.strip("/").partition("?")[0]].document()
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with serving(answer) as address:
        yield address
