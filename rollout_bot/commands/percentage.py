"""`rollout-bot percentage`: the one integer that a deployment pipeline trusts."""

from __future__ import annotations

import argparse

from rollout_bot.commands.common import Subparsers, command
from rollout_bot.commands.exits import DONE

_EXAMPLES = """\
examples:
  rollout-bot percentage checkout                    prints 25
  percentage=$(rollout-bot percentage checkout) && deploy --enforce "$percentage"

Reads the checked-out files (the commit that is being deployed), or the base branch of a bare repository.
A missing or invalid state prints nothing on standard output and exits with 3: a pipeline never deploys a guess.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "percentage", run, "print the committed percentage, one integer", _EXAMPLES)
    parser.add_argument("rollout", metavar="NAME", help="the rollout")


def run(options: argparse.Namespace) -> int:
    from rollout_bot.checkout import Checkout

    print(Checkout(options.repository).state(options.rollout).percentage)
    return DONE
