"""What follows a tick when all is done: metrics and messages. Whatever happens here, the tick stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from rollout_bot.core.observation import Observation
from rollout_bot.core.record import TickRecord
from rollout_bot.core.repository import Snapshot
from rollout_bot.delivery import bounded
from rollout_bot.evaluation import changes
from rollout_bot.forge.interface import Forge, ForgeError
from rollout_bot.publish.interface import Publisher, Unpublished
from rollout_bot.publish.pushgateway import Pushgateway
from rollout_bot.publish.textfile import TextFile

SECONDS = 5.0
"""For everything together; what is not over by then is given up, and said."""

GATEWAY = "PUSHGATEWAY_URL"
FILE = "ROLLOUT_BOT_METRICS_FILE"


def after(
    record: TickRecord, forge: Forge, environment: Mapping[str, str], *, file: Path | None, every: bool
) -> list[str]:
    """Publishes what a tick found. Answers a line for each thing that went wrong; raises nothing.

    `every` says whether the tick was about every rollout of the repository.
    """
    publishers = list(_publishers(environment, file, every=every))
    if record.dry_run or not publishers:
        return []
    try:
        observations = observe(record, _seen(record, forge))
        tasks = [partial(_publish, name, publisher, observations) for name, publisher in publishers]
        results = bounded(tasks, at_once=len(tasks), seconds=SECONDS)
    except Exception as error:  # noqa: BLE001 - nothing here may change what a tick comes to
        return [f"metrics: bug in the bot: {type(error).__name__}"]
    names = [name for name, _ in publishers]
    late = f"not done within {SECONDS:g} s, so given up"
    return [
        line for name, said in zip(names, results, strict=True) if (line := f"{name}: {late}" if said is None else said)
    ]


def observe(record: TickRecord, seen: Snapshot) -> list[Observation]:
    """The rollouts of a tick with their history as it is now."""
    return [Observation(each, changes(seen, each.rollout), record.now, record.requests) for each in record.rollouts]


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


def _publishers(environment: Mapping[str, str], file: Path | None, *, every: bool) -> Iterator[tuple[str, Publisher]]:
    if address := environment.get(GATEWAY):
        yield GATEWAY, Pushgateway(address)
    path = file or (Path(environment[FILE]) if environment.get(FILE) else None)
    # The file holds all rollouts or none: one that is left out would look as if it had been removed.
    if path is not None and every:
        yield "metrics file", TextFile(path)


def _publish(name: str, publisher: Publisher, observations: list[Observation]) -> str:
    """Why it failed; empty where it did not."""
    try:
        publisher.publish(observations)
    except Unpublished as error:
        return f"{name}: {error}"
    except Exception as error:  # noqa: BLE001 - as above
        return f"{name}: bug in the bot: {type(error).__name__}"
    return ""
