"""Whatever GitHub answers to a whole tick: told in words, soon over, and nothing rises that its rules do not let."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from support.chaos.hostings import GitHubHosting
from support.chaos.injection import answered
from support.chaos.services import Services
from support.github import FakeGitHub, strict
from support.hosted import Site
from support.mutations import mutate
from support.repositories import START
from support.ticks import HOUR, initial, policy_text

from rollout_bot.core.record import TickRecord
from rollout_bot.forge.interface import ForgeError

APP = 4711
MOST = 40
"""Requests of a tick that takes a fifth of them undisturbed."""

HEADERS = {
    "Retry-After": ("-1", "1e99", "Thu, 01 Jan 1970 00:00:00 GMT", "9" * 30, "\u00e9", "0"),
    "X-RateLimit-Remaining": ("0", "-1", "9" * 30, "x"),
    "X-RateLimit-Reset": ("0", "-1", "9" * 11, "x"),
    "X-RateLimit-Resource": ("", "\u00e9" * 500),
    "Date": ("", "x", "Thu, 99 Foo 99999 99:99:99 +9999", "Mon, 01 Jan 0001 00:00:00 +2300"),
    "Content-Length": ("-1", "0", "9" * 30),
    "Link": ('<https://169.254.169.254/>; rel="next"',),
    "Location": ("http://169.254.169.254/",),
    "Content-Type": ("text/html", "application/json; charset=utf-16"),
}
BODIES = (b"", b"<h1>Unicorn</h1>", b"null", b"[]", b"{}", b'"x"', b"[" * 100_000, b"9" * 5000, b"\xff\xfe", b"NaN")
STATUSES = (200, 201, 204, 301, 304, 400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 599)


@dataclass
class Liar:
    """Answers in GitHub's stead from the `nth` request on: once, or to each after it."""

    draw: random.Random
    nth: int
    always: bool
    count: int = 0
    lies: list[str] = field(default_factory=list)

    def answer(self, request: requests.PreparedRequest, true: requests.Response) -> requests.Response:
        self.count += 1
        assert self.count <= MOST, "it asks without end"
        if self.count < self.nth or (self.count > self.nth and not self.always):
            return true
        status, headers, body = true.status_code, dict(true.headers), true.content
        kind = self.draw.randrange(8)
        if kind == 0:
            body = self.draw.choice(BODIES)
        elif kind == 1:
            status = self.draw.choice(STATUSES)
        elif body:
            document = json.loads(body)
            mutate(self.draw, document)
            body = json.dumps(document).encode()
        for name in self.draw.sample(sorted(HEADERS), 2 if kind < 4 else 0):
            headers[name] = self.draw.choice(HEADERS[name])
        self.lies.append(f"{request.method} {request.path_url}: {status} {body[:3000]!r}")
        return answered(request, body, status, headers)


@contextmanager
def lying(liar: Liar) -> Iterator[None]:
    real = HTTPAdapter.send

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **rest: Any) -> requests.Response:
        return liar.answer(request, real(self, request, **rest))

    with patch.object(HTTPAdapter, "send", send):
        yield


@dataclass
class Stage:
    """Two rollouts on one GitHub, one to be merged and one to be approved, that can be set back to their beginning."""

    site: Site
    hosting: GitHubHosting
    begin: Any

    def percentages(self) -> dict[str, int]:
        return {name: self.site.state(name).percentage for name in ("checkout", "search")}

    def tick(self, liar: Liar) -> TickRecord | None:
        with lying(liar):
            try:
                return self.site.tick()
            except ForgeError as error:
                told = str(error)
        assert told.isprintable()
        return None


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = initial(stage="half") | initial("search", text=policy_text("search", reviewers="['@bob']"))
        with FakeGitHub(folder, files, rules=strict(APP)) as github:
            site = Site(github, folder, github.app_token(app=APP))
            github.now = START + 3 * HOUR
            hosting = GitHubHosting(github, site, Services(folder))
            yield Stage(site, hosting, hosting.keep())
            github.violations.clear()


# A tick each, so fewer than of what takes no time.
@settings(max_examples=settings.default.max_examples // 5)
@given(st.integers(0, 2**32), st.integers(1, 12), st.booleans(), st.booleans())
def test_whatever_github_answers(stage: Stage, seed: int, nth: int, always: bool, bad: bool) -> None:
    stage.hosting.restore(stage.begin)
    stage.site.serve(bad_since=START + HOUR if bad else None)
    before = stage.percentages()
    liar = Liar(random.Random(seed), nth, always)
    record = stage.tick(liar)
    for each in record.rollouts if record else ():
        assert not each.bug, (each.problems, liar.lies)
    for step in record.gates if record else ():
        assert step.error is None or step.error.isprintable()
    after = stage.percentages()
    assert after["search"] <= before["search"], liar.lies
    assert after["checkout"] <= (before["checkout"] if bad else 75), liar.lies


def test_pages_that_lead_back_end(stage: Stage) -> None:
    stage.hosting.restore(stage.begin)
    stage.site.serve()
    page, asked = {"hasNextPage": True, "endCursor": "again"}, list[requests.PreparedRequest]()

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **rest: Any) -> requests.Response:
        if '"again"' in str(request.body):
            asked.append(request)
            assert len(asked) < MOST, "it asks without end"
            empty = {"data": {"repository": {"open": {"nodes": [], "pageInfo": page}}}}
            return answered(request, json.dumps(empty).encode(), 200)
        answer = real(self, request, **rest)
        document = json.loads(answer.content)
        document["data"]["repository"]["open"]["pageInfo"] = page
        return answered(request, json.dumps(document).encode(), 200, answer.headers)

    real = HTTPAdapter.send
    with patch.object(HTTPAdapter, "send", send), pytest.raises(ForgeError, match="the pages of GitHub's answer"):
        stage.site.tick()


@pytest.mark.parametrize("limit", ["x", "", "1e99", "-1", "٣"])
def test_limits_that_are_no_numbers_keep_nobody_from_merging(stage: Stage, limit: str) -> None:
    stage.hosting.restore(stage.begin)
    stage.site.serve()

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **rest: Any) -> requests.Response:
        answer = real(self, request, **rest)
        answer.headers.update({f"X-RateLimit-{name}": limit for name in ("Limit", "Remaining", "Reset")})
        return answer

    real = HTTPAdapter.send
    with patch.object(HTTPAdapter, "send", send):
        stage.site.tick()
    assert stage.percentages()["checkout"] == 75
