"""Plays a rollout to its end: every quarter of an hour the service serves, the people look, the bot ticks."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from rollout_bot.core.decision.actions import ClosePull, MergePull, OpenPull
from rollout_bot.core.decision.decision import DecisionAction, Request
from rollout_bot.core.gates.conditions import GateName
from rollout_bot.core.model.history import Standing
from rollout_bot.core.model.policy import OFF, Policy
from rollout_bot.core.model.repository import GateState, PullRequest, PullState, policy_path, state_path
from rollout_bot.core.model.state import ChangeKind, start
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.wording import percent
from rollout_bot.demo.world import People, World
from rollout_bot.files.policy import read_policy
from rollout_bot.files.scaffold import codeowners_lines, policy_template
from rollout_bot.files.state import write_state
from rollout_bot.forge.git import Git
from rollout_bot.forge.local import LocalForge
from rollout_bot.report.terminal import describe
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.reading import read_files
from rollout_bot.tick.tick import Tick

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""A Monday morning."""

LONGEST = timedelta(days=45)
"""A story that is not over by then ends where it stands."""

RECORDING = "metrics.csv"
_METRICS = f"metrics:\n  source: recording\n  path: ../{RECORDING}\n\n"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the timeline, with the stage that was committed then. `actor` is the bot, a person or the service."""

    at: datetime
    actor: str
    stage: str
    percentage: int
    text: str


@dataclass
class Play:
    """A rollout called `rollout`, carried through in `folder`, drawn from `seed`.

    Leaves a git repository, the recording of the metrics, and the events, each given to `tell` as it happens.
    """

    folder: Path
    rollout: str
    seed: int
    tell: Callable[[Event], None] = lambda _event: None
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = START
        self.random = Random(self.seed)  # noqa: S311 - a story, not a secret
        self.people = People(self.random)
        self.repository = self.folder / "repository"
        self.policy = found_repository(self.folder, self.rollout, self.people.owner)
        self.world = World.drawn(self.random, self.policy.stages)
        self.forge = LocalForge(self.repository, now=START)
        self.standing = self._committed()
        self._appointments: dict[str, datetime] = {}
        self._shown: set[str] = set()

    def run(self) -> bool:
        """Plays until the last stage has stayed complete for a day; False if that does not come in time."""
        first = self.policy.stages[0]
        self._happened("bot", f"{self.rollout} begins with {first.name}, {first.percentage} %")
        complete_since: datetime | None = None
        while self.now < START + LONGEST:
            self._serve()
            record = self._tick()
            self._people(record)
            if record.decision is None or record.decision.action is not DecisionAction.COMPLETE:
                complete_since = None
            elif complete_since is None:
                complete_since = self.now
                self._happened("bot", record.decision.reasons[0])
            elif self.now - complete_since >= timedelta(days=1):
                return True
        return False

    def _committed(self) -> Standing:
        return read_files(self.forge.snapshot(), self.rollout).standing

    def _serve(self) -> None:
        """The next interval of the service, under the percentage that is committed at its beginning."""
        self.now += self.policy.interval
        self.forge.now = self.now
        state, entered_at = self.standing.state, self.standing.entered_at
        stage = self.policy.stage(state.stage) or OFF
        faults = self.world.showing(self.now, stage, entered_at, state.attempt)
        total, failed = self.world.counts(self.random, self.now, self.policy.interval, stage, faults)
        with (self.folder / RECORDING).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow((self.now.strftime("%Y-%m-%dT%H:%M:%SZ"), total, failed))
        if faults and f"fault {state.attempt}" not in self._shown:
            self._shown.add(f"fault {state.attempt}")
            added = percent(sum(fault.added_rate for fault in faults))
            self._happened("service", f"a defect of the change begins to show: {added} more requests fail")

    def _tick(self, request: Request | None = None) -> RolloutRecord:
        evaluator = Evaluator(self.now, self.repository, {})
        record = Tick(self.forge, evaluator, frozenset((self.rollout,))).run(request).rollouts[0]
        for step in record.steps:
            if step.changed and isinstance(step.action, OpenPull | MergePull | ClosePull):
                self.standing = self._committed() if isinstance(step.action, MergePull) else self.standing
                self._happened("bot", describe(step.action, step.pull))
                if isinstance(step.action, OpenPull) and record.decision is not None:
                    self._happened("", record.decision.reasons[0])
        return record

    def _people(self, record: RolloutRecord) -> None:
        if not self.people.at_work(self.now) or record.decision is None:
            return
        pull, generation = record.pull, self.standing.state.generation
        shut = {gate.name for gate in record.decision.waits}
        if pull is not None and pull.state is PullState.OPEN:
            if self._due(f"review of {pull.number}", self.people.reviewed_after()):
                self._review(self.forge.pull(pull.number))
        elif GateName.REFUSAL in shut and self._due(f"change of mind {generation}", timedelta(days=1)):
            self._ask(ChangeKind.ADVANCE, "support is back; go on")
        elif GateName.ATTEMPTS in shut and self._due(f"resume {generation}", timedelta(hours=6)):
            self._ask(ChangeKind.RESUME, "the cause is understood and fixed; try again")

    def _due(self, what: str, delay: timedelta) -> bool:
        """Whether the time has come for something that was first thought of a while ago."""
        if what not in self._appointments:
            self._appointments[what] = self.now + delay
        return self.now >= self._appointments[what]

    def _review(self, pull: PullRequest) -> None:
        owner, colleague = self.people.owner, self.people.colleague
        if pull.gate is None or pull.gate.state is not GateState.SUCCESS:
            return
        if self.people.colleague_is_hasty():
            given = self.forge.approve(pull.number, colleague)
            self._happened(
                colleague, f"approves #{pull.number}" + ("" if given.counts else ", which does not count: not an owner")
            )
        if self.people.refuses():
            self.forge.close(pull.number, owner, "Not today: support is understaffed.")
            self._happened(owner, f"closes #{pull.number}: not today, support is understaffed")
            return
        self.forge.approve(pull.number, owner)
        self.forge.merge(pull.number, owner)
        self.standing = self._committed()
        self._happened(owner, f"approves and merges #{pull.number}: {pull.title}")

    def _ask(self, kind: ChangeKind, reason: str) -> None:
        self._happened(self.people.owner, f"asks to {kind.value}: {reason}")
        self._tick(Request(kind, self.people.owner, reason))

    def _happened(self, actor: str, text: str) -> None:
        event = Event(self.now, actor, self.standing.state.stage, self.standing.state.percentage, text)
        self.events.append(event)
        self.tell(event)


def found_repository(folder: Path, rollout: str, owner: str) -> Policy:
    """Makes the repository of the story: what `rollout-bot init` writes, with a recording for its metrics."""
    text = re.sub(r"(?ms)^# Counters named.*?(?=^# From the first)", _METRICS, policy_template(rollout))
    policy = read_policy(text.encode(), policy_path(rollout))
    stage = policy.stages[0]
    state = start(rollout, stage, by="rollout-bot init", reason=f"starts at {stage.percentage} %", now=START)
    files = {
        f"repository/{policy_path(rollout)}": text,
        f"repository/{state_path(rollout)}": write_state(state),
        "repository/.github/CODEOWNERS": codeowners_lines(f"@{owner}"),
        RECORDING: "time,total,failed\n",
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    git = Git(folder / "repository")
    git.run("init", "--quiet", "--initial-branch=main")
    git.run("add", "--all")
    person = {"NAME": owner, "EMAIL": f"{owner}@localhost", "DATE": START.isoformat()}
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    git.run("commit", "--quiet", "--message", f"{rollout}: begin with {stage.name} {stage.percentage} %", extra=who)
    return policy
