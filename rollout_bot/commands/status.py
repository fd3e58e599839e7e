"""`rollout-bot status`: where rollouts stand, without changing anything."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from rollout_bot.commands.common import (
    Subparsers,
    add_format,
    add_now,
    command,
    complain,
    evaluator,
    now_of,
    on_terminal,
    print_json,
    terminal_width,
)
from rollout_bot.commands.exits import DONE, INVALID
from rollout_bot.commands.where import add_forge, open_forge, print_report, report_to_runner

if TYPE_CHECKING:
    from rollout_bot.core.record import TickRecord

_EXAMPLES = """\
examples:
  rollout-bot status                                 every rollout
  rollout-bot status checkout
  rollout-bot status checkout --format json | jq .current_stage.percentage
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "status", run, "say where rollouts stand", _EXAMPLES)
    parser.add_argument("rollout", nargs="?", metavar="NAME", help="one rollout (default: all, as a list in JSON)")
    add_forge(parser)
    add_now(parser)
    add_format(parser)


def look(options: argparse.Namespace) -> TickRecord:
    """What a tick of the rollout named, or of all, would find and do."""
    from rollout_bot.tick.tick import Tick

    now = now_of(options)
    only = frozenset((options.rollout,)) if options.rollout else None
    return Tick(open_forge(options, now), evaluator(options, now), only, dry_run=True).run()


def run(options: argparse.Namespace) -> int:
    record = look(options)
    if options.format == "json":
        from rollout_bot.report.documents import status_document

        report_to_runner(record, sys.stderr)
        documents = [status_document(each.situation) for each in record.rollouts if each.situation]
        if documents or not options.rollout:
            print_json(documents[0] if options.rollout else documents)
    else:
        from rollout_bot.report.terminal import status_text

        print_report(record, status_text(record, color=on_terminal(), width=terminal_width()))
    for each in record.rollouts if options.format == "json" else ():
        for problem in each.problems:
            complain(problem)
    return INVALID if any(each.problems for each in record.rollouts) else DONE
