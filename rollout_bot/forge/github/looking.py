"""The snapshot: one question for all whose names are known, one more for histories and the contents of changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollout_bot.core.model.repository import (
    GATE,
    ROOT,
    PullRequest,
    PullState,
    Revision,
    Snapshot,
    policy_path,
    state_path,
)
from rollout_bot.forge.codeowners import Owners
from rollout_bot.forge.github import queries, reading
from rollout_bot.forge.github.asking import Asker, Listed, Place
from rollout_bot.forge.github.history import revisions, window
from rollout_bot.forge.github.reading import UNREADABLE, Handle, Node, People
from rollout_bot.forge.github.transport import Transport
from rollout_bot.forge.interface import NotFound

CONTENTS = 200
"""Changed files of one pull request under `rollout-state/` that are read; of more, the rest counts as unreadable."""


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot, and what GitHub needs to be told to act on it.

    `recent` are the base's newest commits, `at` is the latest of their dates.
    """

    snapshot: Snapshot
    people: People
    owners: Owners
    owned: bool
    repository: str
    handles: Mapping[int, Handle]
    recent: frozenset[str]
    at: datetime

    def holds(self, pull: Node) -> bool:
        """Whether a pull request was merged and is part of the snapshot already."""
        at = pull["mergedAt"]
        return at is not None and (
            (pull["mergeCommit"] or {}).get("oid") in self.recent or reading.moment(at) < self.at
        )


@dataclass
class _Memory:
    """What one base commit's histories are, and what heads hold: none of it ever changes."""

    base: str = ""
    history: dict[str, tuple[Revision, ...]] = field(default_factory=dict)
    changes: dict[tuple[str, str], bytes] = field(default_factory=dict)
    irregular: set[tuple[str, str]] = field(default_factory=set)
    """Heads and paths of what is no regular file there."""
    differing: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By head: the paths that differ from the base's, and whether each is still there."""

    def keep(self, base: str, heads: frozenset[str]) -> None:
        """Forgets what no branch holds any more."""
        if base != self.base:
            self.base, self.history, self.differing = base, {}, {}
        self.changes = {key: content for key, content in self.changes.items() if key[0] in heads}
        self.irregular &= self.changes.keys()


class Looker:
    """Asks GitHub for snapshots. A base commit and a head that it has seen cost nothing the next time."""

    def __init__(self, transport: Transport, place: Place, actor: str | None) -> None:
        self.place = place
        self._asker = Asker(transport, place)
        self._actor = actor
        self._memory = _Memory()

    def look(self) -> View:
        """One consistent view. Costs one request, a second where base or heads are new; more for what has more pages.

        Raises NotFound where there is no such repository or branch.
        """
        place = self.place
        data = self._asker.ask(
            queries.LOOK,
            base=place.base,
            ref=f"refs/heads/{place.base}",
            named=place.base is not None,
            root=ROOT,
            gate=GATE,
        )
        repository = _found(data["repository"], place)
        ref = repository.get("ref") or repository.get("defaultBranchRef")
        if ref is None or "history" not in (ref.get("target") or {}):
            raise NotFound(f"{place} has no branch {place.base or 'with a commit'}; push one, or name the base branch")
        self.place = place = replace(place, base=str(ref["name"]))
        people = People(self._actor or str(data["viewer"]["login"]), data["viewer"].get("id"))
        opened = self._asker.opened(repository["open"], str(place.base))
        closed = self._asker.closed(repository["closed"], str(place.base))
        return self._view(repository, ref["target"], people, opened, closed)

    def _view(
        self, repository: Node, target: Node, people: People, opened: Sequence[Node], closed: Sequence[Node]
    ) -> View:
        base, tree = str(target["oid"]), (target["file"] or {}).get("object")
        files = reading.files(tree)
        owners, owned = reading.owners(target)
        self._memory.keep(base, frozenset(str(node["headRefOid"]) for node in opened))
        listed = self._asker.paths(opened)
        self._learn(target, files, opened, listed, people)
        pulls = [self._pull(node, listed[node["number"]], people, owners) for node in opened]
        return View(
            Snapshot(
                base_branch=str(self.place.base),
                base=base,
                actor=people.actor,
                files=files,
                history={path: found for path, found in self._memory.history.items() if found},
                pulls=_newest((*pulls, *(reading.pull(node, people) for node in closed))),
                left=reading.left(repository["ours"], str(self.place.base), people),
            ),
            people=people,
            owners=owners,
            owned=owned,
            repository=str(repository["id"]),
            handles={int(node["number"]): reading.handle(node) for node in opened},
            recent=frozenset(str(node["oid"]) for node in target["history"]["nodes"]),
            at=max(reading.moment(node["committedDate"]) for node in target["history"]["nodes"]),
        )

    def _learn(
        self,
        target: Node,
        files: Mapping[str, bytes],
        opened: Sequence[Node],
        listed: Mapping[int, Listed],
        people: People,
    ) -> None:
        """Fills the memory with the histories, the contents of changes and the trees that are not in it yet."""
        memory, base = self._memory, str(target["oid"])
        names = {
            path.split("/")[1]
            for path in _deep((*files, *(path for each in listed.values() for path in each.ours[:CONTENTS])))
        }
        wanted = [
            path
            for name in sorted(names)
            for path in (state_path(name), policy_path(name))
            if path not in memory.history
        ]
        contents = [
            key
            for node in opened
            for path in listed[node["number"]].ours[:CONTENTS]
            if (key := (str(node["headRefOid"]), path)) not in memory.changes
        ]
        root = ((target["file"] or {}).get("object") or {}).get("oid")
        heads = [
            str(node["headRefOid"])
            for node in opened
            if listed[node["number"]].doubtful
            and node["headRefOid"] not in memory.differing
            and (reading.last_commit(node).get("file") or {}).get("oid") != root
        ]
        histories, found, trees = self._asker.learn(base, wanted, contents, heads)
        seen = window(base, target["history"]["nodes"])
        branch = str(self.place.base)
        memory.history |= {path: revisions(nodes, branch, seen, people) for path, nodes in histories.items()}
        memory.changes |= {key: reading.content(file) for key, file in found.items()}
        memory.irregular |= {key for key, file in found.items() if file is not None and not reading.regular(file)}
        present = {path: str(entry["oid"]) for path, entry in reading.entries((target["file"] or {}).get("object"))}
        for head, tree in trees.items():
            there = {path: str(entry["oid"]) for path, entry in reading.entries(tree)}
            memory.differing[head] = {
                path: path in there for path in {**present, **there} if present.get(path) != there.get(path)
            }

    def _pull(self, node: Node, listed: Listed, people: People, owners: Owners) -> PullRequest:
        head = str(node["headRefOid"])
        changes: dict[str, bytes | None] = {
            path: self._memory.changes.get((head, path), UNREADABLE) for path in listed.ours
        }
        changes |= dict.fromkeys(listed.deleted)
        differing = self._memory.differing.get(head, {})
        if not listed.complete:
            # What GitHub does not list may be anything; nobody can judge it.
            changes |= {path: UNREADABLE for path in differing if path not in changes}
        elif any(not there and path not in changes for path, there in differing.items()):
            changes |= dict.fromkeys(self._asker.renamed(int(node["number"])))
        paths = tuple(dict.fromkeys((*listed.paths, *changes)))
        given = reading.approving(node["latestOpinionatedReviews"], head, people.name(node.get("author")), people)
        judged = reading.approval(node.get("reviewDecision"), given, paths, owners)
        irregular = [path for path in changes if (head, path) in self._memory.irregular]
        return reading.pull(node, people, paths, changes, judged, irregular)


def _deep(paths: Iterable[str]) -> Iterable[str]:
    return (path for path in paths if path.startswith(f"{ROOT}/") and path.count("/") >= 2)


def _newest(pulls: Iterable[PullRequest]) -> tuple[PullRequest, ...]:
    """All open ones, and of those closed the newest of each branch under `rollout/`, if nothing newer is open."""
    known = sorted({pull.number: pull for pull in pulls}.values(), key=lambda pull: pull.number)
    last = {pull.branch: pull.number for pull in known if pull.branch.startswith("rollout/")}
    return tuple(pull for pull in known if pull.state is PullState.OPEN or last.get(pull.branch) == pull.number)


def _found(repository: Node | None, place: Place) -> Node:
    if repository is None:
        raise NotFound(f"there is no repository {place}, or the token may not see it; give it as OWNER/NAME")
    return repository
