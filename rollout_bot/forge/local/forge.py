"""What the local forge does for the bot and for people: snapshots, actions, reviews, merges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rollout_bot.core.decision.actions import (
    Action,
    ClosePull,
    DeleteBranch,
    FinishPull,
    MergePull,
    OpenPull,
    SetGate,
    StartWorkflow,
    UpdatePull,
)
from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.model.repository import PullRequest, PullState, Snapshot
from rollout_bot.forge.codeowners import fold
from rollout_bot.forge.git import listed, raw, shown
from rollout_bot.forge.interface import Applied, Conflict, ForgeError, NotMergeable
from rollout_bot.forge.local.desk import Desk, hidden
from rollout_bot.forge.local.merging import Landing, combine
from rollout_bot.forge.local.objects import Entry, Signature
from rollout_bot.forge.local.pulls import Approval, Comment, Record, write_json
from rollout_bot.forge.ownership import examine


@dataclass(frozen=True, slots=True)
class Approved:
    """An approval as recorded. `counts` says whether its giver owns one of the changed paths; `message` says it all."""

    pull: PullRequest
    counts: bool
    message: str


class LocalForge(Desk):
    """Pull requests on a plain git repository, bare or with work trees, in its own git directory.

    `repository` is any folder inside it. `now` (aware) becomes the date of all that is done and may be set anew between
    calls. The base branch is the given one, else `rolloutbot.base` of git's configuration, else what HEAD points to.
    Members of teams that CODEOWNERS names are read from the same configuration, once for each team:
    `git config --add rolloutbot.team org/team=alice,bob`. What changes anything waits for a lock that all runs share.
    Raises NotFound where there is no repository and Unusable where it cannot serve, such as a shallow clone.
    """

    requests = 0
    budget = None

    def __init__(
        self, repository: Path, *, now: datetime, actor: str = "rollout-bot", base_branch: str | None = None
    ) -> None:
        super().__init__(repository, base_branch)
        self.now = now
        self.actor = actor
        self._made: dict[str, str] = {}

    def snapshot(self) -> Snapshot:
        """One consistent view of the base branch's newest commit and the pull requests to it.

        Costs one git process while no branch has moved.
        """
        heads, records, base = self._look()
        views = [self._reader.view(record, base, heads) for record in records if record.merge_commit is None]
        newest = {pull.branch: pull.number for pull in views if pull.branch.startswith("rollout/")}
        return Snapshot(
            base_branch=self.base_branch,
            base=base.commit,
            actor=self.actor,
            files=base.files,
            history=self._noted(self._reader.history(base, records)),
            pulls=tuple(
                pull
                for pull in views
                if pull.state is PullState.OPEN
                or (pull.state is PullState.CLOSED and newest.get(pull.branch) == pull.number)
            ),
            left=self._left(heads, records),
        )

    def apply(self, action: Action) -> Applied:
        """Carries out one action; repeating it, even after a kill, leads to the same end."""
        with self._changing():
            match action:
                case OpenPull():
                    return self._open(action)
                case FinishPull():
                    return self._finish(action)
                case UpdatePull():
                    return self._update(action)
                case SetGate():
                    return self._set_gate(action)
                case MergePull():
                    return self._merge(action)
                case ClosePull():
                    return self._close(self._record(action.number), self.actor, action.comment)
                case StartWorkflow():
                    return Applied(changed=False)
                case DeleteBranch():
                    return Applied(self._delete(action.branch, action.head))

    def role(self, person: str) -> None:
        """None for everybody: whoever can write the repository's files can do anything here."""

    def note(self, commit: str, topic: str, text: str) -> None:
        """In a file beside the pull requests."""
        with self._lock():
            known = self._notes()
            write_json(self._noticeboard, {**known, commit: {**known.get(commit, {}), topic: text}})

    def examine(self, rollouts: Iterable[str]) -> Iterator[Finding]:
        """Owners and their rules; what else there is to a repository was checked when it was opened."""
        _, _, base = self._look()
        yield Finding(Level.RIGHT, "repository", f"base branch {self.base_branch}, whole history")
        yield from examine(base.owners, rollouts, there=base.owners.rules is not None)

    def pulls(self, state: PullState | None = None) -> tuple[PullRequest, ...]:
        """All pull requests to the base branch, or those in one state, by number."""
        heads, records, base = self._look()
        views = (self._reader.view(record, base, heads) for record in records)
        return tuple(pull for pull in views if state in (None, pull.state))

    def comments(self, number: int) -> tuple[Comment, ...]:
        return self._record(number).comments

    def diff(self, number: int) -> str:
        """The whole difference of a pull request, as text from outside: it may hold control characters."""
        pull = self.pull(number)
        return self._objects.patch(self._objects.merge_base(self._tip(), pull.head), pull.head)

    def missing(self, number: int) -> tuple[str, ...]:
        """What a pull request still needs before it can be merged; nothing if it can, or if it is not open."""
        pull = self.pull(number)
        return self._reader.missing(pull, self._reader.at(self._tip())) if pull.state is PullState.OPEN else ()

    def approve(self, number: int, by: str) -> Approved:
        """Records an approval of the present head. Raises NotMergeable for one's own pull request."""
        person = _person(by)
        with self._changing():
            record, pull = self._open_record(number)
            if fold(person) in (fold(record.author), fold(self.actor)):
                raise NotMergeable(f"#{number} is {record.author}'s own: {person} cannot approve it; an owner can")
            if not any(fold(one.by) == fold(person) and one.head == pull.head for one in record.approvals):
                given = Approval(person, pull.head, self.now)
                self._store.write(replace(record, approvals=(*record.approvals, given)))
            pull = self.pull(number)
        counts = fold(person) in map(fold, pull.approvers)
        end = "" if counts else f", but it does not count: {person} owns none of the changed paths"
        return Approved(pull, counts, f"approval of #{number} by {person} for head {pull.head[:9]} recorded{end}")

    def merge(self, number: int, by: str) -> Applied:
        """A person's merge at the present head, under the same rules as the bot's. Raises NotMergeable, Conflict."""
        person = _person(by)
        with self._changing():
            record, pull = self._open_record(number)
            return self._land(record, pull, person, record.title, record.message)

    def close(self, number: int, by: str, comment: str = "") -> Applied:
        """A person's refusal: closes without merging and deletes the branch. Raises Conflict if it is merged."""
        person = _person(by)
        with self._changing():
            return self._close(self._record(number), person, comment)

    def _open(self, action: OpenPull) -> Applied:
        heads, _, base = self._look()
        known = [record for record in self._store.all() if record.branch == action.branch]
        for record in reversed(known):
            pull = self._reader.view(record, base, heads)
            if pull.state is PullState.OPEN:
                return self._found(pull, action)
            if pull.state is PullState.MERGED:
                held = self._objects.contains(action.base, record.merge_commit or pull.head)
                if held and not self._holds(action.base, action):
                    # The plan knew what it brought: a life of the rollout before this one, or what is no rollout's.
                    continue
                return Applied(changed=False, pull=pull)
            if pull.number > action.after:
                raise Conflict(f"#{pull.number} of {action.branch} was closed meanwhile; the next tick sees it")
        self._compare(action, base.commit)
        head = self._branch_commit(action)
        number = max((record.number for record in self._store.all()), default=0) + 1
        self._point(action.branch, head, heads.get(action.branch), number)
        record = Record(
            number=number,
            base=self.base_branch,
            branch=action.branch,
            head=head,
            author=self.actor,
            title=action.title,
            body=action.body,
            state=PullState.OPEN,
            opened_at=self.now,
            message=action.message,
            labels=action.labels,
            reviewers=action.reviewers,
        )
        self._store.write(record)
        self._made[action.branch] = head
        return Applied(changed=True, pull=self.pull(number))

    def _found(self, pull: PullRequest, action: OpenPull) -> Applied:
        if not self._holds(pull.head, action) or not set(pull.paths) <= set(action.files):
            raise Conflict(f"#{pull.number} of {action.branch} is open with another content; close it first")
        self._made[action.branch] = pull.head
        return Applied(changed=False, pull=pull)

    def _holds(self, commit: str, action: OpenPull) -> bool:
        contents = self._objects.contents(self._objects.tree(commit, action.files))
        return all(contents.get(path) == raw(content) for path, content in action.files.items())

    def _compare(self, action: OpenPull, tip: str) -> None:
        """The files must be as they were when the plan was made; elsewhere the base may have moved on."""
        if action.branch == self.base_branch:
            raise ForgeError(f"{action.branch} is the base branch; a pull request needs a branch of its own")
        if action.base == tip:
            return
        if not self._objects.contains(tip, action.base):
            raise Conflict(f"{action.base[:9]} is not part of {self.base_branch} any more; take a new snapshot")
        if moved := set(self._objects.changes(action.base, tip)) & set(action.files):
            raise Conflict(f"{shown(min(moved))} has changed on {self.base_branch}; take a new snapshot")

    def _branch_commit(self, action: OpenPull) -> str:
        present = self._objects.tree(action.base, action.files)
        updates: dict[str, Entry | None] = {}
        for path, content in action.files.items():
            old = present.get(path)
            updates[path] = Entry(old.mode if old and old.regular else "100644", self._objects.blob(raw(content)))
        if all(present.get(path) == entry for path, entry in updates.items()):
            raise Conflict(f"{action.branch} would change nothing: {self.base_branch} holds the same content")
        who = Signature(self.actor, self.actor, self.now)
        head = self._objects.commit(action.base, updates, who, f"{_subject(action.title)}\n\n{action.message}")
        # Git passes over names that no work tree could hold, such as .git/config, without an error.
        made = self._objects.changes(action.base, head)
        if lost := [path for path, entry in updates.items() if present.get(path) != entry and path not in made]:
            raise ForgeError(f"{shown(lost[0])!r} cannot be a path in a repository; choose another")
        return head

    def _point(self, branch: str, head: str, old: str | None, number: int) -> None:
        """Sets the branch, replacing what a killed run left, and a hidden reference that keeps the head for later."""
        if old and self._trees.on(branch):
            raise Conflict(f"{branch} is checked out in a work tree; switch to another branch there")
        commands = [f"update refs/heads/{branch}", head, old or "0" * len(head)]
        commands += [f"update {hidden(number)}", head, ""]
        self._git.run("update-ref", "-z", "--stdin", stdin=listed(commands))

    def _finish(self, action: FinishPull) -> Applied:
        record, pull = self._open_record(action.number)
        labels = tuple(dict.fromkeys((*record.labels, *action.labels)))
        reviewers = tuple(dict.fromkeys((*record.reviewers, *action.reviewers)))
        if (labels, reviewers) == (record.labels, record.reviewers):
            return Applied(changed=False, pull=pull)
        self._store.write(replace(record, labels=labels, reviewers=reviewers))
        return Applied(changed=True, pull=replace(pull, labels=labels, reviewers=reviewers))

    def _update(self, action: UpdatePull) -> Applied:
        record, pull = self._open_record(action.number)
        if (record.title, record.body) == (action.title, action.body):
            return Applied(changed=False, pull=pull)
        self._store.write(replace(record, title=action.title, body=action.body))
        return Applied(changed=True, pull=replace(pull, title=action.title, body=action.body))

    def _set_gate(self, action: SetGate) -> Applied:
        record, pull = self._newest(action.branch)
        head = action.head or self._made.get(action.branch, record.head)
        if pull.state is not PullState.OPEN:
            if pull.state is PullState.MERGED and head == pull.head:
                return Applied(changed=False, pull=pull)
            raise Conflict(f"#{pull.number} of {action.branch} is {pull.state}; a status is of no use there")
        if record.statuses.get(head) == action.status:
            return Applied(changed=False, pull=pull)
        self._store.write(replace(record, statuses={**record.statuses, head: action.status}))
        return Applied(changed=True, pull=self.pull(pull.number))

    def _merge(self, action: MergePull) -> Applied:
        record, pull = self._newest(action.branch)
        head = action.head or self._made.get(action.branch, record.head)
        if pull.state is PullState.CLOSED:
            raise Conflict(f"#{pull.number} of {action.branch} was closed; it is not merged")
        if pull.head != head:
            raise Conflict(
                f"#{pull.number} is at {pull.head[:9]} now, judged was {head[:9]}; the next tick judges anew"
            )
        if pull.state is PullState.MERGED:
            self._remove_branch(pull)
            return Applied(changed=False, pull=pull)
        return self._land(record, pull, self.actor, action.title, action.message)

    def _land(self, record: Record, pull: PullRequest, by: str, title: str, message: str) -> Applied:
        base = self._reader.at(self._tip())
        if reasons := self._reader.missing(pull, base):
            raise NotMergeable(f"#{pull.number} cannot be merged: {'; '.join(reasons)}")
        updates = combine(self._objects, base.commit, pull.head)
        trailers = [f"Pull-request: #{pull.number}", *(f"Approved-by: {name}" for name in pull.approvers)]
        whole = "\n\n".join(part for part in (_subject(title), message.strip(), "\n".join(trailers)) if part)
        new = self._objects.commit(base.commit, updates, Signature(record.author, by, self.now), whole)
        self._merging.land(
            Landing(
                number=pull.number,
                base=self.base_branch,
                head=pull.head,
                old=base.commit,
                new=new,
                by=by,
                at=self.now,
                approvers=pull.approvers,
            )
        )
        return Applied(changed=True, pull=self.pull(pull.number))

    def _close(self, record: Record, by: str, comment: str) -> Applied:
        pull = self.pull(record.number)
        if pull.state is PullState.MERGED:
            raise Conflict(f"#{pull.number} is merged; it cannot be closed")
        if changed := pull.state is PullState.OPEN:
            self._git.run("update-ref", hidden(record.number), pull.head)
            said = (Comment(by, self.now, comment),) if comment else ()
            record = replace(
                record,
                state=PullState.CLOSED,
                head=pull.head,
                closed_at=self.now,
                closed_by=by,
                comments=record.comments + said,
            )
            self._store.write(record)
        self._remove_branch(record)
        return Applied(changed=changed, pull=self.pull(record.number))


def _subject(title: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in title).split()) or "Change"


def _person(name: str) -> str:
    person = name.strip().removeprefix("@")
    if not person or not person.isprintable() or any(sign in person for sign in " /,="):
        raise ForgeError(
            f"{name!r:.80} is no user name; give a name or an e-mail address without spaces, such as alice"
        )
    return person
