"""The objects that GraphQL requests walk through: thin views of the world, named as GitHub's schema names them.

A field is an attribute or a method of the same name in snake case.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rollout_bot.forge.codeowners import fold
from support.github.graph import Cost
from support.github.model import Actor, Comment, Event, Label, Pull, Refused, Review, Status, Token, forbidden
from support.github.store import EntryData
from support.github.world import World

_TRUNCATED = 512_000


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

    def search(self, query: str, type: str, first: int | None = None, after: str | None = None, **_: Any) -> Any:  # noqa: A002
        """Pull requests alone; raises KeyError for a qualifier that the fake does not know."""
        self.context.need("pull_requests")
        if type not in ("ISSUE", "ISSUE_ADVANCED"):
            raise KeyError(type)
        found = [
            pull for pull in self.world.pulls.values() if all(_matches(self.world, pull, w) for w in query.split())
        ]
        page = _pulls(self.context, found[:1000], {"direction": "DESC"}, first, after, None, None)
        return page | {"issueCount": len(found)}

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
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        query: str | None = None,
        direction: str | None = None,
        order_by: object = None,
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
        return connection(names, lambda name: RefNode(self.context, name, prefix), first, after, last, before)

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
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
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
        return _pulls(self.context, chosen, order_by, first, after, last, before)

    def label(self, name: str) -> LabelNode | None:
        return LabelNode(self.context, self.world.labels[name]) if name in self.world.labels else None

    def labels(self, first: int | None = None, after: str | None = None, **more: Any) -> dict[str, Any]:
        return connection(list(self.world.labels.values()), lambda each: LabelNode(self.context, each), first, after)

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
        first: int | None = None,
        after: str | None = None,
        query: str | None = None,
        login: str | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        people = [
            name
            for name, role in self.world.roles.items()
            if role != "none" and (query or "") in name and login in (None, name)
        ]
        page = connection(people, lambda name: ActorNode(self.context, Actor(name)), first, after)
        for edge in page["edges"]:
            edge["permission"] = self.world.role(edge["node"].login).upper()
        return page


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


def _pulls(context: Context, pulls: list[Pull], order: Mapping[str, str] | None, *page: Any) -> dict[str, Any]:
    by = (order or {}).get("field", "CREATED_AT")
    backwards = (order or {}).get("direction") == "DESC"
    pulls = sorted(pulls, key=lambda p: (p.updated if by == "UPDATED_AT" else p.created, p.number), reverse=backwards)
    return connection(pulls, lambda pull: PullRequestNode(context, pull), *page)


class RefNode(Node):
    data: str

    def __init__(self, context: Context, data: str, prefix: str = "") -> None:
        super().__init__(context, data)
        self.name, self.prefix, self.id_ = data.removeprefix(prefix), f"refs/heads/{prefix}", f"REF_{data}"
        self.branch_protection_rule = None

    def repository(self) -> RepositoryNode:
        return RepositoryNode(self.context, self.world)

    def target(self) -> CommitNode:
        return CommitNode(self.context, self.world.head(self.data))

    def associated_pull_requests(
        self,
        states: list[str] | None = None,
        base_ref_name: str | None = None,
        order_by: Mapping[str, str] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> dict[str, Any]:
        self.context.need("pull_requests")
        chosen = [
            pull
            for pull in self.world.pulls.values()
            if pull.branch == self.data and (not states or pull.state in states) and base_ref_name in (None, pull.base)
        ]
        return _pulls(self.context, chosen, order_by, first, after, last, before)


def git_object(context: Context, oid: str, kind: str) -> Any:
    """A commit, tree or blob as GraphQL shows it."""
    return {"commit": CommitNode, "tree": TreeNode, "blob": BlobNode}[kind](context, oid)


class GitObject(Node):
    data: str

    def __init__(self, context: Context, data: str) -> None:
        super().__init__(context, data)
        self.oid, self.abbreviated_oid = data, data[:7]
        self.id_ = f"{self.typename[0]}_{data}"
        self.url = self.commit_url = f"{context.address}/{context.world.owner}/{context.world.name}/commit/{data}"

    def repository(self) -> RepositoryNode:
        return RepositoryNode(self.context, self.world)


class BlobNode(GitObject):
    def _content(self) -> bytes:
        return self.world.store.blob(self.data)

    def byte_size(self) -> int:
        return len(self._content())

    def is_binary(self) -> bool:
        content = self._content()
        if b"\0" in content:
            return True
        try:
            content.decode()
        except UnicodeDecodeError:
            return True
        return False

    def is_truncated(self) -> bool:
        return not self.is_binary() and len(self._content()) > _TRUNCATED

    def text(self) -> str | None:
        return None if self.is_binary() else self._content()[:_TRUNCATED].decode("utf-8", "ignore")


class TreeNode(GitObject):
    # A path is known only to whoever came from the root.
    def entries(self) -> list[TreeEntryNode]:
        return [TreeEntryNode(self.context, each) for each in self.world.store.tree(self.data)]


class TreeEntryNode(Node):
    data: EntryData

    def __init__(self, context: Context, data: EntryData) -> None:
        super().__init__(context, data)
        self.name, self.mode, self.type, self.oid = data.name, data.mode, data.kind, data.oid
        self.size = data.size or 0
        self.submodule = None
        self.extension = "." + data.name.rsplit(".", 1)[1] if "." in data.name else ""

    def object_(self) -> Any:
        return git_object(self.context, self.data.oid, self.data.kind) if self.data.kind != "commit" else None


_SIGNED = {"__typename": "GpgSignature", "isValid": True, "state": "VALID", "wasSignedByGitHub": True}


class CommitNode(GitObject):
    def __init__(self, context: Context, data: str) -> None:
        super().__init__(context, data)
        self.commit = context.world.store.commit(data)
        self.message = self.commit.message
        self.message_headline, _, rest = self.commit.message.partition("\n")
        self.message_body = rest.strip("\n")
        self.committed_date, self.authored_date = stamp(self.commit.committed), stamp(self.commit.authored)
        self.author = self.committer = GitActorNode(context, self.commit)
        made_here = self.commit.email.endswith("@users.noreply.github.com")
        self.signature = _SIGNED if made_here else None

    def tree(self) -> TreeNode:
        return TreeNode(self.context, self.commit.tree)

    def parents(self, first: int | None = None, after: str | None = None, **_: Any) -> dict[str, Any]:
        return connection(self.commit.parents, lambda oid: CommitNode(self.context, oid), first, after)

    def file(self, path: str) -> TreeEntryNode | None:
        folder, _, name = path.rpartition("/")
        tree = self.world.store.resolve(f"{self.data}:{folder}")
        entries = self.world.store.tree(tree) if tree else ()
        return next((TreeEntryNode(self.context, each) for each in entries if each.name == name), None)

    def history(
        self,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        path: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> dict[str, Any]:
        """As `git log` gives it: every parent is followed, and a path simplifies."""
        self.context.need("contents")
        oids = [
            oid
            for oid in self.world.store.log(self.data, path or "")
            if (since is None or (stamp(self.world.store.commit(oid).committed) or "") >= since)
            and (until is None or (stamp(self.world.store.commit(oid).committed) or "") <= until)
        ]
        return connection(oids, lambda oid: CommitNode(self.context, oid), first, after, last, before)

    def associated_pull_requests(
        self, first: int | None = None, after: str | None = None, order_by: Mapping[str, str] | None = None, **_: Any
    ) -> dict[str, Any]:
        """The merged one that brought the commit in, else the open ones that hold it."""
        self.context.need("pull_requests")
        pulls = list(self.world.pulls.values())
        merged = [p for p in pulls if p.merge_commit == self.data or (self.data in p.commits and p.state == "MERGED")]
        chosen = merged or [p for p in pulls if p.state == "OPEN" and self.data == p.head]
        return _pulls(self.context, chosen, order_by, first, after, None, None)

    def status(self) -> StatusNode | None:
        self.context.need("statuses")
        return StatusNode(self.context, self.data) if self.world.statuses.get(self.data) else None

    def status_check_rollup(self) -> RollupNode | None:
        self.context.need("statuses")
        self.context.need("checks")
        return RollupNode(self.context, self.data) if self.world.statuses.get(self.data) else None


class GitActorNode(Node):
    def __init__(self, context: Context, data: Any) -> None:
        super().__init__(context, data)
        self.name, self.email, self.date = data.author, data.email, stamp(data.committed)
        self.user = ActorNode(context, Actor(data.author)) if data.author in context.world.roles else None


class StatusNode(Node):
    data: str

    def _latest(self) -> dict[str, Status]:
        return {each.context: each for each in self.world.statuses[self.data]}

    def state(self) -> str:
        states = {each.state for each in self._latest().values()}
        worst = next((each for each in ("error", "failure", "pending") if each in states), "success")
        return worst.upper()

    def context_(self, name: str) -> StatusContextNode | None:
        found = self._latest().get(name)
        return StatusContextNode(self.context, found) if found else None

    def contexts(self) -> Any:
        return [StatusContextNode(self.context, each) for each in self._latest().values()]

    @property
    def id_(self) -> str:
        return f"S_{self.data}"


class RollupNode(StatusNode):
    @property
    def typename(self) -> str:
        return "StatusCheckRollup"

    def contexts(self, first: int | None = None, after: str | None = None, **_: Any) -> Any:
        return connection(
            list(self._latest().values()), lambda each: StatusContextNode(self.context, each), first, after
        )


class StatusContextNode(Node):
    data: Status

    def __init__(self, context: Context, data: Status) -> None:
        super().__init__(context, data)
        self.context_, self.state, self.description = data.context, data.state.upper(), data.description
        self.created_at, self.target_url, self.id_ = stamp(data.at), data.target_url, f"SC_{data.id}"
        self.creator = ActorNode(context, data.creator)

    def is_required(self, pull_request_id: str | None = None, pull_request_number: int | None = None) -> bool:
        return self.data.context in self.world.rules.required_checks


class LabelNode(Node):
    data: Label

    def __init__(self, context: Context, data: Label) -> None:
        super().__init__(context, data)
        self.id_, self.name, self.color, self.description = f"LA_{data.id}", data.name, data.color, data.description


class ReviewNode(Node):
    data: Review

    def __init__(self, context: Context, data: Review) -> None:
        super().__init__(context, data)
        self.id_, self.database_id, self.full_database_id = f"PRR_{data.id}", data.id, str(data.id)
        self.state, self.body = data.state, data.body
        self.author = ActorNode(context, data.author)
        self.submitted_at = self.created_at = self.updated_at = stamp(data.at)
        self.author_can_push_to_repository = context.world.book.can_write(data.author.login)

    @property
    def typename(self) -> str:
        return "PullRequestReview"

    def commit(self) -> CommitNode:
        return CommitNode(self.context, self.data.commit)


class CommentNode(Node):
    data: Comment

    def __init__(self, context: Context, data: Comment) -> None:
        super().__init__(context, data)
        self.id_, self.database_id, self.body = f"IC_{data.id}", data.id, data.body
        self.author, self.created_at = ActorNode(context, data.author), stamp(data.at)

    @property
    def typename(self) -> str:
        return "IssueComment"


_EVENTS = {
    "closed": "ClosedEvent",
    "reopened": "ReopenedEvent",
    "merged": "MergedEvent",
    "head_ref_deleted": "HeadRefDeletedEvent",
    "head_ref_updated": "HeadRefForcePushedEvent",
}


class EventNode(Node):
    data: Event

    def __init__(self, context: Context, data: Event, pull: Pull) -> None:
        super().__init__(context, data)
        self.id_, self.created_at = f"EV_{data.id}", stamp(data.at)
        self.actor = ActorNode(context, data.actor)
        self.pull_request = self.closable = lambda: PullRequestNode(context, pull)
        self.commit = lambda: CommitNode(context, pull.merge_commit or pull.head)

    @property
    def typename(self) -> str:
        return _EVENTS[self.data.kind]


class PullRequestNode(Node):
    data: Pull

    def __init__(self, context: Context, data: Pull) -> None:
        super().__init__(context, data)
        self.id_, self.number, self.database_id = f"PR_{data.number}", data.number, 5000 + data.number
        self.full_database_id = str(self.database_id)
        self.url = self.permalink = f"{context.address}/{context.world.owner}/{context.world.name}/pull/{data.number}"
        self.title, self.body, self.body_text, self.state = data.title, data.body, data.body, data.state
        self.author = ActorNode(context, data.author)
        self.created_at, self.updated_at = stamp(data.created), stamp(data.updated)
        self.closed, self.merged, self.is_draft = data.state != "OPEN", data.state == "MERGED", data.draft
        self.closed_at = stamp(data.closed)
        self.merged_at = self.closed_at if self.merged else None
        self.merged_by = ActorNode(context, data.merged_by) if data.merged_by else None
        self.head_ref_name, self.head_ref_oid = data.branch, data.head
        self.base_ref_name, self.base_ref_oid = data.base, data.base_oid
        self.is_cross_repository, self.locked, self.maintainer_can_modify = False, False, False
        self.is_in_merge_queue = False
        self.is_merge_queue_enabled = context.world.rules.queue
        self.viewer_did_author = data.author == context.token.actor

    @property
    def typename(self) -> str:
        return "PullRequest"

    def repository(self) -> RepositoryNode:
        return RepositoryNode(self.context, self.world)

    base_repository = head_repository = repository

    def head_repository_owner(self) -> ActorNode:
        return ActorNode(self.context, Actor(self.world.owner))

    def head_ref(self) -> RefNode | None:
        here = self.world.store.head(self.data.branch)
        return RefNode(self.context, self.data.branch) if here == self.data.head else None

    def base_ref(self) -> RefNode | None:
        return RefNode(self.context, self.data.base) if self.world.store.head(self.data.base) else None

    def mergeable(self) -> str:
        return self.context.look(self.data) if self.data.state == "OPEN" else "UNKNOWN"

    def merge_state_status(self) -> str:
        return self.world.merge_state(self.data, self.mergeable())

    def merge_commit(self) -> CommitNode | None:
        return CommitNode(self.context, self.data.merge_commit) if self.data.merge_commit else None

    def review_decision(self) -> str | None:
        return self.world.book.decision(self.data)

    def additions(self) -> int:
        return len(self._paths())

    deletions = changed_files = additions

    def _paths(self) -> dict[str, str]:
        merged = self.data.state == "MERGED"
        base = self.data.base_oid if merged else self.world.store.head(self.data.base) or self.data.base_oid
        return self.world.store.diff(base, self.data.head)

    def files(self, first: int | None = None, after: str | None = None, **_: Any) -> dict[str, Any]:
        kinds = {"A": "ADDED", "D": "DELETED", "M": "MODIFIED", "T": "CHANGED"}
        return connection(
            sorted(self._paths().items()),
            lambda each: {"path": each[0], "changeType": kinds[each[1]], "additions": 1, "deletions": 0},
            first,
            after,
        )

    def labels(self, first: int | None = None, after: str | None = None, **_: Any) -> dict[str, Any]:
        return connection(self.data.labels, lambda each: LabelNode(self.context, each), first, after)

    def commits(self, first: int | None = None, after: str | None = None, last: int | None = None, **_: Any) -> Any:
        base = self.world.store.head(self.data.base) or self.data.base_oid
        oids = self.data.commits or self.world.store.between(base, self.data.head)
        return connection(oids, lambda oid: {"commit": CommitNode(self.context, oid)}, first, after, last)

    def reviews(
        self,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        states: list[str] | None = None,
        author: str | None = None,
    ) -> dict[str, Any]:
        chosen = [
            r for r in self.data.reviews if (not states or r.state in states) and author in (None, r.author.login)
        ]
        return connection(chosen, lambda each: ReviewNode(self.context, each), first, after, last, before)

    def latest_reviews(
        self, first: int | None = None, after: str | None = None, last: int | None = None, **_: Any
    ) -> Any:
        latest = list({review.author.login: review for review in self.data.reviews}.values())
        return connection(latest, lambda each: ReviewNode(self.context, each), first, after, last)

    def latest_opinionated_reviews(
        self,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        writers_only: bool = False,
        **_: Any,
    ) -> dict[str, Any]:
        latest = {r.author.login: r for r in self.data.reviews if r.state != "COMMENTED"}
        chosen = [r for who, r in latest.items() if not writers_only or self.world.book.can_write(who)]
        return connection(chosen, lambda each: ReviewNode(self.context, each), first, after, last)

    def review_requests(self, first: int | None = None, after: str | None = None, **_: Any) -> dict[str, Any]:
        def view(name: str) -> dict[str, Any]:
            return {"requestedReviewer": ActorNode(self.context, Actor(name)), "asCodeOwner": False}

        return connection(self.data.requested, view, first, after)

    def comments(self, first: int | None = None, after: str | None = None, last: int | None = None, **_: Any) -> Any:
        return connection(self.data.comments, lambda each: CommentNode(self.context, each), first, after, last)

    def timeline_items(
        self,
        item_types: list[str] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        since: str | None = None,
        skip: int | None = None,
    ) -> dict[str, Any]:
        nodes = [EventNode(self.context, each, self.data) for each in self.data.events]
        wanted = [each for each in nodes if not item_types or _item_type(each.typename) in item_types]
        return connection(wanted, lambda each: each, first, after, last, before)

    def status_check_rollup(self) -> RollupNode | None:
        return CommitNode(self.context, self.data.head).status_check_rollup()

    def auto_merge_request(self) -> dict[str, Any] | None:
        armed = self.data.auto_merge
        if armed is None:
            return None
        return {
            "enabledAt": stamp(armed.at),
            "enabledBy": ActorNode(self.context, armed.by),
            "mergeMethod": armed.method.upper(),
            "commitHeadline": armed.headline,
            "commitBody": armed.body,
        }


def _item_type(typename: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in typename).lstrip("_")
