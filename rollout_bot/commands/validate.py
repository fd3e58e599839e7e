"""`rollout-bot validate`: every error of the checked-out files, before they are committed."""

from __future__ import annotations

import argparse

from rollout_bot.commands.common import Subparsers, add_format, command, print_json
from rollout_bot.commands.exits import DONE, INVALID

_EXAMPLES = """\
examples:
  rollout-bot validate                               all rollouts of the work tree
  rollout-bot validate checkout --format json

Each error names file:line:column, the field, what was found and what is allowed; there is no network access.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "validate", run, "check policies, states and approvals in the work tree", _EXAMPLES)
    parser.add_argument("rollouts", nargs="*", metavar="NAME", help="only these rollouts (default: all)")
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.checkout import Checkout

    checkout = Checkout(options.repository)
    names = options.rollouts or checkout.rollouts()
    problems = {name: checkout.problems(name) for name in names}
    if options.format == "json":
        print_json([{"rollout": name, "problems": list(found)} for name, found in problems.items()])
    else:
        for name, found in problems.items():
            print(f"{name}: {'valid' if not found else f'{len(found)} problems' if len(found) > 1 else '1 problem'}")
            for problem in found:
                print(f"  {problem}")
        if not problems:
            print("no rollouts here; begin one with: rollout-bot init NAME")
    return INVALID if any(problems.values()) else DONE
