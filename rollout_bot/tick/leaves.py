"""What follows a tick when all is done: metrics and messages. Whatever happens here, the tick stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rollout_bot.core.model.repository import Snapshot, is_name
from rollout_bot.core.model.shards import Shard
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord, TickRecord
from rollout_bot.forge.interface import Forge, ForgeError
from rollout_bot.tick.reading import changes

if TYPE_CHECKING:
    from rollout_bot.publish.interface import Publisher
    from rollout_bot.tick.telling import Post

SECONDS = 5.0
"""For everything that is sent, together; what is not over by then is given up, and said."""

GATEWAY = "PUSHGATEWAY_URL"
FILE = "ROLLOUT_BOT_METRICS_FILE"

Task = tuple[str, Callable[[], str]]
"""What it is called in a message, and what does it: it answers why it failed, or nothing."""


@dataclass(frozen=True, slots=True)
class Leaves:
    """Where it all goes. `file` is for metrics; `pulls` is what the address of a pull request begins with.

    `every` says whether ticks are about every rollout of the repository, or of a shard: each has a file of its own,
    with its number before the ending.
    """

    environment: Mapping[str, str] = field(repr=False)
    file: Path | None = None
    every: bool = True
    pulls: str | None = None

    def follow(self, record: TickRecord, forge: Forge) -> list[str]:
        """Publishes what a tick found and tells people. Answers a line for each thing that failed; raises nothing."""
        if record.dry_run:
            return []
        try:
            return list(self._follow(record, forge))
        except ForgeError as error:
            return [f"nothing is published and nobody is told: {error}"]
        except Exception as error:  # noqa: BLE001 - nothing here may change what a tick comes to
            return [f"nothing is published and nobody is told: bug in the bot: {type(error).__name__}"]

    def _follow(self, record: TickRecord, forge: Forge) -> Iterator[str]:
        publishers = list(self._publishers(record.shard))
        if not publishers and not any(map(_may_tell, record.rollouts)):
            return
        # Most ticks have nobody to tell anything: they do not wait for what that takes.
        from rollout_bot.network.exchange import bounded
        from rollout_bot.tick.telling import errands, posts, write_notes

        seen = _seen(record, forge)
        observations = observe(record, seen, forge.budget)
        found = [errand for each in observations for errand in errands(each, seen, self.pulls)]
        mail = posts(found)
        # A folder whose name no metric can bear would keep the others' from being written.
        named = [each for each in observations if is_name(each.rollout)]
        tasks: list[Task] = [(name, partial(_publish, publisher, named)) for name, publisher in publishers]
        tasks += [(name, partial(self._deliver, post)) for name, post in mail.items()]
        results = bounded([task for _, task in tasks], at_once=len(tasks), seconds=SECONDS)
        for post in mail.values():
            post.over.set()
        late = f"not done within {SECONDS:g} s, so given up"
        for (name, _), said in zip(tasks, results, strict=True):
            if said != "":
                yield f"{name}: {late if said is None else said}"
        delivered = {each for post in mail.values() for each in tuple(post.delivered)}
        if said := write_notes(forge, found, delivered):
            yield said

    def _publishers(self, shard: Shard) -> Iterator[tuple[str, Publisher]]:
        if address := self.environment.get(GATEWAY):
            from rollout_bot.publish.pushgateway import Pushgateway

            yield GATEWAY, Pushgateway(address)
        path = self.file or (Path(self.environment[FILE]) if self.environment.get(FILE) else None)
        # The file holds all rollouts or none: one that is left out would look as if it had been removed.
        if path is not None and self.every:
            from rollout_bot.publish.textfile import TextFile

            own = path if shard.whole else path.with_stem(f"{path.stem}-{shard.number}")
            yield "metrics file", TextFile(own)

    def _deliver(self, post: Post) -> str:
        from rollout_bot.tick.telling import NotSet, notifier

        try:
            return post.deliver(notifier(post.route, self.environment))
        except NotSet as error:
            return f"{error} is not set, so nobody is told"
        except Exception as error:  # noqa: BLE001 - its text could hold an address
            return f"bug in the bot: {type(error).__name__}"


def observe(record: TickRecord, seen: Snapshot, budget: int | None = None) -> list[Observation]:
    """The rollouts of a tick, with their history as it is now."""
    return [
        Observation(each, changes(seen, each.rollout), record.now, record.requests, budget) for each in record.rollouts
    ]


def _may_tell(record: RolloutRecord) -> bool:
    """Whether somebody may have to be told: a policy that could not be read might have said so."""
    return record.situation is None or bool(record.situation.policy.notify)


def _seen(record: TickRecord, forge: Forge) -> Snapshot:
    """The repository after the tick; a look of its own only where the tick has moved it."""
    if record.snapshot is not None and not record.merged:
        return record.snapshot
    try:
        return forge.snapshot()
    except ForgeError:
        if record.snapshot is None:
            raise
        # The next tick tells the rest.
        return record.snapshot


def _publish(publisher: Publisher, observations: list[Observation]) -> str:
    from rollout_bot.publish.interface import Unpublished

    try:
        publisher.publish(observations)
    except Unpublished as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - its text could hold an address
        return f"bug in the bot: {type(error).__name__}"
    return ""
