"""What must always hold (the nine properties), checked against what was fed, looked at and done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rollout_bot.core.decision.actions import Action, ClosePull, MergePull, OpenPull, SetGate
from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import (
    PullRequest,
    Revision,
    Snapshot,
    approval_path,
    policy_path,
    rollout_of,
    state_path,
)
from rollout_bot.core.model.state import Approval, ChangeKind, State
from rollout_bot.core.record import TickRecord
from rollout_bot.files.approval import read_approval
from rollout_bot.files.state import read_state
from rollout_bot.forge.interface import Applied
from support.machine.feed import Feed
from support.machine.line import Line, Move
from support.machine.looks import Round, lawful, look_around
from support.machine.places import Place
from support.model_forge import owned

if TYPE_CHECKING:
    from support.machine.watched import Watched

Asked = tuple[str, Request] | None
"""What somebody asks of which rollout."""


@dataclass(frozen=True)
class Refusal:
    """Of a pull request that a person closed. `opened` is when the bot saw it healthy; None where somebody asked."""

    at: datetime
    opened: datetime | None


@dataclass
class Laws:
    """Hears of every look, action and deed; raises AssertionError where a property is broken.

    `forged` are states that were pushed past the gate, `approved` the heads that an owner has approved, with their
    pull requests, `opened` the heads that the bot made and when it saw what they rest on.
    """

    place: Place
    feeds: Mapping[str, Feed]
    forged: set[bytes] = field(default_factory=set)
    approved: set[tuple[int, str]] = field(default_factory=set)
    refused: dict[str, Refusal] = field(default_factory=dict)
    opened: dict[str, datetime | None] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    _judged: dict[str, Round] = field(default_factory=dict)
    _heads: dict[int, str] = field(default_factory=dict)
    _pulls: dict[int, PullRequest] = field(default_factory=dict)

    def begin(self, snapshot: Snapshot) -> None:
        for name in self.feeds:
            newest = snapshot.history[state_path(name)][0]
            self.lines[name] = Line(read_state(newest.content or b"", "state.yaml"), newest.commit)

    def look(self, snapshot: Snapshot, now: datetime) -> Round:
        self._pulls.update({pull.number: pull for pull in snapshot.open_pulls()})
        return look_around(snapshot, self.feeds, now, self.forged)

    # What the bot does

    def may_open(self, action: OpenPull, seen: Round, asked: Asked) -> None:
        """6, second half: what a person closed is not opened again, unless something has changed or somebody asks."""
        name = rollout_of(action.branch) or ""
        state = read_state(action.files[state_path(name)].encode(), "state.yaml")
        assert set(action.files) <= {state_path(name), approval_path(name, state.stage)}, (
            "it writes what is not its own"
        )
        refusal, look = self.refused.get(action.branch), seen.looks[name]
        if refusal is None or state.change.kind is not ChangeKind.ADVANCE or _asks(asked, name, ChangeKind.ADVANCE):
            return
        if look.policy_at >= refusal.at or look.entered > refusal.at or (refusal.opened is None and not look.off):
            return
        changed = not look.off and refusal.opened is not None and self.feeds[name].troubled(refusal.opened)
        assert changed, "6: a refusal was ignored"

    def acted(self, action: Action, applied: Applied, seen: Round, asked: Asked) -> None:
        """What an action has come to, right after it."""
        if isinstance(action, OpenPull) and applied.changed and applied.pull:
            name = rollout_of(action.branch) or ""
            asks = _asks(asked, name, ChangeKind.ADVANCE)
            self.opened[applied.pull.head] = None if asks else seen.looks[name].at
        if isinstance(action, SetGate | MergePull) and action.head is not None:
            self._judged[action.head] = seen
        if isinstance(action, MergePull) and applied.changed and applied.pull:
            name = rollout_of(action.branch) or ""
            assert seen.looks[name].state is not None, "8: it builds on a state that is not lawful"
            assert applied.pull.head == action.head, "another head was merged than was judged"
            assert set(applied.pull.paths) <= set(_own_paths(name, applied.pull)), "it merges what is not its own"
            self.landed(applied.pull)
        if isinstance(action, ClosePull) and action.number in seen.pulls:
            self.refused.pop(seen.pulls[action.number].branch, None)

    def judged_all(self, tick: Watched, record: TickRecord) -> None:
        """The gates of a tick that came to its end are all as it has seen things, where none of them failed."""
        if tick.failed or any(each.decision and each.decision.refused for each in record.rollouts):
            return
        self._judged.update(dict.fromkeys((pull.head for pull in tick.rounds[-1].pulls.values()), tick.rounds[-1]))

    # What people do

    def closed(self, pull: PullRequest, actor: str) -> None:
        if pull.author == actor:
            self.refused[pull.branch] = Refusal(self.place.now, self.opened.get(pull.head))

    def landed(self, pull: PullRequest) -> None:
        """Whoever merged it: what has owners, one of them has approved."""
        self._heads[pull.number] = pull.head
        self._pulls[pull.number] = pull
        if any(map(owned, pull.paths)):
            assert (pull.number, pull.head) in self.approved, "2: an owner's file got there without its owner"

    # What has come of it

    def check(self, snapshot: Snapshot) -> None:
        """Every property that the repository shows. Each revision of the base branch is looked at once."""
        self._pulls.update({pull.number: pull for pull in snapshot.open_pulls()})
        for name, line in self.lines.items():
            for revision in self._news(snapshot, name, line):
                self._check(name, line, revision)
                line.commit = revision.commit
            self._one_open_advance(snapshot, name)

    def _news(self, snapshot: Snapshot, name: str, line: Line) -> list[Revision]:
        found: list[Revision] = []
        for revision in snapshot.history[state_path(name)]:
            if revision.commit == line.commit:
                return found[::-1]
            found.append(revision)
        raise AssertionError("the history has lost what was in it")

    def _check(self, name: str, line: Line, revision: Revision) -> None:
        before, after = line.state, lawful(revision.content, self.forged)
        if after is None:
            assert revision.pull is None, "8: a pull request has brought a state that is not lawful"
            return
        if after == before:
            return
        assert revision.pull is not None, "nobody knows how it got there"
        if revision.pull not in self._heads:
            # On GitHub an armed merge comes about by itself once the last condition is met.
            self.landed(self._pulls[revision.pull])
        assert after.generation == before.generation + 1, "a generation was passed over"
        assert after.change.proposed_at.utcoffset() == timedelta(0), "9: a time is not in UTC"
        if after.percentage > before.percentage:
            self._rose(name, line, after, revision)
        line.moves.append(Move(before, after, revision.merged_at))
        line.state = after

    def _rose(self, name: str, line: Line, after: State, revision: Revision) -> None:
        assert revision.pull is not None
        before, head = line.state, self._heads[revision.pull]
        assert head in self._judged, "1: nobody has judged it"
        look = self._judged[head].looks[name]
        policy = look.policy
        assert policy is not None, "8: it goes up although its policy is broken"
        assert look.state == before, "it was judged on top of another state"
        stage = policy.stage(after.stage)
        assert stage == policy.above(policy.stage(before.stage) or policy.ladder[0]), "a stage was passed over"
        assert stage is not None
        assert policy_path(name) not in self._pulls[revision.pull].paths, "it goes up with what makes it easier"
        marker = self._marker(name, after, revision)
        assert marker is not None or not stage.requires_approval, "2: there is no marker for that stage and attempt"
        assert not look.evidence.blatant or look.off, "1: it goes up although it has regressed"
        over = set(marker.override.gates) - {"hold"} if marker and marker.override else set()
        shut = set(line.obstacles(look)) - over
        assert not shut, f"1, 5: it goes up although {shut} must be shut: {look}"

    def _marker(self, name: str, after: State, revision: Revision) -> Approval | None:
        text = self.place.show(approval_path(name, after.stage), revision.commit)
        approval = read_approval(text.encode(), "marker") if text else None
        wanted = name, after.stage, after.attempt
        return approval if approval and (approval.rollout, approval.stage, approval.attempt) == wanted else None

    def _one_open_advance(self, snapshot: Snapshot, name: str) -> None:
        """6, first half; what somebody pushed to a branch is not the bot's proposal."""
        own = [pull for pull in snapshot.open_pulls() if pull.author == snapshot.actor and pull.head in self.opened]
        mine = [pull for pull in own if rollout_of(pull.branch) == name]
        kinds = [read_state(pull.changes[state_path(name)] or b"", "state.yaml").change.kind for pull in mine]
        assert kinds.count(ChangeKind.ADVANCE) <= 1, "6: more than one open advance"


def _asks(asked: Asked, name: str, kind: ChangeKind) -> bool:
    return asked is not None and asked[0] == name and asked[1].kind is kind


def _own_paths(name: str, pull: PullRequest) -> tuple[str, ...]:
    stage = pull.branch.rsplit("/", 1)[-1].partition("-")[2]
    assert policy_path(name) not in pull.paths, "it merges a change of the policy"
    return state_path(name), approval_path(name, stage)
