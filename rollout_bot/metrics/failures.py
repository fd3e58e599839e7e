"""Why an exchange over HTTP failed, in words for people. Never the text of a foreign exception: it holds the URL."""

from __future__ import annotations

import json
import ssl
from typing import NoReturn

from rollout_bot.core.wording import readable


class ExchangeFailed(Exception):
    """No usable answer. `transient`: the same request may succeed later, after `retry_after` seconds if given."""

    def __init__(self, reason: str, *, transient: bool = False, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.transient = transient
        self.retry_after = retry_after


class TooLarge(ExchangeFailed):
    """The answer holds more bytes than are read: asking for less at once may help."""


def failure_reason(error: Exception) -> ExchangeFailed:
    """What an exception of requests, or of anything beneath it, means."""
    import requests

    if isinstance(error, requests.exceptions.InvalidHeader | UnicodeError):
        return ExchangeFailed("a header, ours or the server's, holds what HTTP does not allow, such as a line break")
    if isinstance(error, requests.exceptions.SSLError):
        certificate = _cause(error, ssl.SSLCertVerificationError)
        why = getattr(certificate, "verify_message", "") or "handshake failed"
        return ExchangeFailed(f"TLS: {readable(why)}; a private authority goes into ca_file")
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return ExchangeFailed("the answer was cut short or damaged on the way", transient=True)
    if isinstance(error, requests.exceptions.Timeout):
        return ExchangeFailed("the server did not answer in time", transient=True)
    if isinstance(error, requests.exceptions.ConnectionError):
        why = getattr(_cause(error, OSError), "strerror", None)
        detail = f" ({readable(why)})" if isinstance(why, str) else ""
        return ExchangeFailed(f"cannot connect to the server{detail}; is its address right?", transient=True)
    if isinstance(error, OSError) and not isinstance(error, requests.exceptions.RequestException):
        return ExchangeFailed("the file of certificates (ca_file) cannot be read")
    return ExchangeFailed(f"the request could not be made ({type(error).__name__})")


def status_reason(status: int, body: bytes) -> str:
    """What a status other than 200 means; servers of the Prometheus API explain themselves in JSON."""
    if 300 <= status < 400:
        return f"the server answers {status}, a redirect; none is followed: put the final address into the policy"
    if status in (401, 403):
        return f"the server answers {status}: the credentials are missing or not accepted"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    explained = document.get("error") if isinstance(document, dict) else None
    return f"the server answers {status}" + (f": {readable(explained)}" if isinstance(explained, str) else "")


def refused_constant(literal: str) -> NoReturn:
    """Python's reader takes NaN and Infinity, which are no JSON."""
    raise ValueError(f"{literal} is not JSON")


def unreadable(body: bytes, error: Exception) -> ExchangeFailed:
    """Why a body is not JSON."""
    if body.lstrip()[:1] == b"<":
        return ExchangeFailed("the answer is HTML or XML, not JSON: a login page, or the address of another service?")
    if not body.strip():
        return ExchangeFailed("the answer is empty")
    return ExchangeFailed(f"the answer is not complete JSON ({readable(str(error), 80)})")


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The innermost cause of a kind that says something of its own."""
    found: BaseException | None = None
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, kind) and (getattr(each, "strerror", None) or getattr(each, "verify_message", None)):
            found = each
        pending += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found
