"""What a JSON document takes in memory, known before it is read: nine bytes of text can become three hundred."""

from __future__ import annotations

import sys

TIMES = 12
"""How much larger than the bytes allowed for it an answer may become."""

_SIZES = {"{": 240, "[": 96, ",": 64, ":": 100, '"': 28}
"""Bytes for each mark: objects and lists with their first places, numbers and places, keys, halves of texts."""


def weight(text: str) -> int:
    """Bytes, rather too many than too few: of the text, once more for what is copied from it, and of its values."""
    return 2 * sys.getsizeof(text) + sum(text.count(mark) * size for mark, size in _SIZES.items())
