"""Views of what git holds, branches, commits, trees and blobs, and of the statuses on commits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.github.model import Actor, Status
from support.github.nodes import ActorNode, Context, Node, connection, stamp
from support.github.store import EntryData

_TRUNCATED = 512_000


class RefNode(Node):
    data: str

    def __init__(self, context: Context, data: str, prefix: str = "") -> None:
        super().__init__(context, data)
        self.name, self.prefix, self.id_ = data.removeprefix(prefix), f"refs/heads/{prefix}", f"REF_{data}"
        self.branch_protection_rule = None

    def target(self) -> CommitNode:
        return CommitNode(self.context, self.world.head(self.data))

    def associated_pull_requests(
        self,
        states: list[str] | None = None,
        base_ref_name: str | None = None,
        order_by: Mapping[str, str] | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        from support.github.pulls import pulls_page

        self.context.need("pull_requests")
        chosen = [
            pull
            for pull in self.world.pulls.values()
            if pull.branch == self.data and (not states or pull.state in states) and base_ref_name in (None, pull.base)
        ]
        return pulls_page(self.context, chosen, order_by, **page)


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

    def parents(self, **page: Any) -> dict[str, Any]:
        return connection(self.commit.parents, lambda oid: CommitNode(self.context, oid), **page)

    def file(self, path: str) -> TreeEntryNode | None:
        folder, _, name = path.rpartition("/")
        tree = self.world.store.resolve(f"{self.data}:{folder}")
        entries = self.world.store.tree(tree) if tree else ()
        return next((TreeEntryNode(self.context, each) for each in entries if each.name == name), None)

    def history(
        self,
        path: str | None = None,
        since: str | None = None,
        until: str | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        """As `git log` gives it: every parent is followed, and a path simplifies."""
        self.context.need("contents")
        oids = [
            oid
            for oid in self.world.store.log(self.data, path or "")
            if (since is None or (stamp(self.world.store.commit(oid).committed) or "") >= since)
            and (until is None or (stamp(self.world.store.commit(oid).committed) or "") <= until)
        ]
        return connection(oids, lambda oid: CommitNode(self.context, oid), **page)

    def associated_pull_requests(self, order_by: Mapping[str, str] | None = None, **page: Any) -> dict[str, Any]:
        """The merged one that brought the commit in, else the open ones that hold it."""
        from support.github.pulls import pulls_page

        self.context.need("pull_requests")
        pulls = list(self.world.pulls.values())
        merged = [p for p in pulls if p.merge_commit == self.data or (self.data in p.commits and p.state == "MERGED")]
        chosen = merged or [p for p in pulls if p.state == "OPEN" and self.data == p.head]
        return pulls_page(self.context, chosen, order_by, **page)

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

    def contexts(self, **page: Any) -> Any:
        return connection(list(self._latest().values()), lambda each: StatusContextNode(self.context, each), **page)


class StatusContextNode(Node):
    data: Status

    def __init__(self, context: Context, data: Status) -> None:
        super().__init__(context, data)
        self.context_, self.state, self.description = data.context, data.state.upper(), data.description
        self.created_at, self.target_url, self.id_ = stamp(data.at), data.target_url, f"SC_{data.id}"
        self.creator = ActorNode(context, data.creator)

    def is_required(self, pull_request_id: str | None = None, pull_request_number: int | None = None) -> bool:
        return self.data.context in self.world.rules.required_checks
