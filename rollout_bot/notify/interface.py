"""What a notifier is, and the message that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rollout_bot.core.notices import Notice


@dataclass(frozen=True, slots=True)
class Message:
    """A notice on its way. `id` is the same for the same notice, however often it is sent; `url` leads to its pull
    request, where that has a page.
    """

    notice: Notice
    id: str
    at: datetime
    url: str | None = None


class Notifier(Protocol):
    """Sends one message, once."""

    def notify(self, message: Message) -> None:
        """Raises Undelivered, nothing else. Need not keep a deadline: whoever calls does not wait for ever."""
