"""Which keys belong to a share of a rollout: the same ones everywhere, and at a higher percentage only more of them.

A key's place is the 64-bit BLAKE2b hash (RFC 7693) of the rollout's name, a zero byte and the key, read as a big-endian
number; it belongs to the share if its place is below ⌊percentage · 2⁶⁴ ÷ 100⌋. Other languages can do the same.
"""

from __future__ import annotations

from hashlib import blake2b

_BYTES = 8
_PLACES = 1 << 8 * _BYTES


class Share:
    """The keys of one rollout that a percentage takes in; 0 takes in none of them and 100 all."""

    __slots__ = ("_below", "_named")

    def __init__(self, rollout: str, percentage: int) -> None:
        # The name makes rollouts independent of each other: no user is the first to meet all of them.
        self._named = blake2b(rollout.encode() + b"\0", digest_size=_BYTES)
        self._below = percentage * _PLACES // 100

    def __contains__(self, key: bytes) -> bool:
        hashed = self._named.copy()
        hashed.update(key)
        return int.from_bytes(hashed.digest(), "big") < self._below
