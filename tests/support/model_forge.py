"""A forge in memory: the contract of `Forge` and the rules of the repository, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from rollout_bot.core.decision.actions import Action, ClosePull, MergePull, OpenPull, SetGate, UpdatePull
from rollout_bot.core.model.repository import GateState, GateStatus, PullRequest, PullState, Revision, Snapshot
from rollout_bot.forge.interface import Applied, Conflict, NotMergeable
from support.rollouts import BOT
from support.ticks import Killed

OWNER = "alice"
Files = dict[str, bytes]


def owned(path: str) -> bool:
    """What the recommended CODEOWNERS say: approvals and policies belong to alice, states to nobody."""
    return "/approvals/" in path or path.endswith("/policy.yaml")


@dataclass(frozen=True)
class Commit:
    """`pull` is what brought it; None where somebody pushed."""

    files: Files
    at: datetime
    pull: PullRequest | None = None


@dataclass
class ModelForge:
    """`protected` refuses every merge; `left` counts actions down to a kill (0: never). `seen` hears of each action."""

    now: datetime
    commits: list[Commit]
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    bases: dict[int, Files] = field(default_factory=dict)
    protected: bool = False
    left: int = 0
    requests: int = 0
    budget: int | None = None
    seen: Callable[[Action], None] = lambda _action: None

    @property
    def files(self) -> Files:
        return self.commits[-1].files

    def role(self, person: str) -> None:
        """No roles here."""

    def snapshot(self) -> Snapshot:
        newest: dict[str, int] = {}
        for pull in self.pulls.values():
            if pull.state is PullState.CLOSED:
                newest[pull.branch] = pull.number
        shown = [
            pull
            for pull in self.pulls.values()
            if pull.state is PullState.OPEN or newest.get(pull.branch) == pull.number
        ]
        paths = {path for commit in self.commits for path in commit.files}
        history = {path: self._history(path) for path in paths if path.endswith(("/state.yaml", "/policy.yaml"))}
        return Snapshot("main", str(len(self.commits) - 1), BOT, dict(self.files), history, tuple(shown))

    def apply(self, action: Action) -> Applied:
        self.seen(action)
        match action:
            case OpenPull():
                applied = self._open(action)
            case UpdatePull():
                pull = self._is_open(self.pulls[action.number])
                applied = self._put(replace(pull, title=action.title, body=action.body))
            case SetGate():
                pull = self._is_open(self._newest(action.branch))
                if pull.head != action.head:
                    raise Conflict("head moved")
                applied = self._put(replace(pull, gate=action.status))
            case MergePull():
                pull = self._newest(action.branch)
                if pull.head != action.head:
                    raise Conflict("head moved")
                done = pull.state is PullState.MERGED
                applied = Applied(changed=False, pull=pull) if done else self.merge(pull.number)
            case ClosePull():
                applied = self.close(action.number, BOT)
        if self.left:
            self.left -= 1
            if not self.left:
                raise Killed
        return applied

    def open_pulls(self) -> list[PullRequest]:
        return [pull for pull in self.pulls.values() if pull.state is PullState.OPEN]

    def propose(self, branch: str, author: str, changes: dict[str, bytes | None]) -> PullRequest:
        number = len(self.pulls) + 1
        self.bases[number] = dict(self.files)
        pull = PullRequest(number, branch, f"{number}.0", author, "", "", PullState.OPEN, self.now)
        self._put(replace(pull, paths=tuple(changes), changes=changes, owners_approved=not any(map(owned, changes))))
        return self.pulls[number]

    def push(self, number: int, changes: dict[str, bytes | None]) -> None:
        """Somebody's commit on the branch: approvals and status were of another head."""
        pull = self.pulls[number]
        whole = {**pull.changes, **changes}
        count = int(pull.head.partition(".")[2]) + 1
        self._put(
            replace(
                pull,
                head=f"{number}.{count}",
                changes=whole,
                paths=tuple(whole),
                approvers=(),
                owners_approved=not any(map(owned, whole)),
                gate=None,
            )
        )

    def approve(self, number: int, by: str) -> None:
        pull = self.pulls[number]
        if by == OWNER and any(map(owned, pull.paths)):
            self._put(replace(pull, approvers=(OWNER,), owners_approved=True))

    def merge(self, number: int) -> Applied:
        """Anybody's merge, the bot's included: the same rules for all."""
        pull = self._is_open(self.pulls[number])
        status = pull.gate or GateStatus(GateState.PENDING, "none")
        if self.protected or not pull.owners_approved or status.state is not GateState.SUCCESS:
            raise NotMergeable("a rule forbids it")
        base = self.bases[number]
        if any(self.files.get(path) not in (base.get(path), new) for path, new in pull.changes.items()):
            raise Conflict("changed on both sides")
        merged = replace(pull, state=PullState.MERGED)
        files = {**self.files, **pull.changes}
        kept = {path: content for path, content in files.items() if content is not None}
        self.commits.append(Commit(kept, self.now, merged))
        return self._put(merged)

    def close(self, number: int, by: str) -> Applied:
        pull = self.pulls[number]
        if pull.state is PullState.MERGED:
            raise Conflict("merged")
        if pull.state is PullState.CLOSED:
            return Applied(changed=False, pull=pull)
        return self._put(replace(pull, state=PullState.CLOSED, closed_at=self.now, closed_by=by))

    def _open(self, action: OpenPull) -> Applied:
        for pull in reversed([each for each in self.pulls.values() if each.branch == action.branch]):
            if pull.state is not PullState.CLOSED:
                return self._found(pull, action)
            if pull.number > action.after:
                raise Conflict("closed meanwhile")
        base = self.commits[int(action.base)].files
        if any(base.get(path) != self.files.get(path) for path in action.files):
            raise Conflict("moved on")
        files = {path: text.encode() for path, text in action.files.items()}
        pull = self.propose(action.branch, BOT, {path: new for path, new in files.items() if base.get(path) != new})
        return self._put(replace(pull, title=action.title, body=action.body, labels=action.labels))

    def _found(self, pull: PullRequest, action: OpenPull) -> Applied:
        texts = {path: content and content.decode(errors="replace") for path, content in pull.changes.items()}
        if pull.state is PullState.OPEN and not texts.items() <= action.files.items():
            raise Conflict("open with another content")
        return Applied(changed=False, pull=pull)

    def _history(self, path: str) -> tuple[Revision, ...]:
        found: list[Revision] = []
        before: bytes | None = None
        for index, commit in enumerate(self.commits):
            content = commit.files.get(path)
            if content != before:
                pull = commit.pull
                number, approvers = (pull.number, pull.approvers) if pull else (None, ())
                found.append(Revision(str(index), commit.at, content, number, approvers))
            before = content
        return tuple(reversed(found))

    def _newest(self, branch: str) -> PullRequest:
        return [pull for pull in self.pulls.values() if pull.branch == branch][-1]

    def _put(self, pull: PullRequest) -> Applied:
        self.pulls[pull.number] = pull
        return Applied(changed=True, pull=pull)

    @staticmethod
    def _is_open(pull: PullRequest) -> PullRequest:
        if pull.state is not PullState.OPEN:
            raise Conflict("not open")
        return pull
