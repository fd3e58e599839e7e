"""Keeping what the environment holds out of a text whose words are not ours, such as that of a bug."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote, urlsplit

LEAST = 6
"""Characters of a secret; shorter values are words that any text may hold."""


def redacted(text: str, environment: Mapping[str, str]) -> str:
    """The text with `${NAME}` in place of the value of each variable, and of each part of one that is an address.

    Values are found as they are, as they stand in an address, and in Base64.
    """
    written = {form: name for name, value in environment.items() for form in _forms(value)}
    for form in sorted(written, key=len, reverse=True):
        text = text.replace(form, f"${{{written[form]}}}")
    return text


def _forms(value: str) -> Iterator[str]:
    for part in {value, value.strip(), *_parts(value)}:
        if len(part) >= LEAST:
            yield from (part, quote(part, safe=""), b64encode(part.encode("utf-8", "replace")).decode().rstrip("="))


def _parts(value: str) -> Iterator[str]:
    """Credentials, path and query of a value that is an address, and what is in its path: some are secret in all."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    if not parts.netloc:
        return
    credentials = parts.netloc.rpartition("@")[0]
    whole = (credentials, *credentials.split(":"), parts.path, *parts.path.split("/"), parts.query)
    for part in (*whole, *(each.partition("=")[2] for each in parts.query.split("&"))):
        yield from (part, unquote(part))
