"""`rollout-bot history`: every change of a rollout, who approved it, and on which evidence."""

from __future__ import annotations

import argparse

from rollout_bot.commands.common import (
    Subparsers,
    add_format,
    add_now,
    command,
    now_of,
    on_terminal,
    print_json,
    say,
    terminal_width,
)
from rollout_bot.commands.exits import DONE
from rollout_bot.commands.where import add_forge, open_forge

_EXAMPLES = """\
examples:
  rollout-bot history checkout                       newest first
  rollout-bot history checkout --format json | jq '.[] | select(.kind == "roll_back") | .reason'

Reads the committed history of state.yaml, and from the forge the pull requests and who approved them.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "history", run, "list who changed a rollout, when, why and on which evidence", _EXAMPLES)
    parser.add_argument("rollout", metavar="NAME")
    add_forge(parser)
    add_now(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.report.documents import transition_document
    from rollout_bot.report.terminal import history_text
    from rollout_bot.tick.reading import CannotEvaluate, changes
    from rollout_bot.tick.tick import unknown

    snapshot = open_forge(options, now_of(options)).snapshot()
    if options.rollout not in snapshot.rollouts():
        raise CannotEvaluate(unknown(options.rollout, snapshot))
    found = changes(snapshot, options.rollout)
    if options.format == "json":
        print_json([transition_document(each) for each in found])
    else:
        say(history_text(options.rollout, found, color=on_terminal(), width=terminal_width()))
    return DONE
