"""`rollout-bot explain`: why a rollout is where it is, with every figure behind it."""

from __future__ import annotations

import argparse

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
    say,
    terminal_width,
)
from rollout_bot.commands.exits import DONE, INVALID
from rollout_bot.commands.where import add_forge, open_forge

_EXAMPLES = """\
examples:
  rollout-bot explain checkout                       why does it not advance, or what took it back?
  rollout-bot explain checkout --now 2026-11-23T03:00:00Z
  rollout-bot explain checkout --format json | jq '.explanation.children[] | select(.status != "passed")'

Nothing is changed. In JSON every reason has a name, a status (passed, waiting, failed, unknown or noted), a sentence,
its figures and the reasons beneath it; `rollout-bot schema tick` describes them.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "explain", run, "say why a rollout is where it is, with all figures", _EXAMPLES)
    parser.add_argument("rollout", metavar="NAME", help="the rollout")
    add_forge(parser)
    add_now(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.report.documents import reason_document, rollout_reason, time
    from rollout_bot.report.explanation import explanation_text
    from rollout_bot.tick.tick import Tick

    now = now_of(options)
    record = Tick(open_forge(options, now), evaluator(options, now), frozenset((options.rollout,)), dry_run=True).run()
    (found,) = record.rollouts
    for problem in found.problems:
        complain(problem)
    reason = rollout_reason(found)
    if reason is None:
        return INVALID
    if options.format == "json":
        document = {"now": time(now), "rollout": found.rollout, "explanation": reason_document(reason)}
        print_json(document)
    else:
        say(explanation_text(record, color=on_terminal(), width=terminal_width()))
    return INVALID if found.problems else DONE
