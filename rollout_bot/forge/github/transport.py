"""One exchange with GitHub after the other, on PyGithub's requester: counted, bounded, every failure translated."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from rollout_bot.forge.github.bearer import Kind, kind_of
from rollout_bot.forge.github.errors import (
    Overloaded,
    Overlong,
    Purpose,
    Rejected,
    SlowDown,
    Unanswered,
    failed,
    lost,
    questionable,
)
from rollout_bot.forge.interface import ForgeError, Unusable
from rollout_bot.network.exchange import Late, Oversized, within

if TYPE_CHECKING:
    import threading

    from rollout_bot.forge.github.wire import Connection

API_VERSION = "2022-11-28"
"""The next one drops `merge_commit_sha`, among others."""

DEADLINE = 30.0
"""Seconds for one whole exchange, however its answer arrives."""

TIMEOUT = 20.0
"""Seconds for a connection and for each silence within an answer; GitHub itself gives up after 10."""

PATIENCE = 60.0
"""Seconds that one run waits at most, in all, for limits to pass."""

WRITES_AT_ONCE = 20
"""Writes without a pause; then one a second, which keeps below 80 a minute. Several runs at once share both."""

RETRIES = (0.5, 2.0)
"""Pauses in seconds before the same question is asked again; never for what may have been done."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")

T = TypeVar("T")
Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """The data of a GraphQL mutation, and the error that came with it: one of several steps may have failed."""

    data: Mapping[str, Any]
    error: ForgeError | None


class Transport:
    """REST and GraphQL of one GitHub. `requests` counts what was sent, repetitions included.

    Once GitHub has asked to wait longer than a run can, nothing more is sent: asking on prolongs it.
    Raises Unusable for addresses or a token that cannot be right, before anything is sent.
    """

    def __init__(self, token: str, api_url: str, graphql_url: str, pause: Pause = time.sleep, runs: int = 1) -> None:
        self._origin = _check(token, api_url, graphql_url)
        from github import Auth, Github

        self.requests = 0
        self._left: dict[str, int] = {}
        self._token = token
        self._pause = pause
        self._patience = PATIENCE
        self._writes = 0
        self._runs = runs
        self._refused: SlowDown | None = None
        self._graphql_url = graphql_url
        self._connection: Connection | None = None
        # PyGithub's own retries repeat what may have been done, and may sleep for an hour; its pacing
        # costs a rollback seconds. Both are done here instead.
        self._requester = Github(
            auth=Auth.Token(token),
            base_url=api_url.rstrip("/"),
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            user_agent="rollout-bot",
            api_version=API_VERSION,
        ).requester

    @property
    def budget(self) -> int | None:
        """The least that is left of what GitHub counts apart, such as REST and GraphQL; None before any answer."""
        return min(self._left.values(), default=None)

    @property
    def kind(self) -> Kind:
        """What the token's beginning tells of it; the token itself never leaves."""
        return kind_of(self._token)

    def get(self, path: str, purpose: Purpose, **parameters: str) -> Any:
        """The JSON answer of a question."""
        return self._repeated(lambda: self._json("GET", path, purpose, parameters=parameters))

    def write(
        self,
        verb: str,
        path: str,
        purpose: Purpose,
        content: Mapping[str, Any] | None = None,
        *,
        again: bool = False,
    ) -> Any:
        """Changes something; None where the answer is empty. Raises Unanswered where it may have been done.

        `again`: doing it twice is the same as doing it once, so that it may be repeated.
        """
        self._pace()
        act = self._repeated if again else self._waiting
        return act(lambda: self._json(verb, path, purpose, content=content))

    def query(
        self, document: str, variables: Mapping[str, Any], purpose: Purpose, *, divisible: bool = False
    ) -> Mapping[str, Any]:
        """The data of a GraphQL query. Raises ForgeError if any part of it failed: half a view is none.

        `divisible`: where it is too much for GitHub, Overloaded is raised at once, for the caller to ask for less.
        """

        def ask() -> Mapping[str, Any]:
            answer = self._graphql(document, variables, purpose)
            if answer.error is not None:
                raise answer.error
            return answer.data

        return self._repeated(ask, divisible=divisible)

    def mutate(self, document: str, variables: Mapping[str, Any], purpose: Purpose) -> Answer:
        """Carries out a GraphQL mutation, once. Raises Unanswered where it may have been done."""
        self._pace()
        return self._waiting(lambda: self._graphql(document, variables, purpose))

    def wait(self, seconds: float) -> None:
        self._pause(seconds)

    def _repeated(self, ask: Callable[[], T], *, divisible: bool = False) -> T:
        for pause in RETRIES:
            try:
                return self._waiting(ask)
            except Unanswered as error:
                if isinstance(error, Overlong) or (divisible and isinstance(error, Overloaded)):
                    raise
                self._pause(pause)
        return self._waiting(ask)

    def _waiting(self, act: Callable[[], T]) -> T:
        """Acts, and once more after a limit has passed, if that is soon: nothing was done the first time."""
        try:
            return act()
        except SlowDown as limit:
            if limit.wait > self._patience:
                self._refused = limit
                raise
            self._patience -= limit.wait
            self._pause(limit.wait)
        return act()

    def _pace(self) -> None:
        self._writes += 1
        if self._refused is None and self._writes > WRITES_AT_ONCE // self._runs:
            self._pause(float(self._runs))

    def _graphql(self, document: str, variables: Mapping[str, Any], purpose: Purpose) -> Answer:
        content = {"query": document, "variables": variables}
        found = self._json("POST", self._graphql_url, purpose, content=content)
        if not isinstance(found, dict):
            raise Unanswered(f"cannot {purpose.what}: GitHub's answer is no GraphQL; is the address right?")
        data, errors = found.get("data"), found.get("errors")
        error = questionable(errors, purpose) if isinstance(errors, list) and errors else None
        if not isinstance(data, dict) or isinstance(error, SlowDown | Overloaded):
            raise error or Unanswered(f"cannot {purpose.what}: GitHub's answer holds no data")
        return Answer(data, error)

    def _json(
        self,
        verb: str,
        url: str,
        purpose: Purpose,
        content: Mapping[str, Any] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        try:
            return self._exchange(verb, url, purpose, content, parameters)
        except ForgeError as error:
            # A server could say anything in its answer, even what was sent to it.
            if _holds(str(error), self._token):
                raise Rejected(f"cannot {purpose.what}: GitHub's answer holds the token itself") from None
            raise

    def _take_down(self, headers: Mapping[str, Any]) -> None:
        left = str(headers.get("x-ratelimit-remaining", ""))
        if left.isascii() and left.isdecimal() and len(left) < 10:
            self._left[str(headers.get("x-ratelimit-resource", ""))] = int(left)

    def _exchange(
        self,
        verb: str,
        url: str,
        purpose: Purpose,
        content: Mapping[str, Any] | None,
        parameters: Mapping[str, str] | None,
    ) -> Any:
        import requests

        if self._refused is not None:
            raise SlowDown(
                f"cannot {purpose.what}: GitHub has asked to slow down; the next tick goes on", self._refused.wait
            )
        self.requests += 1
        try:
            status, headers, body = within(
                DEADLINE, lambda abandoned: self._send(verb, url, content, parameters, abandoned)
            )
        except Late:
            # The thread that is left behind still holds it.
            self._connection = None
            raise Overloaded(
                f"cannot {purpose.what}: no complete answer from GitHub within {DEADLINE:g} s; the next tick looks anew"
            ) from None
        except Oversized:
            raise Overlong(f"cannot {purpose.what}: GitHub's answer is larger than the bot reads") from None
        except (requests.exceptions.RequestException, ValueError, RuntimeError, AssertionError) as error:
            raise lost(purpose, error) from None
        self._take_down(headers)
        if not 200 <= status < 300:
            raise failed(status, headers, body, purpose)
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            what = "HTML" if body.lstrip()[:1] == "<" else "not JSON"
            raise Unanswered(
                f"cannot {purpose.what}: GitHub's answer is {what}; is the address of the API right?"
            ) from None

    def _send(
        self,
        verb: str,
        url: str,
        content: Mapping[str, Any] | None,
        parameters: Mapping[str, str] | None,
        abandoned: threading.Event,
    ) -> tuple[int, dict[str, Any], str]:
        """Status, headers with names in lower case, and body."""
        from rollout_bot.forge.github.wire import Connection

        connection = self._connection
        if connection is None:
            origin = self._origin
            connection = Connection(origin.scheme, str(origin.hostname), int(origin.port or 0), TIMEOUT)
            self._connection = connection
        connection.abandoned = abandoned
        return self._requester.requestJson(
            verb,
            url,
            parameters=dict(parameters or {}),
            input=None if content is None else dict(content),
            cnx=connection,
        )


def _holds(text: str, token: str) -> bool:
    """Whether a text has the token, or so much of it as was left where the text was cut."""
    return any(f"{token[:length]}…" in text for length in range(8, len(token))) or token in text


def _check(token: str, api_url: str, graphql_url: str) -> SplitResult:
    """The one server that both addresses are of."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unusable(
            "the token is empty or holds spaces or line breaks; pass GITHUB_TOKEN or an App's token as it is"
        )
    origins = {_origin(url) for url in (api_url, graphql_url)}
    if len(origins) > 1:
        raise Unusable(f"the addresses of REST and GraphQL differ in their server: {' and '.join(sorted(origins))}")
    return urlsplit(origins.pop())


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Unusable("an address of the API cannot be read; allowed: https://HOST/PATH") from None
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Unusable(
            f"the address of the API on {host!r} holds more than a host and a path; allowed: https://HOST/PATH"
        )
    if not host or (parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK)):
        raise Unusable(f"{parts.scheme}://{host}: the token is sent by https only; allowed: https://HOST/PATH")
    return f"{parts.scheme}://{host}:{port or (443 if parts.scheme == 'https' else 80)}"
