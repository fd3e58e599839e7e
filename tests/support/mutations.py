"""A true document with a few lies in it: values of other kinds, words that mean something else, parts gone or moved."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

WORDS = ("MERGED", "OPEN", "CLOSED", "SUCCESS", "APPROVED", "RENAMED", "DELETED", "main", "refs/heads/main", "0" * 40)
ODD = (None, True, False, 0, -1, 10**30, 1.5, "", "\0", "\u202e\x1b[2J\r\n::error::x", "x" * 5000, [], {}, [None], [[]])


def mutate(draw: random.Random, document: Any) -> None:
    """Changes one to five places of a document of JSON, in place."""
    found = list(_places(document))
    for _ in range(draw.choice((1, 1, 2, 5)) if found else 0):
        holder, key = draw.choice(found)
        match draw.randrange(5):
            case 0 if isinstance(holder, dict):
                holder.pop(key, None)
            case 1:
                _put(holder, key, draw.choice(WORDS))
            case 2:
                other, its = draw.choice(found)
                _put(holder, key, copy.deepcopy(other.get(its) if isinstance(other, dict) else list(other)))
            case 3 if key == "hasNextPage":
                _put(holder, key, True)
            case _:
                _put(holder, key, copy.deepcopy(draw.choice(ODD)))


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every place: a mapping with a key, or a list with an index."""
    entries: Any = {}
    if isinstance(document, dict | list):
        entries = document if isinstance(document, dict) else dict(enumerate(document))
    for key, value in list(entries.items()):
        yield document, key
        yield from _places(value)


def _put(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict) or key < len(holder):
        holder[key] = value
