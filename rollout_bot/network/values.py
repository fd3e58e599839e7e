"""A bound on the values of a JSON document before it is read: a megabyte of `[],[],[]` becomes 25 in memory."""

from __future__ import annotations

import re

_BEGIN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{,]', re.DOTALL)


def too_many(document: bytes, most: int) -> bool:
    """Whether a document has more than `most` marks: texts, and brackets and commas outside of them.

    Every value comes with one at least, and with four at most. Takes time in proportion to the document.
    """
    # Mostly, marks are few even with those in texts, and counting them all is quicker.
    if sum(map(document.count, (b'"', b"[", b"{", b","))) <= most:
        return False
    return any(number > most for number, _ in enumerate(_BEGIN.finditer(document), 1))
