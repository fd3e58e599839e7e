"""What a failed exchange with GitHub means. Never the text of a foreign exception: it may hold the token."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from rollout_bot.core.wording import readable
from rollout_bot.forge.interface import BudgetSpent, Conflict, ForgeError, NotFound, NotMergeable, Unusable


class Unanswered(ForgeError):
    """No usable answer: what was asked for may have been done or not. A look tells."""


class Overloaded(Unanswered):
    """GitHub gave up on the question itself; a smaller one may be answered."""


class Overlong(Overloaded):
    """The answer holds more bytes than are read; the same question would bring them again."""


class Rejected(ForgeError):
    """GitHub understood and refused, such as a branch that is there already. A look tells why."""


class SlowDown(BudgetSpent):
    """A limit is reached, and nothing was done. `wait` is in seconds."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a request is for, for messages: "merge #7"; and the permission of a token that it needs."""

    what: str
    permission: str


_SECONDARY = 60.0
"""Seconds that GitHub asks to wait for at a secondary limit which names no time."""

_LIMITS = ("secondary rate limit", "api rate limit exceeded", "abuse detection")
_OVERLOADS = ("something went wrong while executing your query", "timedout", "couldn't respond to your request in time")
# By the names that the answers' parts have in our queries.
LONGEST = 300
"""Characters of GitHub's own words that a message repeats."""

_PARTS = (
    ("pull-requests: read", ("open", "closed", "pulls", "pullRequest", "associatedPullRequests", "search")),
    ("statuses: read", ("status",)),
)


@contextmanager
def understood() -> Iterator[None]:
    """Takes an answer of another form than was asked for, which breaks whoever reads it, for no usable one."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        what = readable(f"{type(error).__name__}: {error}", LONGEST)
        raise Unanswered(
            f"GitHub's answer has not the form that was asked for ({what}); see githubstatus.com"
        ) from error


def said(body: str) -> str:
    """What GitHub's error answer says, with the details of a validation; empty where it says nothing."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(document, dict):
        return ""
    parts = [document.get("message")]
    errors = document.get("errors")
    details = errors if isinstance(errors, list) else []
    parts += [each.get("message") or each.get("code") if isinstance(each, dict) else each for each in details]
    return readable("; ".join(part for part in parts if isinstance(part, str)), LONGEST)


def failed(status: int, headers: Mapping[str, str], body: str, purpose: Purpose) -> ForgeError:
    """What a REST status of 300 or above means. Header names are in lower case."""
    message = said(body)
    told = f": {message}" if message else ""
    if limit := _limit(status, headers, message, purpose):
        return limit
    if status < 400:
        return Unusable(
            f"cannot {purpose.what}: GitHub answers {status}, a redirect; was the repository renamed or moved?"
        )
    if status == 401:
        return Unusable(f"cannot {purpose.what}: GitHub does not accept the token{told}; it is wrong, or has expired")
    if status == 403:
        return _forbidden(message, purpose)
    if status == 404:
        return NotFound(
            f"cannot {purpose.what}: there is no such thing, or the token may not see it "
            f"(it needs `{purpose.permission}`)"
        )
    if status == 405:
        return NotMergeable(f"cannot {purpose.what}{told}")
    if status == 409:
        return Conflict(f"cannot {purpose.what}{told}; take a new snapshot")
    if status >= 500 or status == 413:
        return Overloaded(f"cannot {purpose.what}: GitHub answers {status}{told}; try again, see githubstatus.com")
    return Rejected(f"cannot {purpose.what}: GitHub refuses ({status}){told}")


def questionable(errors: Sequence[Any], purpose: Purpose) -> ForgeError:
    """What the `errors` of a GraphQL answer mean; they come with status 200. The most telling one counts."""
    known = [error for error in errors if isinstance(error, dict)]
    kinds = {str(error.get("type") or "").upper() for error in known}
    told = "; ".join(str(error.get("message") or error.get("type")) for error in known)
    message = readable(told or "no reason given", LONGEST)
    text = f"cannot {purpose.what}: {message}"
    if "RATE_LIMITED" in kinds or any(limit in message.lower() for limit in _LIMITS):
        return SlowDown(f"{text}; the next tick goes on", _SECONDARY)
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"} or "not accessible by" in message.lower():
        return _forbidden(message, Purpose(purpose.what, _permission(known, purpose)))
    if "NOT_FOUND" in kinds:
        return NotFound(f"{text}; or the token may not see it (it needs `{purpose.permission}`)")
    if "STALE_DATA" in kinds:
        return Conflict(f"{text}; take a new snapshot")
    overloaded = any(each in message.lower() for each in _OVERLOADS)
    if overloaded or kinds & {"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED", "INTERNAL", "SERVICE_UNAVAILABLE"}:
        return Overloaded(f"{text}; try again")
    return Rejected(text)


def lost(purpose: Purpose, error: Exception) -> ForgeError:
    """What an exception beneath HTTP means; its own text stays out."""
    import requests

    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        return Unusable(
            f"cannot {purpose.what}: the token holds what no header may, such as a line break; copy it anew"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return Unusable(
            f"cannot {purpose.what}: its certificate is not trusted; a private authority goes into REQUESTS_CA_BUNDLE"
        )
    if isinstance(error, requests.exceptions.Timeout):
        return Overloaded(f"cannot {purpose.what}: GitHub did not answer in time; the next tick looks anew")
    if isinstance(error, requests.exceptions.RequestException):
        return Unanswered(f"cannot {purpose.what}: the connection to GitHub failed or broke; the next tick looks anew")
    if isinstance(error, ValueError):
        return Unanswered(f"cannot {purpose.what}: a header of GitHub's answer cannot be read")
    return Unusable(
        f"cannot {purpose.what}: GitHub redirects elsewhere; correct the repository's name or the addresses"
    )


def _limit(status: int, headers: Mapping[str, str], message: str, purpose: Purpose) -> SlowDown | None:
    spent = headers.get("x-ratelimit-remaining") == "0"
    asked = headers.get("retry-after")
    if status not in (403, 429) or not (
        status == 429 or spent or asked or any(limit in message.lower() for limit in _LIMITS)
    ):
        return None
    wait = _SECONDARY
    if asked is not None and _whole(asked):
        wait = float(asked)
    elif spent and _whole(reset := headers.get("x-ratelimit-reset", "")):
        wait = max(0.0, float(reset) - _moment(headers)) + 1
    return SlowDown(f"cannot {purpose.what}: GitHub asks to slow down ({wait:.0f} s); the next tick goes on", wait)


def _moment(headers: Mapping[str, str]) -> float:
    """The server's own time, in seconds since the epoch: ours may differ. Without one a limit seems far away."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return 0.0


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12


def _forbidden(message: str, purpose: Purpose) -> ForgeError:
    if "not permitted to create or approve pull requests" in message.lower():
        return Unusable(
            f"cannot {purpose.what}: {message}; switch on Settings → Actions → General → "
            '"Allow GitHub Actions to create and approve pull requests", or use the token of a GitHub App'
        )
    told = f" ({message})" if message else ""
    return Unusable(f"cannot {purpose.what}: the token lacks the permission `{purpose.permission}`{told}; grant it")


def _permission(errors: Sequence[Mapping[str, Any]], purpose: Purpose) -> str:
    """Of a query, which reads many things, the path of an error tells which of them was refused."""
    paths = {part for error in errors for part in (error.get("path") or ()) if isinstance(part, str)}
    return next((name for name, parts in reversed(_PARTS) if paths & set(parts)), purpose.permission)
