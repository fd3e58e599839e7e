"""Questions to one repository: parts that travel together, and pages until there are no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollout_bot.core.model.repository import GATE, ROOT, below_root
from rollout_bot.forge.github import queries
from rollout_bot.forge.github.errors import Overloaded, Purpose, Unanswered
from rollout_bot.forge.github.history import KEPT
from rollout_bot.forge.github.reading import Node
from rollout_bot.forge.github.transport import Transport

LOOKING = Purpose("look at the repository", "contents: read")
_PULLS = Purpose("list pull requests", "pull-requests: read")

PAGES = 300
"""Of one list; with a hundred entries each, more than any repository has open."""

Part = Callable[[queries.Asking], str]


@dataclass(frozen=True, slots=True)
class Place:
    """A repository, and its base branch once it is known."""

    owner: str
    name: str
    base: str | None = None

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def path(self) -> str:
        return f"/repos/{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Listed:
    """The files that a pull request changes, as GitHub lists them: of a renamed one it tells the new name only.

    `complete` is False where there are more than GitHub lists.
    """

    paths: tuple[str, ...]
    deleted: tuple[str, ...]
    renames: bool
    complete: bool

    @property
    def ours(self) -> tuple[str, ...]:
        """Those at or under `rollout-state/` that are still there."""
        gone = set(self.deleted)
        return tuple(path for path in self.paths if below_root(path) and path not in gone)

    @property
    def doubtful(self) -> bool:
        """Whether files may be missing from the list."""
        return self.renames or not self.complete


class Cursors:
    """The cursors at which the pages of one list went on."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def after(self, page: Node) -> str:
        """Where to go on. Raises Unanswered where that leads back, or on and on."""
        cursor: str = page["pageInfo"]["endCursor"]
        if cursor in self._seen or len(self._seen) >= PAGES:
            raise Unanswered(f"cannot {LOOKING.what}: the pages of GitHub's answer do not end")
        self._seen.add(cursor)
        return cursor


class Asker:
    """What a snapshot asks. Raises ForgeError; half an answer is none."""

    def __init__(self, transport: Transport, place: Place) -> None:
        self._transport = transport
        self._place = place

    def ask(self, document: str, **variables: Any) -> Mapping[str, Any]:
        names = {"owner": self._place.owner, "name": self._place.name}
        return self._transport.query(document, {**names, **variables}, LOOKING)

    def opened(self, page: Node, base: str) -> list[Node]:
        """Every open pull request to the base branch, from the first page on."""
        found, cursors = list(page["nodes"]), Cursors()
        while page["pageInfo"]["hasNextPage"]:
            after = cursors.after(page)
            page = self.ask(queries.MORE_OPEN, base=base, after=after, root=ROOT, gate=GATE)["repository"]["open"]
            found += page["nodes"]
        unique = {node["number"]: node for node in found if node and node["baseRefName"] == base}
        return [unique[number] for number in sorted(unique)]

    def closed(self, page: Node, base: str) -> list[Node]:
        """Pull requests closed without a merge: the newest hundred, and all of the bot's branches."""
        found = list(page["nodes"])
        if page["pageInfo"]["hasNextPage"]:
            what = f"repo:{self._place} is:pr is:closed is:unmerged base:{base} head:rollout/ sort:created-desc"
            after, cursors = None, Cursors()
            while True:
                answer = self._transport.query(queries.SEARCH, {"what": what, "after": after}, _PULLS)["search"]
                found += answer["nodes"]
                if not answer["pageInfo"]["hasNextPage"]:
                    break
                after = cursors.after(answer)
        return [node for node in found if node and node.get("baseRefName") == base]

    def paths(self, pulls: Iterable[Node]) -> dict[int, Listed]:
        """The changed files of each pull request, all of them, by its number."""
        pages = {int(node["number"]): node["files"] or _NO_FILES for node in pulls}
        nodes = {number: list(page["nodes"]) for number, page in pages.items()}
        cursors = {number: Cursors() for number in pages}
        while more := {n: cursors[n].after(page) for n, page in pages.items() if page["pageInfo"]["hasNextPage"]}:
            answers = self._together([_paths(number, after) for number, after in more.items()])
            pages = {number: answer["files"] or _NO_FILES for number, answer in zip(more, answers, strict=True)}
            for number, page in pages.items():
                nodes[number] += page["nodes"]
        return {int(node["number"]): _listed(nodes[int(node["number"])], node["changedFiles"]) for node in pulls}

    def learn(
        self, base: str, paths: Sequence[str], contents: Sequence[tuple[str, str]], heads: Sequence[str]
    ) -> tuple[dict[str, list[Node]], dict[tuple[str, str], Node | None], dict[str, Node | None]]:
        """Commits that changed the paths, newest first; files by head and path; trees of names by head: together."""
        first = queries.revisions_at_once(len(paths))
        parts: list[Part] = [_revisions(base, path, None, first) for path in paths]
        parts += [_blob(head, path) for head, path in contents]
        parts += [_names(head) for head in heads]
        answers = iter(self._together(parts))
        pages = {path: next(answers)["history"] for path in paths}
        files = {key: (next(answers) or {}).get("file") for key in contents}
        trees = {head: next(answers) for head in heads}
        return self._histories(base, pages), files, trees

    def renamed(self, number: int) -> tuple[str, ...]:
        """The former paths under `rollout-state/` of a pull request's renamed files, which only REST tells."""
        found: list[str] = []
        for page in range(1, 31):
            files = self._transport.get(
                f"{self._place.path}/pulls/{number}/files", _PULLS, per_page=str(queries.PAGE), page=str(page)
            )
            found += [str(file.get("previous_filename") or "") for file in files if file.get("status") == "renamed"]
            if len(files) < queries.PAGE:
                break
        return tuple(path for path in found if path.startswith(f"{ROOT}/"))

    def _histories(self, base: str, pages: dict[str, Node]) -> dict[str, list[Node]]:
        nodes = {path: list(page["nodes"]) for path, page in pages.items()}
        cursors = {path: Cursors() for path in pages}
        while more := {
            path: cursors[path].after(page)
            for path, page in pages.items()
            if page["pageInfo"]["hasNextPage"] and len(nodes[path]) < KEPT
        }:
            first = queries.revisions_at_once(len(more), queries.PAGE)
            answers = self._together([_revisions(base, path, after, first) for path, after in more.items()])
            pages = {path: answer["history"] for path, answer in zip(more, answers, strict=True)}
            for path, page in pages.items():
                nodes[path] += page["nodes"]
        return nodes

    def _together(self, parts: Sequence[Part]) -> list[Any]:
        """The answers to many parts in one request, or in halves where GitHub finds them too many."""
        if not parts:
            return []
        asking = queries.Asking()
        aliases = [part(asking) for part in parts]
        try:
            names = {"owner": self._place.owner, "name": self._place.name}
            found = self._transport.query(
                asking.document(), {**names, **asking.variables}, LOOKING, divisible=len(parts) > 1
            )["repository"]
        except Overloaded:
            if len(parts) == 1:
                raise
            half = len(parts) // 2
            return self._together(parts[:half]) + self._together(parts[half:])
        return [found[alias] for alias in aliases]


_NO_FILES: Node = {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


def _paths(number: int, after: str) -> Part:
    return lambda asking: asking.paths(number, after)


def _revisions(base: str, path: str, after: str | None, first: int) -> Part:
    return lambda asking: asking.revisions(base, path, after, first)


def _blob(head: str, path: str) -> Part:
    return lambda asking: asking.blob(head, path)


def _names(head: str) -> Part:
    return lambda asking: asking.names(head, ROOT)


def _listed(nodes: Iterator[Node] | Sequence[Node], changed: int) -> Listed:
    known = [node for node in nodes if node]
    return Listed(
        paths=tuple(str(node["path"]) for node in known),
        deleted=tuple(str(node["path"]) for node in known if node["changeType"] == "DELETED"),
        renames=any(node["changeType"] == "RENAMED" for node in known),
        complete=len(known) >= int(changed),
    )
