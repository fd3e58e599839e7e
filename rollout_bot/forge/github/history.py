"""When a commit reached the base branch.

GitHub's history follows all parents, as `git log` does, and hides a merge commit behind the commits it brought. The
first-parent history is put together from three sources, the surest first:
1. The pull request that GitHub says brought the commit: it landed when that was merged. A squash leaves one commit on
   the base branch, the merge itself; a rebase leaves several; what a merge commit brought lands with it.
2. A commit without one, pushed directly, is looked for in the newest hundred commits of the branch, through which the
   chain of first parents is walked from the tip: off the chain, it landed with the commit of the chain that reaches it.
3. An older one counts with its own date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollout_bot.core.model.repository import TOLD, Revision
from rollout_bot.forge.github.reading import Node, People, approving, blob, moment, regular, setter

KEPT = 200
"""Revisions of each file that are kept, the newest."""


@dataclass(frozen=True, slots=True)
class Landing:
    """The commit of the base branch that brought something, and when."""

    commit: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """Where the newest commits landed. A commit that is not in it is older, or nobody knows."""

    landings: Mapping[str, Landing] = field(default_factory=dict)

    def landing(self, node: Node) -> Landing:
        oid = str(node["oid"])
        return self.landings.get(oid) or Landing(oid, moment(node["committedDate"]))


def window(tip: str, nodes: Iterable[Node]) -> Window:
    """Walks the chain of first parents from the tip as far as the given commits go."""
    known = {str(node["oid"]): node for node in nodes}
    chain = []
    at: str | None = tip
    while at in known and at not in chain:
        chain.append(at)
        at = next(iter(_parents(known[at])), None)
    landings = {oid: Landing(oid, moment(known[oid]["committedDate"])) for oid in chain}
    for oid in reversed(chain):
        pending = _parents(known[oid])[1:]
        while pending:
            side = pending.pop()
            if side in known and side not in landings:
                landings[side] = landings[oid]
                pending += _parents(known[side])
    return Window(landings)


def revisions(nodes: Iterable[Node], base: str, window: Window, people: People) -> tuple[Revision, ...]:
    """The revisions of one file, newest first, from the commits that changed it as GitHub lists them."""
    found: dict[str, Revision] = {}
    for node in nodes:
        revision = _revision(node, base, window, people)
        known = found.get(revision.commit)
        if known is None:
            found[revision.commit] = revision
        elif node["oid"] == revision.commit:
            # The merge itself differs from all it brought: its own content is what landed.
            found[revision.commit] = replace(known, content=revision.content)
    return tuple(sorted(found.values(), key=lambda revision: revision.merged_at, reverse=True))[:KEPT]


def _revision(node: Node, base: str, window: Window, people: People) -> Revision:
    entry = node.get("file")
    content = blob(entry.get("object")) if entry is not None and regular(entry) else None
    brought = _brought(node, base)
    if brought is None:
        landing = window.landing(node)
        return Revision(landing.commit, landing.at, content, notes=notes(node, people))
    merge = brought["mergeCommit"]
    landed = merge if merge["parents"]["totalCount"] > 1 else node
    author = people.name(brought.get("author"))
    approvers = approving(brought.get("latestOpinionatedReviews"), str(brought["headRefOid"]), author, people)
    return Revision(
        str(landed["oid"]),
        moment(brought["mergedAt"]),
        content,
        int(brought["number"]),
        approvers,
        notes(landed, people),
    )


def notes(commit: Node, people: People) -> dict[str, str]:
    """What the bot noted on a commit: a note is a status, and what somebody else is known to have set is none."""
    found = (commit.get("status") or {}).get("contexts") or ()
    return {
        str(each["context"]): str(each.get("description") or "")
        for each in found
        if str(each["context"]).startswith(f"{TOLD}/") and setter(each, people) in (people.actor, None)
    }


def _brought(node: Node, base: str) -> Node | None:
    """The pull request that brought a commit to this branch."""
    for pull in (node.get("associatedPullRequests") or {}).get("nodes") or ():
        if pull.get("mergedAt") and pull.get("mergeCommit") and pull.get("baseRefName") == base:
            found: Node = pull
            return found
    return None


def _parents(node: Node) -> list[str]:
    return [str(parent["oid"]) for parent in (node.get("parents") or {}).get("nodes") or ()]
