"""Views of pull requests, and of what is said and done about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from support.github.model import Actor, Comment, Event, Pull, Review
from support.github.nodes import ActorNode, Context, LabelNode, Node, connection, stamp
from support.github.objects import CommitNode, RefNode, RollupNode


def pulls_page(context: Context, pulls: list[Pull], order: Mapping[str, str] | None, **page: Any) -> dict[str, Any]:
    by = (order or {}).get("field", "CREATED_AT")
    backwards = (order or {}).get("direction") == "DESC"
    pulls = sorted(pulls, key=lambda p: (p.updated if by == "UPDATED_AT" else p.created, p.number), reverse=backwards)
    return connection(pulls, lambda pull: PullRequestNode(context, pull), **page)


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

    base_repository = head_repository = Node.repository

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

    def files(self, **page: Any) -> dict[str, Any]:
        kinds = {"A": "ADDED", "D": "DELETED", "M": "MODIFIED", "T": "CHANGED"}
        return connection(
            sorted(self._paths().items()),
            lambda each: {"path": each[0], "changeType": kinds[each[1]], "additions": 1, "deletions": 0},
            **page,
        )

    def labels(self, order_by: object = None, **page: Any) -> dict[str, Any]:
        return connection(self.data.labels, lambda each: LabelNode(self.context, each), **page)

    def commits(self, **page: Any) -> Any:
        base = self.world.store.head(self.data.base) or self.data.base_oid
        oids = self.data.commits or self.world.store.between(base, self.data.head)
        return connection(oids, lambda oid: {"commit": CommitNode(self.context, oid)}, **page)

    def reviews(
        self,
        states: list[str] | None = None,
        author: str | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        chosen = [
            r for r in self.data.reviews if (not states or r.state in states) and author in (None, r.author.login)
        ]
        return connection(chosen, lambda each: ReviewNode(self.context, each), **page)

    def latest_reviews(self, writers_only: bool = False, **page: Any) -> Any:
        latest = list({review.author.login: review for review in self.data.reviews}.values())
        return connection(latest, lambda each: ReviewNode(self.context, each), **page)

    def latest_opinionated_reviews(
        self,
        writers_only: bool = False,
        **page: Any,
    ) -> dict[str, Any]:
        latest = {r.author.login: r for r in self.data.reviews if r.state != "COMMENTED"}
        chosen = [r for who, r in latest.items() if not writers_only or self.world.book.can_write(who)]
        return connection(chosen, lambda each: ReviewNode(self.context, each), **page)

    def review_requests(self, **page: Any) -> dict[str, Any]:
        def view(name: str) -> dict[str, Any]:
            return {"requestedReviewer": ActorNode(self.context, Actor(name)), "asCodeOwner": False}

        return connection(self.data.requested, view, **page)

    def comments(self, order_by: object = None, **page: Any) -> Any:
        return connection(self.data.comments, lambda each: CommentNode(self.context, each), **page)

    def timeline_items(
        self,
        item_types: list[str] | None = None,
        since: str | None = None,
        skip: int | None = None,
        **page: Any,
    ) -> dict[str, Any]:
        nodes = [EventNode(self.context, each, self.data) for each in self.data.events]
        wanted = [each for each in nodes if not item_types or _item_type(each.typename) in item_types]
        return connection(wanted, lambda each: each, **page)

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
