"""`rollout-bot percentage`: the one integer that a deployment pipeline trusts."""

from __future__ import annotations

import argparse

from rollout_bot.commands.committed import add_expect_generation, committed_state
from rollout_bot.commands.common import Subparsers, command
from rollout_bot.commands.exits import DONE

_EXAMPLES = """\
examples:
  rollout-bot percentage checkout                    prints 25
  rollout-bot percentage checkout --expect-generation 7
  percentage=$(rollout-bot percentage checkout) && deploy --enforce "$percentage"

Reads the checked-out files (the commit that is being deployed), or the base branch of a bare repository.
A missing or invalid state prints nothing on standard output and exits with 3, one that is older than expected with 1:
a pipeline never deploys a guess.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "percentage", run, "print the committed percentage, one integer", _EXAMPLES)
    parser.add_argument("rollout", metavar="NAME", help="the rollout")
    add_expect_generation(parser)


def run(options: argparse.Namespace) -> int:
    print(committed_state(options).percentage)
    return DONE
