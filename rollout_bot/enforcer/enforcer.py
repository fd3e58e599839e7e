"""Follows a `state.yaml` and decides by it, as often as a service asks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from rollout_bot.contract import parse_state, read_bytes
from rollout_bot.core.model.state import State
from rollout_bot.enforcer.share import Share
from rollout_bot.files.problems import InvalidFile, Problem, show

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from rollout_bot.enforcer.metrics import Metrics

_LOG = logging.getLogger("rollout_bot.enforcer")


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read last: replaced as a whole, so that no thread sees half of a change."""

    content: bytes
    state: State
    share: Share


class Enforcer:
    """Says who gets the change of one rollout. Safe to share between threads; it starts none itself.

    The file is looked at again at most every `check_every` seconds, by whichever call comes next. While it is missing
    or invalid the last good state stays in force, and the log says so, once.
    """

    def __init__(self, path: str | os.PathLike[str], check_every: float, clock: Callable[[], float]) -> None:
        self._path = path
        self._check_every = check_every
        self._clock = clock
        self._known = self._read(read_bytes(path))
        self._next_look = clock() + check_every
        self._looking = Lock()
        self._trouble = ""

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, check_every: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> Enforcer:
        """Raises InvalidFile if the file is missing or invalid to begin with: there is no good state to go on with."""
        return cls(path, check_every, clock)

    @property
    def rollout(self) -> str:
        """The name of the rollout, which never changes."""
        return self._known.state.rollout

    @property
    def state(self) -> State:
        """The state in force."""
        if self._clock() >= self._next_look:
            self._look()
        return self._known.state

    @property
    def percentage(self) -> int:
        """The percentage in force, from 0 to 100."""
        return self.state.percentage

    def is_enforced(self, key: str | bytes) -> bool:
        """Whether the request, user or whatever `key` stands for gets the change; text counts as its UTF-8.

        The same key gets the same answer in every process, and keeps it as the percentage grows. Raises TypeError for
        anything but str and bytes: None is not a user.
        """
        if self._clock() >= self._next_look:
            self._look()
        if isinstance(key, str):
            key = key.encode("utf-8", "surrogatepass")
        elif not isinstance(key, bytes):
            raise TypeError(f"a key is str or bytes, not {type(key).__name__}; a request without one needs another key")
        return key in self._known.share

    def metrics(self, *, baseline: bool = False, registry: CollectorRegistry | None = None) -> Metrics:
        """Counters and the percentage for Prometheus; call it once. See `Metrics`."""
        from rollout_bot.enforcer.metrics import Metrics

        return Metrics(self, baseline=baseline, registry=registry)

    def _look(self) -> None:
        # Whoever comes while another thread looks goes on with what is known.
        if not self._looking.acquire(blocking=False):
            return
        try:
            self._next_look = self._clock() + self._check_every
            self._follow()
        except InvalidFile as error:
            trouble = "; ".join(str(error).splitlines())
            if trouble != self._trouble:
                kept = self._known.state
                _LOG.warning("%s; %s stays at %d %%", trouble, kept.rollout, kept.percentage)
            self._trouble = trouble
        finally:
            self._looking.release()

    def _follow(self) -> None:
        content = read_bytes(self._path)
        before = self._known
        # Bytes are compared, because a time stamp may miss a change that follows another at once.
        if content != before.content:
            after = self._read(content)
            if after.state.rollout != before.state.rollout:
                other, own = show(after.state.rollout), show(before.state.rollout)
                raise InvalidFile((Problem(os.fspath(self._path), 1, 1, "rollout", other, own),))
            self._known = after
            _LOG.info("%s goes from %d %% to %d %%", self.rollout, before.state.percentage, after.state.percentage)
        elif self._trouble:
            _LOG.info("%s is as it was, at %d %%", os.fspath(self._path), before.state.percentage)
        self._trouble = ""

    def _read(self, content: bytes) -> _Known:
        state = parse_state(content, self._path)
        return _Known(content, state, Share(state.rollout, state.percentage))
