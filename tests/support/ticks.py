"""Repositories with rollouts that measure by recordings, and ticks over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import PullState, approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, State
from rollout_bot.core.record import RolloutRecord, TickRecord
from rollout_bot.files.approval import write_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import read_state, write_state
from rollout_bot.forge.interface import Applied, Forge
from rollout_bot.forge.local import LocalForge
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.tick import Tick
from support.repositories import START, Content, Repository, make
from support.rollouts import state

HOUR = timedelta(hours=1)
QUARTER = timedelta(minutes=15)
NAME = "checkout"
STATE, POLICY = state_path(NAME), policy_path(NAME)
BAD = 0.2

POLICY_TEXT = """\
schema_version: 1
rollout: checkout
metrics:
  source: recording
  path: metrics.csv
stages:
  - {name: canary, percentage: 10, duration: 2h, max_error_rate: 0.5%}
  - {name: half, percentage: 50, duration: 2h, max_error_rate: 0.5%, requires_approval: true}
  - {name: most, percentage: 75, duration: 2h, max_error_rate: 0.5%}
"""


def policy_text(rollout: str = NAME, **fields: object) -> str:
    """The policy above, for another rollout or with further fields."""
    lines = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return POLICY_TEXT.replace("rollout: checkout", f"rollout: {rollout}") + lines


def initial(rollout: str = NAME, stage: str = "canary", text: str = POLICY_TEXT) -> dict[str, Content]:
    """The files of a rollout that starts at a stage, whatever it is, with the marker that the stage needs."""
    rules = read_policy(text.encode(), "policy.yaml")
    at = rules.stage(stage) or OFF
    begun = State(rollout, at.name, at.percentage, 1, 1, state().change)
    files: dict[str, Content] = {policy_path(rollout): text, state_path(rollout): write_state(begun)}
    if at.requires_approval:
        files[approval_path(rollout, at.name)] = write_approval(Approval(rollout, at.name, 1))
    return files


@dataclass(frozen=True)
class World:
    """One repository and the recording beside its files."""

    repository: Repository

    @classmethod
    def made(cls, path: Path, files: Mapping[str, Content] | None = None, **options: str | None) -> World:
        return cls(make(path, initial() if files is None else files, **options))  # type: ignore[arg-type]

    def forge(self, now: datetime, actor: str = "rollout-bot") -> LocalForge:
        return LocalForge(self.repository.path, now=now, actor=actor)

    def serve(self, until: datetime, *, bad_since: datetime | None = None, name: str = "metrics.csv") -> None:
        """Records quarter hours from a day before the first commit on: 1,000 requests, of which 1 or 200 fail."""
        lines, at = ["time,total,failed"], START - 24 * HOUR
        while at < until:
            at += QUARTER
            failed = round(1000 * BAD) if bad_since is not None and at > bad_since else 1
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},1000,{failed}")
        self.record("\n".join([*lines, ""]), name)

    def record(self, text: str, name: str = "metrics.csv") -> None:
        (self.repository.path / name).write_text(text)

    def evaluator(self, now: datetime, environment: Mapping[str, str] | None = None) -> Evaluator:
        return Evaluator(now, self.repository.path, environment or {})

    def tick(
        self,
        now: datetime,
        request: Request | None = None,
        *,
        forge: Forge | None = None,
        environment: Mapping[str, str] | None = None,
        only: str | None = None,
    ) -> TickRecord:
        evaluator = self.evaluator(now, environment)
        chosen = frozenset((NAME if only is None else only,)) if request or only else None
        return Tick(forge or self.forge(now), evaluator, chosen).run(request)

    def one(self, now: datetime, request: Request | None = None, **options: object) -> RolloutRecord:
        """A tick's record of the rollout `checkout`."""
        rollouts = self.tick(now, request, **options).rollouts  # type: ignore[arg-type]
        return next(each for each in rollouts if each.rollout == NAME)

    def healthy(self, now: datetime, request: Request | None = None) -> RolloutRecord:
        self.serve(now)
        return self.one(now, request)

    def state(self, rollout: str = NAME) -> State:
        return read_state(self.repository.show(state_path(rollout)).encode(), state_path(rollout))

    def open_branches(self, now: datetime) -> list[str]:
        return [pull.branch for pull in self.forge(now).pulls(PullState.OPEN)]

    def end(self, now: datetime) -> tuple[str, list[tuple[object, ...]]]:
        """What a run leaves behind, numbers and commit ids aside: the base's tree, and the open pull requests."""
        pulls = self.forge(now).pulls(PullState.OPEN)
        tree = self.repository.git("rev-parse", "refs/heads/main^{tree}")
        return tree, [(each.branch, each.title, each.paths, each.changes, each.gate, each.labels) for each in pulls]


class Killed(BaseException):
    """Stands for a kill signal."""


@dataclass
class Cut:
    """A forge whose run is killed right after its n-th action."""

    forge: LocalForge
    left: int

    @property
    def requests(self) -> int:
        return self.forge.requests

    def snapshot(self) -> object:
        return self.forge.snapshot()

    def role(self, person: str) -> str | None:
        return self.forge.role(person)

    def apply(self, action: object) -> Applied:
        applied = self.forge.apply(action)  # type: ignore[arg-type]
        self.left -= 1
        if self.left == 0:
            raise Killed
        return applied
