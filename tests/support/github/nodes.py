"""What GraphQL requests walk through: thin views of the world, named as GitHub's schema names them.

A field is an attribute or a method of the same name in snake case. Here is what all views share; the others are in
`objects.py`, `pulls.py` and `repository.py`, each above the one before.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from support.github.graph import Cost
from support.github.model import Actor, Label, Pull, Token, forbidden
from support.github.world import World


@dataclass
class Context:
    """One request: whose it is and where it looks."""

    world: World
    token: Token
    address: str
    cost: Cost = field(default_factory=Cost)
    remaining: int = 5000
    looked: dict[int, str] = field(default_factory=dict)

    def look(self, pull: Pull) -> str:
        """A pull request's mergeability; however many fields of a request ask, it is one look."""
        if pull.number not in self.looked:
            self.looked[pull.number] = self.world.look(pull)
        return self.looked[pull.number]

    def need(self, area: str, level: str = "read") -> None:
        """Raises `Refused` where the token may not."""
        if self.token.permissions.get(area) not in (level, "write"):
            raise forbidden()


class Node:
    """A view of `data`, in the context of one request."""

    def __init__(self, context: Context, data: Any) -> None:
        self.context, self.data, self.world = context, data, context.world

    @property
    def typename(self) -> str:
        return type(self).__name__.removesuffix("Node")

    def repository(self) -> Any:
        """All that there is belongs to one."""
        from support.github.repository import RepositoryNode

        return RepositoryNode(self.context, self.world)


def connection(
    items: Sequence[Any],
    view: Callable[[Any], Any],
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    """One page, with cursors that say nothing to whoever holds them."""
    start = _position(after) + 1 if after else 0
    end = _position(before) if before else len(items)
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    edges = [{"cursor": _cursor(at), "node": view(items[at])} for at in range(start, end)]
    info = {
        "hasNextPage": end < len(items),
        "hasPreviousPage": start > 0,
        "startCursor": edges[0]["cursor"] if edges else None,
        "endCursor": edges[-1]["cursor"] if edges else None,
    }
    return {"totalCount": len(items), "nodes": [edge["node"] for edge in edges], "edges": edges, "pageInfo": info}


def _cursor(position: int) -> str:
    return base64.b64encode(f"cursor:v2:{position}".encode()).decode()


def _position(cursor: str) -> int:
    return int(base64.b64decode(cursor).decode().rsplit(":", 1)[1])


def stamp(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


class ActorNode(Node):
    def __init__(self, context: Context, data: Actor, *, full: bool = False) -> None:
        super().__init__(context, data)
        self.login = data.rest_login if full else data.login
        self.name = data.login
        self.id_ = f"U_{data.rest_login}"
        self.database_id = sum(data.login.encode())
        self.url = f"https://github.com/{data.login}"
        self.avatar_url = self.url + ".png"

    @property
    def typename(self) -> str:
        return "Bot" if self.data.bot else "User"


class LabelNode(Node):
    data: Label

    def __init__(self, context: Context, data: Label) -> None:
        super().__init__(context, data)
        self.id_, self.name, self.color, self.description = f"LA_{data.id}", data.name, data.color, data.description
