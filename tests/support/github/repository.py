"""Views of the repository, and of all that a query begins with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rollout_bot.forge.codeowners import fold
from support.github.graph import Cost
from support.github.model import Actor, Pull, Refused
from support.github.nodes import ActorNode, Context, LabelNode, Node, connection, stamp
from support.github.objects import CommitNode, RefNode, git_object
from support.github.pulls import PullRequestNode, pulls_page
from support.github.world import World


class RepositoryNode(Node):
    data: World

    def __init__(self, context: Context, data: World) -> None:
        super().__init__(context, data)
        rules = data.rules
        self.id_, self.database_id = "R_1", 1
        self.name, self.name_with_owner = data.name, f"{data.owner}/{data.name}"
        self.url = f"{context.address}/{data.owner}/{data.name}"
        self.owner = ActorNode(context, Actor(data.owner))
        self.is_private, self.is_archived, self.is_fork, self.is_disabled = True, False, False, False
        self.visibility = "PRIVATE"
        self.is_empty = data.store.head(data.default) is None
        self.auto_merge_allowed, self.delete_branch_on_merge = rules.auto_merge, rules.delete_branch
        self.squash_merge_allowed = "squash" in rules.methods
        self.merge_commit_allowed = "merge" in rules.methods
        self.rebase_merge_allowed = "rebase" in rules.methods

    def viewer_permission(self) -> str | None:
        actor = self.context.token.actor
        role = self.world.role(actor.login)
        return "WRITE" if actor.bot else role.upper() if role != "none" else None

    def default_branch_ref(self) -> RefNode | None:
        return self.ref(self.world.default)

    def ref(self, qualified_name: str) -> RefNode | None:
        self.context.need("contents")
        name = qualified_name.removeprefix("refs/heads/")
        return RefNode(self.context, name) if self.world.store.head(name) else None

    def refs(
        self,
        ref_prefix: str,
        query: str | None = None,
        direction: str | None = None,
        order_by: object = None,
        **page: Any,
    ) -> dict[str, Any]:
        self.context.need("contents")
        prefix = ref_prefix.removeprefix("refs/heads").removeprefix("/")
        prefix = prefix and prefix.rstrip("/") + "/"
        names = [
            each
            for each in sorted(self.world.store.heads())
            if each.startswith(prefix) and (query or "") in each.removeprefix(prefix)
        ]
        # A ref's `name` is what follows the prefix that was asked for.
        return connection(names, lambda name: RefNode(self.context, name, prefix), **page)

    def object_(self, expression: str | None = None, oid: str | None = None) -> Any:
        self.context.need("contents")
        found = self.world.store.resolve(oid or expression or "")
        return git_object(self.context, found, self.world.store.kind(found)) if found else None

    def pull_request(self, number: int) -> PullRequestNode:
        self.context.need("pull_requests")
        if number not in self.world.pulls:
            raise Refused(404, f"Could not resolve to a PullRequest with the number of {number}.", "NOT_FOUND")
        return PullRequestNode(self.context, self.world.pulls[number])

    def pull_requests(
        self,
        states: list[str] | None = None,
        base_ref_name: str | None = None,
        head_ref_name: str | None = None,
        labels: list[str] | None = None,
        order_by: Mapping[str, str] | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        self.context.need("pull_requests")
        chosen = [
            pull
            for pull in self.world.pulls.values()
            if (not states or pull.state in states)
            and base_ref_name in (None, pull.base)
            and head_ref_name in (None, pull.branch)
            and (not labels or {label.name for label in pull.labels} & set(labels))
        ]
        return pulls_page(self.context, chosen, order_by, **page)

    def label(self, name: str) -> LabelNode | None:
        return LabelNode(self.context, self.world.labels[name]) if name in self.world.labels else None

    def labels(self, order_by: object = None, **page: Any) -> dict[str, Any]:
        return connection(list(self.world.labels.values()), lambda each: LabelNode(self.context, each), **page)

    def merge_queue(self, branch: str | None = None) -> dict[str, Any] | None:
        on = self.world.rules.queue and branch in (None, self.world.default)
        return {"id": "MQ_1", "url": f"{self.url}/queue/{self.world.default}"} if on else None

    def codeowners(self, ref_name: str | None = None) -> dict[str, Any] | None:
        found = self.world.book.owners(self.world.head(ref_name or self.world.default))
        if found.path is None:
            return None
        return {"errors": [_owners_error(found.path, *error) for error in found.errors]}

    def collaborators(
        self,
        query: str | None = None,
        login: str | None = None,
        affiliation: str | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        people = [
            name
            for name, role in self.world.roles.items()
            if role != "none" and (query or "") in name and login in (None, name)
        ]
        shown = connection(people, lambda name: ActorNode(self.context, Actor(name)), **page)
        for edge in shown["edges"]:
            edge["permission"] = self.world.role(edge["node"].login).upper()
        return shown


def _owners_error(path: str, line: int, source: str, message: str) -> dict[str, Any]:
    kind = "Unknown owner" if message.startswith("Unknown owner") else "Invalid pattern"
    return {
        "line": line,
        "column": 1,
        "kind": kind,
        "message": message,
        "path": path,
        "source": source,
        "suggestion": None,
    }


class Query(Node):
    """The root of every query."""

    def viewer(self) -> ActorNode:
        # GitHub shows a bot to itself by its full name, and to others without the ending.
        return ActorNode(self.context, self.context.token.actor, full=True)

    def rate_limit(self, dry_run: bool = False) -> dict[str, Any]:
        reset = self.world.now.replace(minute=59, second=59, microsecond=0)
        left, cost = self.context.remaining, self.context.cost
        return {
            "cost": cost.points,
            "limit": 5000,
            "nodeCount": cost.nodes,
            "remaining": left,
            "used": 5000 - left,
            "resetAt": stamp(reset),
        }

    @property
    def cost(self) -> Cost:
        return self.context.cost

    @cost.setter
    def cost(self, cost: Cost) -> None:
        self.context.cost = cost

    def repository(self, owner: str, name: str, follow_renames: bool = True) -> RepositoryNode:
        if (owner.casefold(), name.casefold()) != (self.world.owner.casefold(), self.world.name.casefold()):
            text = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise Refused(404, text, "NOT_FOUND")
        return RepositoryNode(self.context, self.world)

    def user(self, login: str) -> ActorNode:
        if fold(login) not in self.world.roles:
            raise Refused(404, f"Could not resolve to a User with the login of '{login}'.", "NOT_FOUND")
        return ActorNode(self.context, Actor(fold(login)))

    def search(self, query: str, type: str, **page: Any) -> Any:  # noqa: A002
        """Pull requests alone; raises KeyError for a qualifier that the fake does not know."""
        self.context.need("pull_requests")
        if type not in ("ISSUE", "ISSUE_ADVANCED"):
            raise KeyError(type)
        found = [
            pull for pull in self.world.pulls.values() if all(_matches(self.world, pull, w) for w in query.split())
        ]
        shown = pulls_page(self.context, found[:1000], {"direction": "DESC"}, **page)
        return shown | {"issueCount": len(found)}

    def node(self, id_: str) -> Any:
        return find(self.context, id_)

    def nodes(self, ids: list[str]) -> list[Any]:
        return [find(self.context, each) for each in ids]


def _matches(world: World, pull: Pull, word: str) -> bool:
    name, _, value = word.partition(":")
    is_there = {
        "pr": True,
        "closed": pull.state != "OPEN",
        "open": pull.state == "OPEN",
        "merged": pull.state == "MERGED",
        "unmerged": pull.state != "MERGED",
    }
    tests: dict[str, Callable[[], bool]] = {
        "repo": lambda: value.casefold() == f"{world.owner}/{world.name}".casefold(),
        "is": lambda: is_there[value],
        "type": lambda: is_there[value],
        "base": lambda: pull.base == value,
        "head": lambda: pull.branch.startswith(value),
        "author": lambda: value in (pull.author.login, f"app/{pull.author.login}"),
        "sort": lambda: True,
    }
    return tests[name]()


def find(context: Context, id_: str) -> Any:
    """The object of a global id, as this fake makes them."""
    kind, _, rest = id_.partition("_")
    if kind == "R":
        return RepositoryNode(context, context.world)
    if kind == "PR" and rest.isdigit() and int(rest) in context.world.pulls:
        return PullRequestNode(context, context.world.pulls[int(rest)])
    if kind == "REF" and context.world.store.head(rest):
        return RefNode(context, rest)
    if kind == "C":
        return CommitNode(context, rest)
    raise Refused(404, f"Could not resolve to a node with the global id of '{id_}'.", "NOT_FOUND")
