"""GitHub's answers as the values of the core: files, people, pull requests. What cannot be read is never empty."""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rollout_bot.core.model.repository import ROOT, GateState, GateStatus, PullRequest, PullState
from rollout_bot.forge.codeowners import PLACES, Owners, fold, read_owners

LIMIT = 1 << 20
"""Bytes of a file that count."""

UNREADABLE = b"\0"
"""Stands for a content that GitHub does not hand out as it is: no reader takes it for an empty file, or for YAML."""

LARGER = UNREADABLE * (LIMIT + 1)
"""Stands for every larger one, so that a reader can tell."""

LATEST = datetime(9999, 1, 1, tzinfo=UTC)

_REGULAR = (0o100644, 0o100755)
_BOT = "[bot]"
_GATES = {"SUCCESS": GateState.SUCCESS, "PENDING": GateState.PENDING, "EXPECTED": GateState.PENDING}

Node = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class People:
    """How accounts are called here. GraphQL leaves out the "[bot]" that REST and the bot itself have in their names.

    `actor` is the name of whoever the token belongs to, `id` its node id.
    """

    actor: str
    id: str | None = None

    def name(self, account: Node | None) -> str | None:
        """None for an account that was deleted."""
        if account is None:
            return None
        name = str(account["login"])
        if account.get("__typename") == "Bot" and not name.endswith(_BOT):
            name += _BOT
        own = fold(name) == fold(self.actor) or (self.id is not None and account.get("id") == self.id)
        return self.actor if own else name


@dataclass(frozen=True, slots=True)
class Handle:
    """What GitHub needs to know a pull request by, and what it is about to do with it."""

    id: str
    branch_id: str | None
    armed: bool


def moment(text: str | None) -> datetime:
    """GitHub's times; one that no calendar has lies in the future: the rollout then waits."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return LATEST


def blob(found: Node | None) -> bytes:
    """A blob's content, proved by its object id: GitHub cuts large ones and mends bytes that are no UTF-8."""
    if not found or "oid" not in found:
        return UNREADABLE
    size = found.get("byteSize")
    if isinstance(size, int) and size > LIMIT:
        return LARGER
    text = found.get("text")
    if found.get("isBinary") or found.get("isTruncated") or not isinstance(text, str):
        return UNREADABLE
    content = text.encode("utf-8", "surrogatepass")
    # A mark at the beginning may have been taken for no part of the text.
    candidates = (content, BOM_UTF8 + content)
    return next((each for each in candidates if _proved(each, str(found["oid"]))), UNREADABLE)


def regular(entry: Node | None) -> bool:
    """A file, neither a symbolic link nor a submodule nor a folder."""
    return entry is not None and entry.get("mode") in _REGULAR


def content(entry: Node | None) -> bytes:
    """What a file holds; of what is no file, nothing that can be read."""
    return blob((entry or {}).get("object")) if regular(entry) else UNREADABLE


def entries(tree: Node | None, folder: str = ROOT) -> Iterator[tuple[str, Node]]:
    """The regular files of a nested tree, by their whole path."""
    for entry in (tree or {}).get("entries") or ():
        path = f"{folder}/{entry['name']}"
        if regular(entry):
            yield path, entry
        elif (entry.get("object") or {}).get("entries") is not None:
            yield from entries(entry["object"], path)


def files(tree: Node | None) -> dict[str, bytes]:
    return {path: blob(entry.get("object")) for path, entry in entries(tree)}


def owners(target: Node) -> tuple[Owners, bool]:
    """The base branch's CODEOWNERS, and whether there is such a file."""
    for index, place in enumerate(PLACES):
        entry = target.get(f"owners{index}")
        if entry is None:
            continue
        if not regular(entry):
            return Owners(fault=f"{place}:1: not a regular file; put the lines into the file itself"), True
        content = blob(entry.get("object"))
        if content == UNREADABLE:
            return Owners(fault=f"{place}:1: not a text in UTF-8; save the file as UTF-8"), True
        return read_owners(place, content), True
    return Owners(), False


def approving(reviews: Node | None, head: str, author: str | None, people: People) -> tuple[str, ...]:
    """People whose latest word on this very head is an approval; neither the author nor a bot."""
    names = []
    for review in (reviews or {}).get("nodes") or ():
        account, commit = review.get("author"), review.get("commit")
        if review.get("state") != "APPROVED" or account is None or (commit or {}).get("oid") != head:
            continue
        name = people.name(account)
        if name and account.get("__typename") == "User" and name != people.actor and name != author:
            names.append(name)
    return tuple(names)


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approved, as far as it counts, and whether that is enough for every changed path that has owners."""

    by: tuple[str, ...]
    enough: bool


def approval(decision: str | None, given: Sequence[str], paths: Sequence[str], owners: Owners) -> Approval:
    """Judges the approvals of a present head.

    GitHub's own decision comes first: unless it is APPROVED, or the rules ask for none (None), nothing is approved.
    Owners that are users are looked for among those who approved. Of teams and of e-mail addresses only GitHub knows
    who they are: its decision is taken for theirs where somebody approved this head, and never in its absence.
    """
    owned = {path: found for path in paths if (found := owners.of(path))}
    veiled = any(_veiled(owner) for found in owned.values() for owner in found)
    trusted = decision == "APPROVED" and bool(given)
    by = tuple(given) if veiled and trusted else owners.counting(paths, given)
    enough = (
        owners.fault is None
        and decision in ("APPROVED", None)
        and all(
            any(owners.owns(person, found) for person in given) or (trusted and any(map(_veiled, found)))
            for found in owned.values()
        )
    )
    return Approval(by, enough)


def pull(
    node: Node,
    people: People,
    paths: Sequence[str] = (),
    changes: Mapping[str, bytes | None] | None = None,
    judged: Approval | None = None,
    irregular: Sequence[str] = (),
) -> PullRequest:
    """A pull request. The branch of a fork is written "owner:branch", so that it is nobody's branch here."""
    branch, state = str(node["headRefName"]), PullState(str(node["state"]).lower())
    if node.get("isCrossRepository"):
        branch = f"{(node.get('headRepositoryOwner') or {}).get('login', 'unknown')}:{branch}"
    closer: Iterable[Node] = (node.get("timelineItems") or {}).get("nodes") or ()
    found = judged or Approval((), enough=False)
    return PullRequest(
        number=int(node["number"]),
        branch=branch,
        head=str(node["headRefOid"]),
        author=people.name(node.get("author")) or "ghost",
        title=str(node["title"]),
        body=str(node.get("body") or ""),
        state=state,
        opened_at=moment(node["createdAt"]),
        paths=tuple(paths),
        changes=changes or {},
        labels=tuple(str(label["name"]) for label in (node.get("labels") or {}).get("nodes") or ()),
        approvers=found.by,
        owners_approved=found.enough,
        gate=gate(node),
        gate_by=setter((last_commit(node).get("status") or {}).get("context"), people),
        closed_at=moment(node["closedAt"]) if node.get("closedAt") else None,
        closed_by=next((people.name(event.get("actor")) for event in closer), None)
        if state != PullState.OPEN
        else None,
        irregular=tuple(irregular),
    )


def left(branches: Node | None, base: str, people: People) -> dict[str, str]:
    """Branches by name with their heads, where the bot's pull request was merged at that head and is the newest."""
    found: dict[str, str] = {}
    for branch in (branches or {}).get("nodes") or ():
        pulls = [node for node in (branch["associatedPullRequests"] or {}).get("nodes") or () if node]
        if not pulls or any(node["state"] == "OPEN" for node in pulls):
            continue
        newest, head = pulls[0], str(branch["target"]["oid"])
        ours = people.name(newest.get("author")) == people.actor and newest["baseRefName"] == base
        if ours and newest["state"] == "MERGED" and newest["headRefOid"] == head:
            found[f"{branch['prefix']}{branch['name']}".removeprefix("refs/heads/")] = head
    return found


def handle(node: Node) -> Handle:
    return Handle(str(node["id"]), (node.get("headRef") or {}).get("id"), node.get("autoMergeRequest") is not None)


def last_commit(node: Node) -> Node:
    """The newest commit of an open pull request; empty where GitHub names another head than that."""
    nodes = (node.get("commits") or {}).get("nodes") or ()
    found: Node = nodes[0]["commit"] if nodes else {}
    return found if found.get("oid") == node["headRefOid"] else {}


def gate(node: Node) -> GateStatus | None:
    """The status on the present head."""
    context = (last_commit(node).get("status") or {}).get("context")
    if context is None:
        return None
    return GateStatus(_GATES.get(str(context["state"]), GateState.FAILURE), str(context["description"] or ""))


def setter(status: Node | None, people: People) -> str | None:
    """Who set a status; None for an account that was deleted."""
    return people.name((status or {}).get("creator"))


def _veiled(owner: str) -> bool:
    return "/" in owner or "@" in owner.removeprefix("@")


def _proved(content: bytes, oid: str) -> bool:
    kind = hashlib.sha256 if len(oid) == 64 else hashlib.sha1
    return kind(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == oid
