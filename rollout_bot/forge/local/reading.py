"""What the repository says as of one base commit: files, history, owners, and how a pull request stands against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rollout_bot.core.model.repository import ROOT, GateState, PullRequest, PullState, Revision, below_root, is_read
from rollout_bot.forge.codeowners import LIMIT, PLACES, Owners, fold, read_owners
from rollout_bot.forge.git import GitFailed, shown
from rollout_bot.forge.local.objects import Change, Entry, Landed, Objects
from rollout_bot.forge.local.pulls import Record

TEAMS = "rolloutbot.team"
"""Key in git's configuration, once for each team: `git config --add rolloutbot.team org/team=alice,bob`."""

CONTENTS = 200
"""Files of one pull request under `rollout-state/` that are read; of more, the rest counts as unreadable."""

UNREAD = b"\0"
"""Stands for a content that is not looked at; no reader takes it for an empty file, or for YAML."""


@dataclass(frozen=True, slots=True)
class Base:
    """One commit of the base branch; `landed` with its contents is what `Reader.history` is made of."""

    commit: str
    files: Mapping[str, bytes]
    owners: Owners
    landed: Mapping[str, Sequence[Landed]]
    contents: Mapping[str, bytes]


class Reader:
    """Reads a base commit once and keeps it until the branch moves."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._base: Base | None = None
        self._history: tuple[str, Mapping[str, Record], dict[str, tuple[Revision, ...]]] | None = None

    def at(self, commit: str) -> Base:
        if self._base is None or self._base.commit != commit:
            self._base = self._load(commit)
        return self._base

    def history(self, base: Base, records: Sequence[Record]) -> Mapping[str, tuple[Revision, ...]]:
        """The revisions of each state and policy file, with the pull requests that brought them."""
        merged = {record.merge_commit: record for record in records if record.merge_commit}
        if self._history is None or self._history[:2] != (base.commit, merged):
            revisions = {
                shown(path): tuple(_revision(one, base.contents, merged.get(one.commit)) for one in landed)
                for path, landed in base.landed.items()
            }
            self._history = (base.commit, merged, revisions)
        return self._history[2]

    def view(self, record: Record, base: Base, heads: Mapping[str, str]) -> PullRequest:
        """A pull request as it stands now.

        An open one whose commit has reached the base branch by a person's own merge counts as merged. One whose branch
        is gone, or was set back to the base, counts as closed.
        """
        tip = heads.get(record.branch) if record.state is PullState.OPEN else None
        head = tip or record.head
        changes = self._changes(base.commit, head, required=tip is not None)
        given = [one.by for one in record.approvals if one.head == head and fold(one.by) != fold(record.author)]
        merged = record.merge_commit is not None
        paths = tuple(map(shown, changes))
        return PullRequest(
            number=record.number,
            branch=record.branch,
            head=head,
            author=record.author,
            title=record.title,
            body=record.body,
            state=self._state(record, base.commit, tip),
            opened_at=record.opened_at,
            paths=paths,
            changes=self._contents(changes),
            labels=record.labels,
            approvers=record.approvers if merged else base.owners.counting(paths, given),
            owners_approved=merged or base.owners.approved(paths, given),
            gate=record.statuses.get(head),
            closed_at=record.closed_at,
            closed_by=record.closed_by,
            reviewers=record.reviewers,
            irregular=tuple(shown(path) for path, change in changes.items() if below_root(path) and change.irregular),
        )

    def missing(self, pull: PullRequest, base: Base) -> tuple[str, ...]:
        """What an open pull request still needs before it can be merged, each with who can help."""
        reasons = [f"{base.owners.fault}; until then nobody can approve"] if base.owners.fault else []
        waiting = base.owners.waiting(pull.paths, pull.approvers)
        reasons += [
            f"{path} needs the approval of {' or '.join(owners)} for head {pull.head[:9]}: "
            f"`rollout-bot pulls approve {pull.number} --as NAME`"
            for path, owners in waiting.items()
        ]
        if pull.gate is None:
            reasons.append(f"the status rollout/gate is missing on head {pull.head[:9]}; the next tick sets it")
        elif pull.gate.state is not GateState.SUCCESS:
            reasons.append(f"the status rollout/gate is {pull.gate.state}: {pull.gate.description}")
        return tuple(reasons)

    def _load(self, commit: str) -> Base:
        entries = self._objects.tree(commit, (f"{ROOT}/", *PLACES))
        landed = self._objects.history(commit)
        revisions = {one.entry.id: one.entry for all_ in landed.values() for one in all_ if one.entry}
        ours = {path: entry for path, entry in entries.items() if path.startswith(f"{ROOT}/") and entry.regular}
        read = {path: entry for path, entry in ours.items() if is_read(path)}
        contents = self._objects.contents({**revisions, **read})
        contents |= self._objects.contents({path: entry for path, entry in entries.items() if path in PLACES}, LIMIT)
        files = {shown(path): contents.get(path, UNREAD) for path in ours}
        return Base(commit, files, self._owners(entries, contents), landed, contents)

    def _owners(self, entries: Mapping[str, Entry], contents: Mapping[str, bytes]) -> Owners:
        place = next((place for place in PLACES if place in entries), None)
        if place is None:
            return Owners()
        if place not in contents:
            return Owners(fault=f"{place}:1: not a regular file; put the lines into the file itself")
        return read_owners(place, contents[place], self._teams())

    def _teams(self) -> dict[str, frozenset[str]]:
        lines = (self._objects.git.maybe("config", "--get-all", TEAMS) or "").split("\n")
        pairs = (line.partition("=") for line in lines if line)
        return {fold(team): frozenset(map(fold, members.split(","))) for team, _, members in pairs}

    def _changes(self, base: str, head: str, *, required: bool) -> Mapping[str, Change]:
        # The objects of an old, closed pull request may have been cleared away; it is still worth listing.
        with suppress(*() if required else (GitFailed,)):
            return self._objects.changes(self._objects.merge_base(base, head), head)
        return {}

    def _state(self, record: Record, base: str, tip: str | None) -> PullState:
        if record.state is not PullState.OPEN:
            return record.state
        if tip is not None and not self._objects.contains(base, tip):
            return PullState.OPEN
        with suppress(GitFailed):
            if self._objects.contains(base, record.head):
                return PullState.MERGED
        return PullState.CLOSED

    def _contents(self, changes: Mapping[str, Change]) -> dict[str, bytes | None]:
        ours = {path: change.new for path, change in changes.items() if path.startswith(f"{ROOT}/")}
        present = [(path, entry) for path, entry in ours.items() if entry and entry.regular]
        read = [(path, entry) for path, entry in present if is_read(path)][:CONTENTS]
        contents = {**dict.fromkeys((path for path, _ in present), UNREAD), **self._objects.contents(dict(read))}
        return {shown(path): contents.get(path) for path in ours}


def _revision(landed: Landed, contents: Mapping[str, bytes], record: Record | None) -> Revision:
    content = contents.get(landed.entry.id) if landed.entry else None
    if record is None:
        return Revision(landed.commit, landed.at, content)
    return Revision(landed.commit, landed.at, content, record.number, record.approvers)
