"""A repository on the fake GitHub with rollouts that measure by recordings, and ticks over it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import state_path
from rollout_bot.core.model.state import State
from rollout_bot.core.record import RolloutRecord, TickRecord
from rollout_bot.files.state import read_state
from rollout_bot.forge.github import GitHubForge
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.tick import Tick
from support.github import FakeGitHub
from support.repositories import START
from support.ticks import BAD, HOUR, NAME, QUARTER

ROLLOUT_BOT = Path(sys.executable).with_name("rollout-bot")


@dataclass
class Site:
    """Ticks of one bot: in this process with `tick`, by the installed command with `command`.

    `folder` holds the recording. Pauses of the bot take no time.
    """

    github: FakeGitHub
    folder: Path
    token: str
    pauses: list[float] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.github.now

    def forge(self, token: str | None = None) -> GitHubForge:
        return GitHubForge(
            f"{self.github.world.owner}/{self.github.world.name}",
            token=token or self.token,
            now=self.now,
            api_url=self.github.origin,
            graphql_url=f"{self.github.origin}/graphql",
            pause=self.pauses.append,
        )

    def serve(self, *, bad_since: datetime | None = None, name: str = "metrics.csv") -> None:
        """Records quarter hours until now: 1,000 requests, of which 1 or 200 fail."""
        lines, at = ["time,total,failed"], START - 24 * HOUR
        while at < self.now:
            at += QUARTER
            failed = round(1000 * BAD) if bad_since is not None and at > bad_since else 1
            lines.append(f"{at:%Y-%m-%dT%H:%M:%SZ},1000,{failed}")
        (self.folder / name).write_text("\n".join([*lines, ""]))

    def tick(self, request: Request | None = None, *, token: str | None = None, only: str | None = None) -> TickRecord:
        chosen = frozenset((only or NAME,)) if request or only else None
        evaluator = Evaluator(self.now, self.folder, {})
        return Tick(self.forge(token), evaluator, chosen).run(request)

    def one(self, request: Request | None = None, *, token: str | None = None) -> RolloutRecord:
        """A tick's record of the rollout `checkout`."""
        return next(each for each in self.tick(request, token=token).rollouts if each.rollout == NAME)

    def healthy(self, *, token: str | None = None) -> RolloutRecord:
        self.serve()
        return self.one(token=token)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The installed command as a runner starts it, in a folder that is no repository."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "GIT_"))}
        return subprocess.run(
            [ROLLOUT_BOT, *arguments],
            cwd=self.folder,
            env=kept | self.github.environment(self.token) | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def state(self, rollout: str = NAME) -> State:
        content = self.github.show(state_path(rollout))
        assert content is not None
        return read_state(content.encode(), state_path(rollout))

    def end(self) -> tuple[object, ...]:
        """What a run leaves behind; numbers, times and commit ids aside."""
        github = self.github
        open_ = [
            (pull.branch, pull.title, github.gate(pull.number), _files(self, pull.head), pull.requested)
            for pull in github.open_pulls()
        ]
        labels = {(pull.branch, label.name) for pull in github.pulls.values() for label in pull.labels}
        tree = github.world.store.resolve(f"{github.world.default}^{{tree}}")
        return tree, github.branches(), sorted(map(repr, open_)), sorted(labels)


def _files(site: Site, commit: str) -> Mapping[str, str]:
    store = site.github.world.store
    base = site.github.world.head(site.github.world.default)
    return {path: store.resolve(f"{commit}:{path}") or "" for path in store.diff(base, commit)}
