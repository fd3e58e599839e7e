"""What the machine stands on: a repository with two rollouts, their metrics, and what every rule needs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, ParamSpec, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import PullRequest, Snapshot, state_path
from rollout_bot.core.model.state import ChangeKind, State
from rollout_bot.core.record import TickRecord
from rollout_bot.files.state import write_state
from rollout_bot.tick.evaluation import Evaluator
from support.machine.duties import Duties
from support.machine.feed import Feed, Weather, feeding
from support.machine.laws import Laws
from support.machine.looks import lawful
from support.machine.places import REFUSED, STRANGER, Place
from support.machine.texts import FIELDS, LADDERS, NAMES, Ladder, begun, policy_text
from support.machine.watched import Watched
from support.model_forge import OWNER
from support.rollouts import change

P = ParamSpec("P")
T = TypeVar("T")

MINUTES = st.sampled_from([0, 7, 15, 15, 60, 310, 700])
HOURS = 310
"""Minutes in which a healthy stage of any policy here is over."""


class Ground(RuleBasedStateMachine):
    """A subclass says where all happens: `opened` makes the place, in a folder, with those files."""

    opened: ClassVar[Callable[[Path, Mapping[str, bytes]], AbstractContextManager[Place]]]

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.stack = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        self.stack.callback(shutil.rmtree, self.folder)
        self.feeds = {name: Feed() for name in NAMES}
        self.stats = self.stack.enter_context(feeding(self.feeds))
        self.ladders: dict[str, Ladder] = {name: data.draw(LADDERS) for name in NAMES}
        self.queries = dict.fromkeys(NAMES, 0)
        self.fields: dict[str, dict[str, object]] = {}
        self.after: dict[str, str | None] = dict.fromkeys(NAMES)
        files: dict[str, bytes] = {}
        for name in NAMES:
            self.draw_policy(data, name)
            files |= begun(name, self.policy(name))
        self._view: Snapshot | None = None
        self.place: Place = self.stack.enter_context(type(self).opened(self.folder, files))
        self.laws = Laws(self.place, self.feeds)
        self.laws.begin(self.seen())
        self.protected = False

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(minutes=MINUTES)
    def time_passes(self, minutes: int) -> None:
        self.place.now += timedelta(minutes=minutes)
        for feed in self.feeds.values():
            feed.until(self.place.now)

    @invariant()
    def what_the_repository_shows(self) -> None:
        self.laws.check(self.seen())

    # Ticks

    def run_tick(
        self,
        asked: tuple[str, Request] | None = None,
        *,
        last: int = 0,
        at: int = 0,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> tuple[TickRecord, Watched]:
        now = self.place.now
        watched = Watched(self.place.forge(now), self.laws, now, asked, last, at, meanwhile)
        return self.do(watched.run, Evaluator(now, self.folder, {"STATS": self.stats})), watched

    def undisturbed(self) -> TickRecord:
        """A tick that nobody disturbs, and what it owes."""
        self.what_the_repository_shows()
        lines = {name: replace(line, moves=[*line.moves]) for name, line in self.laws.lines.items()}
        record, watched = self.run_tick()
        after = self.seen()
        self.laws.check(after)
        # Where it had to look again, what it decided on is not what it had seen at first.
        if len(watched.rounds) == 1:
            duties = Duties(self.laws, lines, after, self.protected)
            for each in record.rollouts:
                duties.check(each, watched.rounds[0])
        return record

    def turns(self, name: str, weather: Weather | None) -> None:
        """A rollout has had such weather for hours when the next tick comes, so that there is something to do."""
        if weather is not None:
            self.feeds[name].heal()
            self.feeds[name].weather = weather
            self.time_passes(HOURS)

    # The repository

    def seen(self) -> Snapshot:
        if self._view is None:
            self._view = self.place.forge(self.place.now).snapshot()
        return self._view

    def do(self, deed: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Everything that may change the repository: what was seen of it before is old."""
        self._view = None
        try:
            return deed(*arguments, **options)
        finally:
            self._view = None

    def some(self, data: st.DataObject) -> list[PullRequest]:
        """An open pull request, if there is any."""
        pulls = self.seen().open_pulls()
        return [data.draw(st.sampled_from(pulls))] if pulls else []

    def own(self) -> list[PullRequest]:
        """The bot's open pull requests."""
        seen = self.seen()
        return [pull for pull in seen.open_pulls() if pull.author == seen.actor]

    def approved(self, pull: PullRequest, by: str) -> None:
        with suppress(*REFUSED):
            self.do(self.place.approve, pull.number, by)
            if by == OWNER:
                self.laws.approved.add((pull.number, pull.head))

    def merged(self, pull: PullRequest) -> None:
        with suppress(*REFUSED):
            self.do(self.place.merge, pull)
            self.laws.landed(pull)

    def closed(self, pull: PullRequest) -> None:
        actor = self.seen().actor
        self.do(self.place.close, pull.number, "bob")
        self.laws.closed(pull, actor)

    def is_broken(self, name: str) -> bool:
        """Whether somebody has pushed a state past the gate."""
        return lawful(self.seen().files[state_path(name)], self.laws.forged) is None

    # Files

    def draw_policy(self, data: st.DataObject, name: str) -> None:
        self.fields[name] = data.draw(FIELDS)
        self.queries[name] += data.draw(st.sampled_from([0, 0, 1]))
        if name == NAMES[1]:
            stages = [f"{NAMES[0]}@s{percentage}" for percentage, _, _ in self.ladders[NAMES[0]]]
            self.after[name] = data.draw(st.none() | st.sampled_from([*stages, f"{NAMES[0]}@nowhere"]))

    def policy(self, name: str) -> bytes:
        return policy_text(name, self.ladders[name], self.fields[name], self.queries[name], self.after[name])

    def rungs(self, name: str) -> list[tuple[str, int]]:
        """The stages of a rollout with their percentages, `off` among them."""
        return [("off", 0), *((f"s{percentage}", percentage) for percentage, _, _ in self.ladders[name])]

    def state(self, name: str, stage: str, percentage: int, attempt: int = 1, generation: int = 1) -> bytes:
        """A state that somebody writes by hand, so many generations after the newest lawful one."""
        base = self.laws.lines[name].state
        kind = ChangeKind.ADVANCE if percentage > base.percentage else ChangeKind.ROLL_BACK
        why = change(kind, base.stage, by=STRANGER, at=self.place.now)
        return write_state(
            State(name, stage, percentage, attempt, base.generation + generation, why, base.hold)
        ).encode()
