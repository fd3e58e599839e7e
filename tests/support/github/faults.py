"""What goes wrong on demand between a client and the fake GitHub."""

from __future__ import annotations

import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One request as logged. `operation` is `PUT /repos/{owner}/{repo}/pulls/{number}/merge`, `query repository` or
    `mutation createRef,createCommitOnBranch`; `status` is that of the answer, 0 where it was lost."""

    method: str
    path: str
    operation: str
    write: bool
    who: str
    status: int = 200


@dataclass(frozen=True)
class Answer:
    """What goes over the wire."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """Strikes the `nth` request and the `times − 1` after it whose operation holds `on` (`write`: any that changes).

    `answer` is given instead of GitHub's own (None: the connection breaks); with `after` the deed is done before.
    `delay` is in seconds.
    """

    answer: Answer | None = None
    on: str = ""
    nth: int = 1
    times: int = 1
    after: bool = False
    delay: float = 0.0
    seen: int = 0

    def strikes(self, entry: Entry) -> bool:
        if not (entry.write if self.on == "write" else self.on in entry.operation):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


def message(status: int, text: str, **headers: str) -> Answer:
    """An error as REST tells it."""
    link = "https://docs.github.com/rest"
    body = json.dumps({"message": text, "documentation_url": link, "status": str(status)}).encode()
    return Answer(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def graphql_error(text: str, kind: str | None = None) -> Answer:
    """An error as GraphQL tells it: with status 200."""
    error = {"message": text} | ({"type": kind} if kind else {})
    return Answer(200, json.dumps({"data": None, "errors": [error]}).encode())


EXPIRED = message(401, "Bad credentials")
FORBIDDEN = message(403, "Resource not accessible by integration")
SECONDARY = message(403, "You have exceeded a secondary rate limit. Please wait a few minutes.", Retry_After="60")
PRIMARY = message(
    403, "API rate limit exceeded for installation ID 1.", X_RateLimit_Remaining="0", X_RateLimit_Reset="4102444800"
)
RATE_LIMITED = graphql_error("API rate limit exceeded for installation ID 1.", "RATE_LIMITED")
UNICORN = Answer(502, b"<html><body><h1>Unicorn!</h1></body></html>", {"Content-Type": "text/html"})
HTML = Answer(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"})
