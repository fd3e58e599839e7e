"""The forge on GitHub: what tick and people ask for, handed to the parts that know how."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import datetime

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
from rollout_bot.core.finding import Finding
from rollout_bot.core.model.repository import Snapshot
from rollout_bot.forge.github.acting import close_pull, delete_branch, note, role, set_gate, start_workflow, update_pull
from rollout_bot.forge.github.asking import Place
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import understood
from rollout_bot.forge.github.examination import examine
from rollout_bot.forge.github.finishing import finish_pull
from rollout_bot.forge.github.looking import Looker
from rollout_bot.forge.github.merging import merge_pull
from rollout_bot.forge.github.opening import open_pull
from rollout_bot.forge.github.transport import Pause, Transport
from rollout_bot.forge.interface import Applied, Unusable

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


class GitHubForge:
    """Pull requests on GitHub or GitHub Enterprise Server, by its API alone: no checkout is needed.

    `repository` is "owner/name", `token` a GITHUB_TOKEN, an App's or a person's. `now` (aware) may be set anew between
    calls. The base branch is the given one, else the repository's default; the actor is whoever the token belongs to,
    unless named. `pause` sleeps; `side_by_side` runs share what GitHub takes in a minute. Nothing is sent before the
    first call. Raises Unusable for what cannot be right.
    """

    def __init__(
        self,
        repository: str,
        *,
        token: str,
        now: datetime,
        api_url: str = "https://api.github.com",
        graphql_url: str = "https://api.github.com/graphql",
        base_branch: str | None = None,
        actor: str | None = None,
        pause: Pause = time.sleep,
        side_by_side: int = 1,
    ) -> None:
        if not _REPOSITORY.fullmatch(repository) or repository.endswith(("/.", "/..")):
            raise Unusable(f"{repository!r:.100} is no repository; give it as OWNER/NAME")
        transport = Transport(token, api_url, graphql_url, pause, side_by_side)
        owner, _, name = repository.partition("/")
        self._desk = Desk(transport, Looker(transport, Place(owner, name, base_branch), actor), now)

    @property
    def now(self) -> datetime:
        """What counts as the present in what is done."""
        return self._desk.now

    @now.setter
    def now(self, now: datetime) -> None:
        self._desk.now = now

    @property
    def requests(self) -> int:
        """Requests spent so far, repetitions included."""
        return self._desk.transport.requests

    @property
    def budget(self) -> int | None:
        """What is left of the tighter of GitHub's two budgets, for REST and for GraphQL (points), as last told."""
        return self._desk.transport.budget

    def snapshot(self) -> Snapshot:
        """One consistent view; see `Looker.look` for what it costs."""
        with understood():
            return self._desk.look().snapshot

    def apply(self, action: Action) -> Applied:
        """Carries out one action; repeating it, even after an answer was lost, leads to the same end."""
        with understood():
            return self._apply(action)

    def _apply(self, action: Action) -> Applied:
        match action:
            case OpenPull():
                return open_pull(self._desk, action)
            case FinishPull():
                return finish_pull(self._desk, action)
            case UpdatePull():
                return update_pull(self._desk, action)
            case SetGate():
                return set_gate(self._desk, action)
            case MergePull():
                return merge_pull(self._desk, action)
            case ClosePull():
                return close_pull(self._desk, action)
            case StartWorkflow():
                return start_workflow(self._desk, action)
            case DeleteBranch():
                return delete_branch(self._desk, action)

    def role(self, person: str) -> str:
        """A person's role in the repository: admin, maintain, write, triage, read or none."""
        with understood():
            return role(self._desk, person)

    def note(self, commit: str, topic: str, text: str) -> None:
        """As a commit status; a later snapshot of this very object may still show the former one."""
        with understood():
            note(self._desk, commit, topic, text)

    def examine(self, rollouts: Iterable[str]) -> Iterator[Finding]:
        """Token, settings, rules, owners and schedule; see `examination`. Changes nothing."""
        with understood():
            yield from examine(self._desk, tuple(rollouts))
