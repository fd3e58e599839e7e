"""`rollout-bot verify`: judges one pull request, and says why it may not be merged."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TextIO

from rollout_bot.commands.common import (
    Subparsers,
    add_dry_run,
    add_format,
    add_now,
    command,
    evaluator,
    now_of,
    print_json,
    say,
)
from rollout_bot.commands.exits import DONE, FAILED, UsageError
from rollout_bot.commands.where import add_forge, hosted, open_forge

_EXAMPLES = """\
examples:
  rollout-bot verify 12                              its gate, as the next tick would set it
  rollout-bot verify 12 --dry-run                    without setting it
  rollout-bot verify                                 in a workflow: the pull request of the event

Exits with 1 if the gate is a failure. A gate that only waits is no failure: a later tick opens it.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "verify", run, "judge one pull request and set its gate", _EXAMPLES)
    parser.add_argument("number", nargs="?", type=int, metavar="NUMBER", help="the pull request (default: the event's)")
    add_forge(parser)
    add_now(parser)
    add_dry_run(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.core.model.repository import GateState
    from rollout_bot.core.wording import one_line
    from rollout_bot.tick.tick import Tick

    runner = hosted(options)
    number = options.number or (runner.pull if runner else None)
    if number is None:
        raise UsageError("no pull request is named; give its number: rollout-bot verify 12")
    now = now_of(options)
    tick = Tick(open_forge(options, now), evaluator(options, now), only=frozenset(), dry_run=options.dry_run)
    pull, status, problems = tick.verify(number)
    if options.format == "json":
        gate = {"state": status.state.value, "description": status.description}
        print_json({"number": pull.number, "head": pull.head, "gate": gate, "problems": list(problems)})
    else:
        head = f"#{pull.number} {one_line(pull.title)}: {status.state}, {one_line(status.description)}\n"
        say(head + "".join(f"  {one_line(problem)}\n" for problem in problems))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _annotate(problems, sys.stderr if options.format == "json" else sys.stdout)
    return FAILED if status.state is GateState.FAILURE else DONE


def _annotate(problems: tuple[str, ...], stream: TextIO) -> None:
    from rollout_bot.report.annotations import problem_remarks
    from rollout_bot.runner import annotate

    for line in annotate(problem_remarks(problems)):
        print(line, file=stream)
