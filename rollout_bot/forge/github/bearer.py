"""Whose token the bot acts with, as far as reading tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    ACTIONS = "GITHUB_TOKEN"
    APP = "App"
    PERSON = "person"
    UNKNOWN = "unknown"


_KINDS = {"ghs_": Kind.APP, "ghp_": Kind.PERSON, "github_pat_": Kind.PERSON, "gho_": Kind.PERSON, "ghu_": Kind.PERSON}


@dataclass(frozen=True, slots=True)
class Bearer:
    """`name` is the account that acts, without "[bot]"; `app` the id of its App, None where that cannot be told."""

    name: str
    kind: Kind
    app: int | None = None


def kind_of(token: str) -> Kind:
    """What a token's beginning tells; installation tokens of GitHub Actions count as an App's here."""
    return next((kind for prefix, kind in _KINDS.items() if token.startswith(prefix)), Kind.UNKNOWN)
