"""Which of several runs a rollout belongs to, where one run is not enough for all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

MOST = 256
"""Jobs that GitHub makes of one matrix at most."""

_FORM = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The `number`th of `of` runs, from 1 on. Raises ValueError for one that there cannot be."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST:
            raise ValueError(f"there is no shard {self}; allowed: K/N with 1 ≤ K ≤ N ≤ {MOST}, such as 2/4")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def whole(self) -> bool:
        """Whether there is no other."""
        return self.of == 1

    @property
    def first(self) -> bool:
        """Whether it is the one that takes what belongs to no rollout."""
        return self.number == 1

    def holds(self, rollout: str) -> bool:
        """Whether it is this shard's rollout: exactly one of all says yes, the same on every machine.

        Rendezvous hashing (Thaler and Ravishankar, 1998): the shard with the highest score wins. With one more shard,
        only what that one wins moves.
        """
        return self.whole or self.number == max(
            range(1, self.of + 1), key=lambda number: (_score(number, rollout), number)
        )


WHOLE = Shard(1, 1)


def parse_shard(text: str) -> Shard:
    """A shard written as K/N. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no shard; allowed: K/N with 1 ≤ K ≤ N ≤ {MOST}, such as 2/4")
    return Shard(int(found[1]), int(found[2]))


def _score(number: int, rollout: str) -> bytes:
    return blake2b(f"{number}\0{rollout}".encode(), digest_size=8).digest()
