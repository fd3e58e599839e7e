"""Bounds for exchanges with servers, in time and in bytes: neither trust nor a timeout per read gives them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

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
    (ended,) = _ended([lambda: exchange(abandoned)], 1, seconds)
    abandoned.set()
    if ended is None:
        raise Late
    if isinstance(ended, Exception):
        raise ended
    return ended.value


def bounded(tasks: Iterable[Callable[[], T]], *, at_once: int, seconds: float = float("inf")) -> list[T | None]:
    """What the tasks return, in their order; None for one that was not over in time, or that raised."""
    return [ended.value if isinstance(ended, _Returned) else None for ended in _ended(tasks, at_once, seconds)]


@dataclass(frozen=True, slots=True)
class _Returned(Generic[T]):
    value: T


_Ended = _Returned[T] | Exception


def _ended(tasks: Iterable[Callable[[], T]], at_once: int, seconds: float) -> list[_Ended[T] | None]:
    """How each task ended, in their order; None where it was not over in time.

    A pool of concurrent.futures would keep the process from ending while a server trickles out its answer.
    """
    waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, _Ended[T]]] = queue.SimpleQueue()
    for entry in enumerate(tasks):
        waiting.put(entry)
    found: list[_Ended[T] | None] = [None] * waiting.qsize()
    deadline = time.monotonic() + seconds
    for _ in range(min(at_once, len(found))):
        threading.Thread(target=_work, args=(waiting, done, deadline), name="exchange", daemon=True).start()
    try:
        for _ in found:
            left = deadline - time.monotonic()
            index, ended = done.get(timeout=None if left == float("inf") else max(left, 0.001))
            found[index] = ended
    except queue.Empty:
        pass
    return found


def _work(
    waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]],
    done: queue.SimpleQueue[tuple[int, _Ended[T]]],
    deadline: float,
) -> None:
    while time.monotonic() < deadline:
        try:
            index, task = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            done.put((index, _Returned(task())))
        except Exception as error:  # noqa: BLE001 - handed over to whoever waits
            done.put((index, error))


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
