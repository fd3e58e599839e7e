"""`rollout-bot tick`: one pass over all rollouts of a repository."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rollout_bot.commands.common import (
    Subparsers,
    add_dry_run,
    add_format,
    add_now,
    command,
    complain,
    duration,
    evaluator,
    now_of,
    on_terminal,
    print_json,
    progress_bar,
    terminal_width,
)
from rollout_bot.commands.exits import BUG, DONE, FAILED, INVALID, UsageError
from rollout_bot.commands.where import (
    add_forge,
    hosted,
    links_of,
    open_forge,
    print_report,
    report_to_runner,
)
from rollout_bot.core.decision.allowance import allowance
from rollout_bot.core.model.shards import WHOLE, Shard, parse_shard

if TYPE_CHECKING:
    from rollout_bot.core.record import TickRecord
    from rollout_bot.forge.interface import Forge

T = TypeVar("T")

_EXAMPLES = """\
examples:
  rollout-bot tick                                   every rollout of the repository you are in
  rollout-bot tick checkout --dry-run                what would be done for one of them
  rollout-bot tick --format json | jq '.rollouts[] | {rollout, decision}'
  rollout-bot tick --every 60s --for 14m             keeps watching between two schedules
  rollout-bot tick --shard 2/4                       the second of four runs that share the rollouts
  rollout-bot tick --metrics-file /var/lib/node_exporter/textfile_collector/rollouts.prom
  rollout-bot tick --now 2026-11-23T09:15:00Z        as of another time, for reproducible runs

A tick keeps nothing between runs: two at once, one killed or one repeated lead to the same end.
Metrics about the rollouts are pushed to the Pushgateway at $PUSHGATEWAY_URL, where that is set.
"""

_PROGRESS_FROM = 20
"""Rollouts from which measuring takes long enough to be worth a bar."""


def add(commands: Subparsers) -> None:
    parser = command(
        commands, "tick", run, "measure, judge, and open or merge the pull request that follows", _EXAMPLES
    )
    parser.add_argument("rollouts", nargs="*", metavar="NAME", help="only these rollouts (default: all)")
    add_forge(parser)
    add_now(parser)
    parser.add_argument("--every", type=duration, metavar="TIME", help="tick again and again, at this distance: 60s")
    parser.add_argument("--for", dest="span", type=duration, metavar="TIME", help="how long, with --every: 14m")
    parser.add_argument(
        "--shard",
        type=_shard,
        metavar="K/N",
        help="only the rollouts and pull requests of the Kth of N runs, each of which belongs to exactly one",
    )
    parser.add_argument(
        "--metrics-file",
        type=Path,
        metavar="PATH",
        help="write metrics about the rollouts there, for node_exporter (default: $ROLLOUT_BOT_METRICS_FILE)",
    )
    add_dry_run(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    if (options.every is None) is not (options.span is None) or (options.every and options.now):
        raise UsageError("--every and --for go together, and not with --now: tick --every 60s --for 14m")
    if options.shard and options.rollouts:
        raise UsageError("--shard is about all rollouts; leave it out, or the names")
    if options.every is None:
        return _once(options)
    return max(repeated(lambda: _once_or_later(options), options.every, options.span))


def _shard(text: str) -> Shard:
    try:
        return parse_shard(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def repeated(
    act: Callable[[], T],
    every: timedelta,
    span: timedelta,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[T]:
    """What `act` returns, once at first and then at this distance, begun within the span; it never overlaps itself.

    One that takes longer than the distance is followed at the next multiple of it.
    """
    begun = clock()
    while True:
        yield act()
        passed = clock() - begun
        pause = every.total_seconds() - passed % every.total_seconds()
        if passed + pause > span.total_seconds():
            return
        sleep(pause)


def _once_or_later(options: argparse.Namespace) -> int:
    """A forge that does not answer now may do so at the next tick: no reason to stop watching."""
    from rollout_bot.forge.interface import ForgeError

    try:
        return _once(options)
    except ForgeError as error:
        complain(str(error))
        return FAILED


def _once(options: argparse.Namespace) -> int:
    from rollout_bot.tick.tick import Tick

    now = now_of(options)
    only, shard = frozenset(options.rollouts) or None, options.shard or WHOLE
    forge = open_forge(options, now)
    with progress_bar("measuring", least=_PROGRESS_FROM) as progress:
        measuring, allowed = evaluator(options, now), allowance(options.every, shard.of)
        tick = Tick(forge, measuring, only, options.dry_run, progress, links_of(options), shard, allowed)
        record = tick.run()
    show(record, options)
    follow_up(record, forge, options)
    return exit_code(record)


def follow_up(record: TickRecord, forge: Forge, options: argparse.Namespace) -> None:
    """Hands the record to whoever is configured to hear of it; what goes wrong there is told, and changes nothing."""
    from rollout_bot.tick.leaves import Leaves

    runner = hosted(options)
    pulls = f"{runner.server_url}/{runner.repository}/pull/" if runner else None
    # A person's request is about one rollout, and has neither option.
    file, every = getattr(options, "metrics_file", None), getattr(options, "rollouts", None) == []
    for line in Leaves(os.environ, file, every, pulls).follow(record, forge):
        complain(line)


def show(record: TickRecord, options: argparse.Namespace) -> None:
    """Prints a record in the format asked for, and hands it to the runner if there is one."""
    if options.format == "json":
        from rollout_bot.report.documents import tick_document

        report_to_runner(record, sys.stderr)
        print_json(tick_document(record))
        return
    from rollout_bot.report.terminal import tick_text

    print_report(record, tick_text(record, color=on_terminal(), width=terminal_width()))


def exit_code(record: TickRecord) -> int:
    """The gravest of what befell the rollouts; a hold is done, what cannot be measured is a hold."""
    if any(each.bug for each in record.rollouts):
        return BUG
    if any(each.failed or (each.decision and each.decision.refused) for each in record.rollouts):
        return FAILED
    if any(step.error for step in record.gates):
        return FAILED
    return INVALID if any(each.problems for each in record.rollouts) else DONE
