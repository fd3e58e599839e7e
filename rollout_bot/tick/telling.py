"""Which messages are due, who takes them, and what is noted of those that arrived."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import Revision, Snapshot, policy_path, state_path
from rollout_bot.core.model.routes import Channel, Route
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.notices import Memory, Notice, due, kept, recall, told_text
from rollout_bot.core.observation import Observation
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.forge.interface import Forge, ForgeError
from rollout_bot.network.delivery import Undelivered
from rollout_bot.notify.interface import Message, Notifier
from rollout_bot.report.notices import change_notice, open_pull, standing_notices

MESSAGES = 20
"""To one address in one tick; what is left stays due."""

NOTES = 40
"""Written in one tick; what is left is written by the next."""


class NotSet(Exception):
    """An environment variable that a route names is not set, or empty. The message is its name."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What one route has to be told of one rollout. `standing` are the conditions that hold and that it takes."""

    route: Route
    memory: Memory
    messages: tuple[Message, ...]
    standing: tuple[Notice, ...]
    kept: frozenset[str]

    def note(self, delivered: Iterable[str]) -> tuple[str, str] | None:
        """The commit and the text to note, when the messages of these ids arrived; None if nothing is new."""
        arrived = set(delivered)
        changes = [each for each in self.messages if not each.notice.key]
        told = [each for each in changes if each.id in arrived]
        if len(told) < len(changes):
            # What was told before the failure is not told again; the rest stays due, whatever is merged meanwhile.
            last = told[-1].notice.commit if told else self.memory.before
            return (last, told_text(self.memory.keys)) if last else None
        failed = {each.notice.key for each in self.messages if each.id not in arrived}
        keys = {each.key for each in self.standing if each.key not in failed} | self.kept
        return None if self.memory.says(keys) else (self.memory.commit, told_text(keys))


@dataclass
class Post:
    """One address and all that goes there, the gravest first. What arrives is kept by id."""

    route: Route
    messages: list[Message]
    delivered: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def deliver(self, notifier: Notifier) -> str:
        """Sends one after the other, up to the first failure. Answers it; empty where there was none."""
        for message in self.messages[:MESSAGES]:
            if self.over.is_set():
                break
            try:
                notifier.notify(message)
            except Undelivered as error:
                return str(error)
            self.delivered.add(message.id)
        return ""


def errands(observation: Observation, seen: Snapshot, pulls: str | None) -> Iterator[Errand]:
    """One for each route of the rollout's policy. `pulls` is what the address of a pull request begins with."""
    policy = _policy(observation, seen)
    revisions = seen.history.get(state_path(observation.rollout), ())
    for route in policy.notify if policy else ():
        memory = recall(revisions, observation.rollout, route)
        if policy is not None and memory is not None:
            yield _errand(observation, policy, route, memory, revisions, pulls)


def posts(found: Iterable[Errand]) -> dict[str, Post]:
    """By the variable that holds the address; no post where there is nothing to send."""
    sorted_out: dict[str, Post] = {}
    for each in sorted(found, key=_gravest, reverse=True):
        if each.messages:
            sorted_out.setdefault(each.route.address, Post(each.route, [])).messages.extend(each.messages)
    return sorted_out


def notifier(route: Route, environment: Mapping[str, str]) -> Notifier:
    """What takes the route's messages. Raises NotSet."""
    values = {name: environment.get(name, "") for name in (route.address, route.secret) if name is not None}
    for name, value in values.items():
        if not value:
            raise NotSet(name)
    address, secret = values[route.address], values.get(route.secret or "", "")
    if route.channel is Channel.SLACK:
        from rollout_bot.notify.slack import Slack

        return Slack(address)
    if route.channel is Channel.TEAMS:
        from rollout_bot.notify.teams import Teams

        return Teams(address)
    from rollout_bot.notify.webhook import Webhook

    return Webhook(address, secret)


def write_notes(forge: Forge, found: Iterable[Errand], delivered: Iterable[str]) -> str:
    """Notes what arrived, that first. Answers the first failure; empty where there was none."""
    arrived = set(delivered)
    notes = [(each, note) for each in found if (note := each.note(arrived)) is not None]
    notes.sort(key=lambda entry: not any(message.id in arrived for message in entry[0].messages))
    for errand, (commit, text) in notes[:NOTES]:
        try:
            forge.note(commit, errand.memory.topic, text)
        except ForgeError as error:
            return f"what people were told cannot be noted, so they may be told again: {error}"
    return ""


def _policy(observation: Observation, seen: Snapshot) -> Policy | None:
    """The rollout's policy; where it is broken, the newest that can be read, as people still want to be told."""
    if observation.record.situation is not None:
        return observation.record.situation.policy
    path = policy_path(observation.rollout)
    for content in (seen.files.get(path), *(each.content for each in seen.history.get(path, ()))):
        try:
            if content is not None:
                return read_policy(content, path)
        except InvalidFile:
            continue
    return None


def _errand(
    observation: Observation,
    policy: Policy,
    route: Route,
    memory: Memory,
    revisions: Sequence[Revision],
    pulls: str | None,
) -> Errand:
    untold = [each for each in reversed(observation.changes) if each.commit in memory.untold]
    by_commit = {each.commit: each for each in revisions}
    changes = [change_notice(each, by_commit[each.commit], policy, observation.now) for each in untold]
    moved = any(each.state.change.kind in (ChangeKind.ADVANCE, ChangeKind.ROLL_BACK) for each in untold)
    standing = tuple(each for each in standing_notices(observation) if route.takes(each.event, each.urgency))
    # Right after a merge nobody has judged the new stage: what held before is neither told nor forgotten.
    stays = memory.keys if observation.record.merged else kept(memory, pull=open_pull(observation.record), moved=moved)
    wanted = [each for each in changes if each is not None and route.takes(each.event, each.urgency)]
    messages = [_message(each, memory, observation, pulls) for each in (*wanted, *due(memory, standing, route))]
    return Errand(route, memory, tuple(messages), standing, frozenset(stays))


def _message(notice: Notice, memory: Memory, observation: Observation, pulls: str | None) -> Message:
    told = "\n".join((memory.topic, notice.commit or memory.commit, notice.key))
    url = f"{pulls}{notice.pull}" if pulls is not None and notice.pull is not None else None
    return Message(notice, f"msg_{hashlib.sha256(told.encode()).hexdigest()[:32]}", observation.now, url)


def _gravest(errand: Errand) -> int:
    return max((each.notice.urgency.rank for each in errand.messages), default=-1)
