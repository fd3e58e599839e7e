"""One message or one page of figures to somebody's server: bounded, and without a word that could hold its address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    import requests

SILENCE = 4.0
"""Seconds for a connection and for each silence within an answer; whoever waits for the whole sets a bound as well."""

ANSWER_BYTES = 4096
"""Of an answer that are read at most, to see whether it names an error."""

_WORD = re.compile(rb"[a-z]+(_[a-z]+)*")


class Undelivered(Exception):
    """It did not arrive, or nobody knows. The message never holds an address, a credential or a foreign sentence."""


def send(method: Literal["POST", "PUT"], address: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Sends a body once; any 2xx is a receipt. Name and password in the address become basic authentication.

    Redirects are not followed: they would carry what is secret elsewhere. Raises Undelivered.
    """
    import requests

    from rollout_bot.network.exchange import OffLimits
    from rollout_bot.network.reach import session

    url, credentials = _target(address)
    try:
        with session() as sending:
            answer = sending.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                # Always given, or requests would look for credentials in ~/.netrc.
                auth=credentials or _unsigned,
                allow_redirects=False,
                stream=True,
                timeout=SILENCE,
            )
            with answer:
                said = b"" if answer.ok else next(answer.iter_content(ANSWER_BYTES), b"")
    except OffLimits as error:
        raise Undelivered(str(error)) from None
    except (requests.exceptions.RequestException, OSError, ValueError) as error:
        raise Undelivered(_reason(error)) from None
    if not 200 <= answer.status_code < 300:
        raise Undelivered(_refusal(answer.status_code, said.strip(), address))


def address_fault(address: str) -> str | None:
    """Why an address cannot be used, in words that do not repeat it; None if it can."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "it is no URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "it is no http:// or https:// URL"
    return None


def _target(address: str) -> tuple[str, tuple[str, str] | None]:
    if fault := address_fault(address):
        raise Undelivered(fault)
    parts = urlsplit(address)
    credentials = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, "")), credentials


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer within {SILENCE:g} s"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "cannot connect to the server; is the address right?"
    return f"the request could not be made ({type(error).__name__})"


def _refusal(status: int, said: bytes, address: str) -> str:
    if 300 <= status < 400:
        return f"the server answers {status}, a redirect; none is followed: set the final address"
    if status in (401, 403):
        return f"the server answers {status}: the credentials are missing or not accepted"
    # One word, such as Slack's "invalid_payload", explains itself; anything else could repeat the address.
    word = f" ({said.decode()})" if len(said) < 60 and _WORD.fullmatch(said) and said.decode() not in address else ""
    return f"the server answers {status}{word}"
