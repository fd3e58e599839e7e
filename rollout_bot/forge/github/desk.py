"""What is known of the repository between a snapshot and the actions built on it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollout_bot.core.model.repository import GATE, ROOT, PullRequest, PullState
from rollout_bot.forge.github import queries, reading
from rollout_bot.forge.github.asking import Asker, Place
from rollout_bot.forge.github.errors import Purpose
from rollout_bot.forge.github.looking import Looker, View
from rollout_bot.forge.github.reading import Handle, Node
from rollout_bot.forge.github.transport import Transport
from rollout_bot.forge.interface import ForgeError, NotFound


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch as it is now, and its pull requests to the base branch in any state, newest first."""

    id: str | None
    head: str | None
    pulls: tuple[Node, ...]


@dataclass
class Desk:
    """The last snapshot with what has been done since. Actions stand on it, so that they need not ask again."""

    transport: Transport
    looker: Looker
    now: datetime
    made: dict[str, str] = field(default_factory=dict)
    _view: View | None = None
    _pulls: dict[int, PullRequest] = field(default_factory=dict)
    _handles: dict[int, Handle] = field(default_factory=dict)

    def look(self) -> View:
        """A new snapshot."""
        self._view = view = self.looker.look()
        self._pulls = {pull.number: pull for pull in view.snapshot.pulls}
        self._handles = dict(view.handles)
        return view

    @property
    def view(self) -> View:
        """The last snapshot; the first time it is asked for, a new one."""
        return self._view or self.look()

    def _ensure(self) -> None:
        if self._view is None:
            self.look()

    @property
    def place(self) -> Place:
        """The repository with its base branch."""
        self._ensure()
        return self.looker.place

    @property
    def base(self) -> str:
        return self.view.snapshot.base_branch

    @property
    def asker(self) -> Asker:
        return Asker(self.transport, self.place)

    def pull(self, number: int) -> PullRequest:
        """A pull request by number, asked for only if it is unknown. Raises NotFound."""
        self._ensure()
        return self._pulls.get(number) or self.remember(self.obstacles(number)["pullRequest"])

    def newest(self, branch: str) -> PullRequest:
        """The newest pull request of a branch. Raises NotFound where there is none."""
        self._ensure()
        known = [pull for pull in self._pulls.values() if pull.branch == branch]
        if known:
            return max(known, key=lambda pull: (pull.state is PullState.OPEN, pull.number))
        found = self.branch(branch).pulls
        if not found:
            raise NotFound(f"there is no pull request of the branch {branch}; it has to be opened first")
        return self.remember(found[0])

    def handle(self, pull: PullRequest) -> Handle:
        """The ids of an open pull request."""
        if pull.number not in self._handles:
            self.remember(self.obstacles(pull.number)["pullRequest"])
        return self._handles[pull.number]

    def remember(self, node: Node) -> PullRequest:
        """Keeps a pull request as GitHub tells it now; what it knew of its files and approvals stays."""
        pull = reading.pull(
            node, self.view.people, [file["path"] for file in (node.get("files") or {}).get("nodes", ())]
        )
        known = self._pulls.get(pull.number)
        if known is not None and known.head == pull.head:
            pull = replace(
                pull,
                paths=known.paths,
                changes=known.changes,
                approvers=known.approvers,
                owners_approved=known.owners_approved,
            )
        return self.keep(pull, reading.handle(node))

    def keep(self, pull: PullRequest, handle: Handle | None = None) -> PullRequest:
        self._pulls[pull.number] = pull
        if handle is not None:
            self._handles[pull.number] = handle
        return pull

    def branch(self, name: str) -> Branch:
        """Looks at a branch."""
        answer = self.asker.ask(
            queries.BRANCH,
            branch=name,
            ref=f"refs/heads/{name}",
            root=ROOT,
            gate=GATE,
        )["repository"]
        ref = answer["ref"] or {}
        pulls = (
            node
            for node in answer["pulls"]["nodes"]
            if node and node["baseRefName"] == self.base and not node["isCrossRepository"]
        )
        newest = tuple(sorted(pulls, key=lambda node: int(node["number"]), reverse=True))
        return Branch(ref.get("id"), (ref.get("target") or {}).get("oid"), newest)

    def obstacles(self, number: int) -> Node:
        """A pull request with what stands between it and its merge: the repository's part of `queries.PULL`."""
        answer: Node = {"pullRequest": None}
        with suppress(NotFound):
            answer = self.asker.ask(queries.PULL, number=number, base=self.base, root=ROOT, gate=GATE)["repository"]
        if answer["pullRequest"] is None or answer["pullRequest"]["baseRefName"] != self.base:
            raise NotFound(f"there is no pull request #{number} to {self.base}")
        return answer

    def delete(self, branch: str, head: str) -> str | None:
        """Deletes a branch that is still at `head`; answers what keeps it from that."""
        purpose = Purpose(f"delete the branch {branch}", "contents: write")
        update = {"name": f"refs/heads/{branch}", "beforeOid": head, "afterOid": "0" * len(head)}
        variables = {"input": {"repositoryId": self.view.repository, "refUpdates": [update]}}
        try:
            error = self.transport.mutate(queries.UPDATE_REFS, variables, purpose).error
        except ForgeError as lost:
            error = lost
        return str(error) if error is not None else None


def ref_path(place: Place, branch: str) -> str:
    from urllib.parse import quote

    return f"{place.path}/git/refs/heads/{quote(branch)}"
