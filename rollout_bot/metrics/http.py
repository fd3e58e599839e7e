"""One bounded exchange over HTTP: JSON comes back, or a reason that holds no secret."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from rollout_bot.metrics.failures import (
    ExchangeFailed,
    TooLarge,
    failure_reason,
    refused_constant,
    status_reason,
    unreadable,
)
from rollout_bot.network.exchange import CHUNK, Late, OffLimits, Oversized, within
from rollout_bot.network.exchange import body as read_body
from rollout_bot.network.values import too_many

if TYPE_CHECKING:
    import requests

ATTEMPTS = 3
"""Of one request, the first included; all of them are reads, so that repeating one is safe."""

MAX_BYTES = 16 * 1024 * 1024

_BYTES_A_MARK = 7
"""What `too_many` counts, for the bytes allowed: Prometheus needs 28 and four marks for a sample of 15 digits."""

_FEW_VALUES = 1000

_RETRIED = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Access:
    """How a server is reached. `deadline` is in seconds for everything that one measurement asks."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str | None = None
    password: str | None = None
    bearer: str | None = None
    ca_file: str | None = None
    deadline: float = 30.0
    max_bytes: int = MAX_BYTES

    def credentials(self) -> tuple[str, str] | None:
        """Name and password for basic authentication: the configured ones, else those in the address."""
        parts = urlsplit(self.address)
        if self.username is None and parts.username is not None:
            return unquote(parts.username), unquote(parts.password or "")
        return None if self.username is None else (self.username, self.password or "")

    def secrets(self) -> list[str]:
        """Everything that must not appear in a message, the longest first."""
        parts = urlsplit(self.address)
        name, password = self.credentials() or ("", "")
        found = [password, self.bearer or "", parts.password or "", *(value for _, value in parse_qsl(parts.query))]
        found.append(base64.b64encode(f"{name}:{password}".encode()).decode() if name else "")
        # Words too short to be credentials, such as a tenant called "1", would only garble the message.
        found += [word for value in (name, *self.headers.values()) for word in value.split() if len(word) >= 6]
        found += [part for part in parts.path.split("/") if len(part) >= 16]
        return sorted({*filter(None, found), *(quote(each, safe="") for each in found if each)}, key=len, reverse=True)

    def hide(self, text: str) -> str:
        """A text without the secrets: a server could say anything, even what was sent to it."""
        for secret in self.secrets():
            text = text.replace(secret, "***")
            # What was cut for its length may end within one.
            for length in range(len(secret) - 1, 2, -1):
                text = text.replace(f"{secret[:length]}…", "***…")
        return text


@dataclass(frozen=True, slots=True)
class Clock:
    """Time for the deadline and the pauses; tests bring their own."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def address_fault(address: str) -> str | None:
    """Why an address cannot be used, in words that do not repeat it; None if it can."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "not a URL"
    if parts.scheme not in ("http", "https"):
        return "not an http:// or https:// URL"
    return None if parts.hostname else "a URL without a host"


class Client:
    """Asks one server, within one deadline that begins when the client is made.

    What is asked within a `with` shares a connection: to shake hands takes a server far away longer than to answer.
    """

    def __init__(self, access: Access, clock: Clock | None = None) -> None:
        self._access = access
        self._clock = clock or Clock()
        self._deadline = self._clock.monotonic() + access.deadline
        self._session: requests.Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._session is not None:
            self._session.close()

    def ask(self, method: Literal["GET", "POST"], path: str, parameters: Mapping[str, str]) -> object:
        """The JSON document that the server answers; form-encoded parameters. Raises ExchangeFailed.

        Retries what failed on the way or with 429 or 5xx, while the deadline allows. Redirects are not followed.
        """
        fault = address_fault(self._access.address)
        if fault:
            raise ExchangeFailed(
                f"the address is {fault}; see its setting in the policy, and its variable if it has one"
            )
        try:
            return self._attempts(method, path, parameters)
        except ExchangeFailed as error:
            raise type(error)(self.hide(str(error))) from None

    def hide(self, text: str) -> str:
        """A text about an answer, without the secrets with which it was asked for."""
        return self._access.hide(text)

    def _attempts(self, method: str, path: str, parameters: Mapping[str, str]) -> object:
        attempt = 0
        while True:
            attempt += 1
            try:
                return _document(self._within_deadline(method, path, parameters), self._access.max_bytes)
            except ExchangeFailed as error:
                pause = error.retry_after if error.retry_after is not None else 0.5 * attempt
                if not error.transient or attempt == ATTEMPTS or pause >= self._remaining():
                    raise
                self._clock.sleep(pause)

    def _remaining(self) -> float:
        return self._deadline - self._clock.monotonic()

    def _within_deadline(self, method: str, path: str, parameters: Mapping[str, str]) -> bytes:
        from rollout_bot.network.reach import session

        access = self._access
        # Not by the thread that asks: one that is left behind must not open what nobody closes.
        asking = self._session = self._session or session()
        try:
            return within(
                self._remaining(), lambda abandoned: self._exchange(asking, method, path, parameters, abandoned)
            )
        except ExchangeFailed:
            raise
        except OffLimits as error:
            raise ExchangeFailed(str(error)) from None
        except Late:
            raise ExchangeFailed(f"no complete answer within {access.deadline:g} s (deadline)") from None
        except Oversized:
            raise TooLarge(f"the answer is larger than {access.max_bytes} bytes (max_bytes)") from None
        except Exception as error:  # noqa: BLE001 - a foreign error of any kind is translated here, or nowhere
            raise failure_reason(error) from None

    def _exchange(
        self,
        asking: requests.Session,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        abandoned: threading.Event,
    ) -> bytes:
        url, authentication = _target(self._access, path)
        answer = asking.request(
            method,
            url,
            params=dict(parameters) if method == "GET" else None,
            data=dict(parameters) if method == "POST" else None,
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", **self._access.headers},
            auth=authentication,
            verify=self._access.ca_file or True,
            allow_redirects=False,
            stream=True,
            timeout=self._access.deadline,
        )
        with answer:
            body = read_body(answer.iter_content(CHUNK), self._access.max_bytes, abandoned)
        if answer.status_code != HTTPStatus.OK:
            raise _refusal(answer, body)
        return body


def _target(access: Access, path: str) -> tuple[str, Callable[[requests.PreparedRequest], requests.PreparedRequest]]:
    """The URL without credentials, and what signs a request with them.

    Signing here and always, because requests would else look for credentials in the URL and in ~/.netrc.
    """
    parts = urlsplit(access.address)
    credentials = access.credentials()

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if access.bearer is not None:
            request.headers["Authorization"] = f"Bearer {access.bearer}"
        elif credentials is not None:
            pair = base64.b64encode(":".join(credentials).encode()).decode()
            request.headers["Authorization"] = f"Basic {pair}"
        return request

    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, parts.path.rstrip("/") + path if path else parts.path, parts.query, ""))
    return url, sign


def _refusal(answer: requests.Response, body: bytes) -> ExchangeFailed:
    wait = answer.headers.get("Retry-After", "")
    return ExchangeFailed(
        status_reason(answer.status_code, body),
        transient=answer.status_code in _RETRIED,
        retry_after=float(wait) if re.fullmatch(r"[0-9]{1,9}", wait) else None,
    )


def _document(body: bytes, max_bytes: int) -> object:
    if too_many(body, max(_FEW_VALUES, max_bytes // _BYTES_A_MARK)):
        raise TooLarge(f"the answer has more values than {max_bytes} bytes may hold (max_bytes)")
    try:
        # In UTF-16 values are counted wrongly; between systems JSON is UTF-8 (RFC 8259, section 8.1).
        return json.loads(body.decode("utf-8-sig"), parse_constant=refused_constant)
    except (ValueError, RecursionError) as error:
        raise unreadable(body, error) from None
