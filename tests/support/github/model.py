"""What the fake GitHub keeps beside git: people, tokens, rules, pull requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass(frozen=True)
class Actor:
    """Who does something. A bot's login ends in `[bot]` where REST shows it, and lacks that in GraphQL."""

    login: str
    bot: bool = False

    @property
    def rest_login(self) -> str:
        return f"{self.login}[bot]" if self.bot else self.login


ACTIONS = Actor("github-actions", bot=True)
READ, WRITE = "read", "write"
QUICK_START = {"contents": WRITE, "pull_requests": WRITE, "statuses": WRITE, "actions": WRITE}


@dataclass(frozen=True)
class Token:
    """A credential. `permissions` maps an area to read or write; `app` is the id of its GitHub App.

    `actions` marks a GITHUB_TOKEN, whose deeds start no workflows.
    """

    secret: str
    actor: Actor
    permissions: Mapping[str, str]
    app: int
    actions: bool = False


@dataclass
class Rules:
    """Settings of the repository, and of the ruleset of its default branch."""

    required_checks: dict[str, int | None] = field(default_factory=dict)
    """Contexts that must be green before a merge, with the App that alone may set them (None: anybody)."""
    code_owners: bool = False
    pull_request: bool = False
    approvals: int = 0
    dismiss_stale: bool = True
    methods: set[str] = field(default_factory=lambda: {"squash", "merge", "rebase"})
    auto_merge: bool = False
    queue: bool = False
    delete_branch: bool = False
    actions_may_open: bool = True
    up_to_date: bool = False
    """Whether a branch must hold the newest base before its merge; shown only, not enforced."""
    keep_history: bool = True
    """Whether force-pushes and deletion are forbidden; shown only."""
    reserved: str | None = None
    """The bot that alone may create, change and delete the branch `rollout` and those below it (None: anybody)."""
    classic: bool = False
    """Whether the older branch protection holds, of which only administrators see more; shown only."""

    @property
    def any(self) -> bool:
        return bool(self.required_checks or self.code_owners or self.pull_request or self.approvals or self.queue)


def strict(app: int | None = None) -> Rules:
    """The ruleset that the documentation recommends, and nothing more."""
    return Rules({"rollout/gate": app}, code_owners=True, pull_request=True, methods={"squash"}, auto_merge=True)


@dataclass
class Review:
    id: int
    author: Actor
    state: str
    body: str
    commit: str
    at: datetime


@dataclass(frozen=True)
class Comment:
    id: int
    author: Actor
    body: str
    at: datetime


@dataclass(frozen=True)
class Status:
    id: int
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: Actor
    app: int | None
    at: datetime


@dataclass
class Label:
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(frozen=True)
class Event:
    """Something in a pull request's time line: closed, reopened, merged, head_ref_deleted, …"""

    id: int
    kind: str
    actor: Actor
    at: datetime


@dataclass(frozen=True)
class AutoMerge:
    by: Actor
    method: str
    headline: str | None
    body: str | None
    at: datetime


@dataclass
class Pull:
    """A pull request within the repository. `state` is OPEN, CLOSED or MERGED."""

    number: int
    author: Actor
    branch: str
    base: str
    base_oid: str
    head: str
    title: str
    body: str
    created: datetime
    updated: datetime
    draft: bool = False
    state: str = "OPEN"
    closed: datetime | None = None
    merged_by: Actor | None = None
    merge_commit: str | None = None
    commits: tuple[str, ...] = ()
    """The commits it brought to the base branch; set by the merge."""
    labels: list[Label] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    """Who was asked for a review: logins, and teams as `owner/slug`."""
    comments: list[Comment] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    auto_merge: AutoMerge | None = None
    known: tuple[str, str] | None = None
    """Head and base for which mergeability has been worked out."""
    looks: int = 0


@dataclass(frozen=True)
class Run:
    """A workflow that was started: by a dispatch with inputs, or by a push to a branch."""

    workflow: str
    event: str
    ref: str
    inputs: Mapping[str, str]
    actor: Actor
    at: datetime
    conclusion: str = "success"


class Refused(Exception):
    """GitHub says no: an HTTP status with a message for REST, an error type for GraphQL."""

    def __init__(self, status: int, message: str, kind: str = "UNPROCESSABLE", errors: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.errors = errors


def not_found() -> Refused:
    return Refused(404, "Not Found", "NOT_FOUND")


def forbidden() -> Refused:
    return Refused(403, "Resource not accessible by integration", "FORBIDDEN")
