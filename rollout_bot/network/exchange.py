"""Bounds for one exchange with a server, in time and in bytes: neither trust nor a timeout per read gives them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

CHUNK = 64 * 1024
"""Bytes of an answer that are read at once."""

T = TypeVar("T")


class Late(Exception):
    """The deadline has passed; what was asked for may have been done or not."""


class Oversized(Exception):
    """The answer holds more bytes than allowed."""


class OffLimits(Exception):
    """Nothing is asked of where the address leads. The message says what to do, and never holds the address."""


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


def within(seconds: float, exchange: Callable[[threading.Event], T]) -> T:
    """The outcome of an exchange, or what it raised. Raises Late after `seconds`, whatever the server does.

    A timeout of requests is per read and never fires on one byte a second, nor on a slow name server. A thread that is
    left behind is told by the event that it gets, and ends with the connection or with the process.
    """
    abandoned = threading.Event()
    outcomes: list[T] = []
    failures: list[Exception] = []

    def run() -> None:
        try:
            outcomes.append(exchange(abandoned))
        except Exception as error:  # noqa: BLE001 - handed over to whoever waits
            failures.append(error)

    if seconds > 0:
        worker = threading.Thread(target=run, name="exchange", daemon=True)
        worker.start()
        worker.join(seconds)
    abandoned.set()
    for error in failures:
        raise error
    for outcome in outcomes:
        return outcome
    raise Late


def body(chunks: Iterable[bytes], bound: int, abandoned: threading.Event) -> bytes:
    """A whole body of at most `bound` bytes. Raises Oversized, and Abandoned once the event is set."""
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > bound:
            raise Oversized
        if abandoned.is_set():
            raise Abandoned
    return bytes(found)
