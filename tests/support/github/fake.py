"""A GitHub for tests: one repository, real git underneath, people and bots who act on it, and a clock to set."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from rollout_bot.forge.codeowners import fold
from support.github.faults import Answer, Entry, Fault
from support.github.model import ACTIONS, QUICK_START, Actor, Pull, Rules, Run, Token
from support.github.server import Wire, serving
from support.github.store import Store
from support.github.world import World
from support.repositories import OWNERS, START

Content = str | bytes | None


class FakeGitHub:
    """Serves one repository on the loopback address; use it as a context manager.

    At its end it raises AssertionError where a client asked for something that GitHub does not have, or that the
    fake does not know.
    """

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, Content] | None = None,
        *,
        repository: str = "acme/shop",
        branch: str = "main",
        owners: str | None = OWNERS,
        rules: Rules | None = None,
        people: Mapping[str, str] | None = None,
        now: datetime = START,
    ) -> None:
        store = Store(folder / "github.git")
        store.create(branch)
        self.world = World(store, repository, branch, rules or Rules(), now)
        self.world.roles.update(people or {"alice": "admin", "bob": "write", "carol": "read"})
        self.wire = Wire(self.world)
        own: dict[str, Content] = {} if owners is None else {".github/CODEOWNERS": owners}
        self._begin({"README.md": "A service\n", **own, **(files or {})})
        self._stack = ExitStack()

    def _begin(self, files: Mapping[str, Content]) -> None:
        store = self.world.store
        tree = store.write_tree(None, _raw(files))
        store.create_ref(self.world.default, store.write_commit(tree, (), "Begin", "alice", self.now))

    def __enter__(self) -> Self:
        self.origin = self._stack.enter_context(serving(self.wire))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if error is None:
            assert not self.violations, "\n".join(self.violations)

    @property
    def now(self) -> datetime:
        return self.world.now

    @now.setter
    def now(self, now: datetime) -> None:
        with self.wire.lock:
            self.world.now = now

    def wait(self, duration: timedelta) -> datetime:
        """Lets time pass; answers the new one."""
        self.now += duration
        return self.now

    @property
    def rules(self) -> Rules:
        return self.world.rules

    @property
    def violations(self) -> list[str]:
        """What clients asked that GitHub has not, or the fake does not know; clear it where a test means it."""
        return self.wire.violations

    @property
    def log(self) -> list[Entry]:
        return self.wire.log

    @property
    def runs(self) -> list[Run]:
        """Workflows that were started."""
        return self.world.runs

    @property
    def pulls(self) -> dict[int, Pull]:
        return self.world.pulls

    def open_pulls(self) -> list[Pull]:
        return [pull for pull in self.pulls.values() if pull.state == "OPEN"]

    def requests(self, since: int = 0) -> list[str]:
        """The operations asked for, from a position in the log on."""
        return [entry.operation for entry in self.log[since:]]

    def fail(self, answer: Answer | None, on: str = "", *, nth: int = 1, times: int = 1, after: bool = False) -> Fault:
        """One more fault; see `Fault`. An answer of None breaks the connection, with `after` once the deed is done."""
        fault = Fault(answer, on, nth, times, after)
        self.wire.faults.append(fault)
        return fault

    def delay(self, seconds: float, on: str = "") -> None:
        self.wire.faults.append(Fault(on=on, delay=seconds))

    def heal(self) -> None:
        """No more faults."""
        self.wire.faults.clear()

    def actions_token(self, **permissions: str) -> str:
        """A GITHUB_TOKEN; without permissions it has those of the quick start."""
        return self._add(Token("ghs_actions", ACTIONS, permissions or QUICK_START, 15368, actions=True))

    def app_token(self, name: str = "rollout-bot", app: int = 4711, **permissions: str) -> str:
        """An installation token of a GitHub App."""
        granted = permissions or QUICK_START | {"checks": "read"}
        return self._add(Token(f"ghs_{app}", Actor(name, bot=True), granted, app))

    def person_token(self, login: str, **permissions: str) -> str:
        """A person's own token, with the permissions of the quick start unless some are given."""
        return self._add(Token(f"ghp_{login}", Actor(fold(login)), permissions or QUICK_START, 0))

    def revoke(self, token: str) -> None:
        """From now on the token is unknown."""
        del self.world.tokens[token]

    def _add(self, token: Token) -> str:
        self.world.tokens[token.secret] = token
        return token.secret

    def environment(self, token: str) -> dict[str, str]:
        """What a runner tells its jobs."""
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_REPOSITORY": f"{self.world.owner}/{self.world.name}",
            "GITHUB_API_URL": self.origin,
            "GITHUB_GRAPHQL_URL": f"{self.origin}/graphql",
            "GITHUB_SERVER_URL": self.origin,
            "GITHUB_TOKEN": token,
        }

    def commit(self, files: Mapping[str, Content], message: str = "Change", branch: str | None = None) -> str:
        """A commit on a branch (default: the base branch), past every rule; answers its id."""
        with self.wire.lock:
            target = branch or self.world.default
            return self.world.commit(target, _raw(files), message, Actor("alice"), bypass=True)

    def show(self, path: str, revision: str | None = None) -> str | None:
        """The content of a path on a branch (default: the base branch), None where there is none."""
        oid = self.world.store.resolve(f"{revision or self.world.default}:{path}")
        return self.world.store.blob(oid).decode() if oid else None

    def story(self) -> list[str]:
        """Subjects of the base branch's first-parent history, newest first."""
        return self.world.store.git.line("log", "--first-parent", "--format=%s", self.world.default).splitlines()

    def branches(self) -> list[str]:
        return sorted(self.world.store.heads())

    def gate(self, pull: int, context: str = "rollout/gate") -> tuple[str, str] | None:
        """State and description of the newest status on a pull request's head."""
        found = [each for each in self.world.statuses.get(self.pulls[pull].head, []) if each.context == context]
        return (found[-1].state, found[-1].description or "") if found else None

    def scheduled(self, workflow: str = "rollout.yml", conclusion: str = "success") -> None:
        """A run that a schedule started now."""
        run = Run(workflow, "schedule", self.world.default, {}, ACTIONS, self.now, conclusion)
        self.world.runs.append(run)

    def person(self, login: str, role: str | None = None) -> Person:
        """Somebody who acts by hand; a role given changes theirs."""
        if role is not None:
            self.world.roles[fold(login)] = role
        return Person(self, Actor(fold(login)))

    def bot(self, login: str) -> Person:
        """Another App that acts by itself."""
        return Person(self, Actor(login, bot=True))


class Person:
    """What people do on the web site. Each raises `Refused` where GitHub would not let them."""

    def __init__(self, github: FakeGitHub, actor: Actor) -> None:
        self._world, self._lock, self.actor = github.world, github.wire.lock, actor

    def push(self, branch: str, files: Mapping[str, Content], message: str = "Change") -> str:
        """A commit on a branch; a new one starts from the base branch."""
        with self._lock:
            world = self._world
            if world.store.head(branch) is None:
                world.create_branch(branch, world.head(world.default), self.actor)
            return world.commit(branch, _raw(files), message, self.actor)

    def open(self, branch: str, title: str = "Change", body: str = "", base: str | None = None) -> int:
        with self._lock:
            return self._world.open(branch, base or self._world.default, title, body, self.actor).number

    def propose(self, branch: str, files: Mapping[str, Content], title: str = "Change") -> int:
        """Pushes a branch and opens its pull request."""
        self.push(branch, files, title)
        return self.open(branch, title)

    def approve(self, number: int) -> int:
        with self._lock:
            return self._world.review(self._world.pull(number), self.actor, "APPROVED").id

    def request_changes(self, number: int, body: str = "No.") -> int:
        with self._lock:
            return self._world.review(self._world.pull(number), self.actor, "CHANGES_REQUESTED", body).id

    def dismiss(self, number: int, review: int) -> None:
        with self._lock:
            self._world.dismiss(self._world.pull(number), review)

    def merge(self, number: int, method: str = "squash") -> str:
        """Waits for GitHub to work out the mergeability, as the web site does, then merges through every rule."""
        with self._lock:
            pull = self._world.pull(number)
            for _ in range(self._world.unknown_looks + 1):
                self._world.look(pull)
            return self._world.merge(pull, self.actor, method)

    def set_status(self, commit: str, context: str, state: str = "success", description: str = "") -> None:
        """By a token of one's own, as everybody with write access can."""
        with self._lock:
            self._world.set_status(commit, context, state, self.actor, description=description, url=None, app=None)

    def close(self, number: int) -> None:
        with self._lock:
            self._world.close(self._world.pull(number), self.actor)

    def reopen(self, number: int) -> None:
        with self._lock:
            self._world.reopen(self._world.pull(number), self.actor)

    def comment(self, number: int, body: str) -> None:
        with self._lock:
            self._world.comment(self._world.pull(number), self.actor, body)

    def delete_branch(self, branch: str) -> None:
        with self._lock:
            self._world.delete_branch(branch, self.actor)


def _raw(files: Mapping[str, Content]) -> dict[str, bytes | None]:
    return {path: each.encode() if isinstance(each, str) else each for path, each in files.items()}
