"""The connection beneath PyGithub's requester: as its own, with a bound on the bytes of an answer."""

from __future__ import annotations

import threading
from collections.abc import ItemsView, Mapping
from dataclasses import dataclass

from github.Requester import HTTPRequestsConnectionClass

from rollout_bot.network.exchange import CHUNK, Oversized, body
from rollout_bot.network.values import too_many

MAX_BYTES = 44 * 1024 * 1024
"""Of one answer, after decompression. A snapshot holds the texts of a hundred pull requests: 40 MB at their longest,
and nobody may keep the bot from looking by writing much.
"""

MAX_VALUES = 1_000_000
"""Of one answer, as `too_many` counts them."""

_LIMITS = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer as PyGithub reads it."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def getheaders(self) -> ItemsView[str, str]:
        """Without limits that are no numbers: PyGithub would stumble over them, and nothing depends on them."""
        return {name: each for name, each in self.headers.items() if _readable(name, each)}.items()

    def read(self) -> str:
        return self.content.decode("utf-8", "replace")


def _readable(name: str, value: str) -> bool:
    return name.lower() not in _LIMITS or (value.isascii() and value.isdecimal() and len(value) < 16)


class Connection(HTTPRequestsConnectionClass):
    """Kept open from one exchange to the next; not for two at once. `abandoned` ends the reading of an answer."""

    def __init__(self, scheme: str, host: str, port: int, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)  # type: ignore[arg-type]  # requests takes any number
        self.protocol = scheme
        self.abandoned = threading.Event()

    def getresponse(self) -> Response:  # type: ignore[override]  # PyGithub asks for no more than this
        """The answer to the last `request`. Raises what requests raises, Oversized and Abandoned."""
        with self.session.request(
            self.verb,
            f"{self.protocol}://{self.host}:{self.port}{self.url}",
            headers=self.headers,
            data=self.input,
            timeout=self.timeout,
            verify=self.verify,
            allow_redirects=False,
            stream=True,
        ) as answer:
            content = body(answer.iter_content(CHUNK), MAX_BYTES, self.abandoned)
        if too_many(content, MAX_VALUES):
            raise Oversized
        return Response(answer.status_code, answer.headers, content)
