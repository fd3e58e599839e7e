"""The committed state, for the commands that hand it to a deployment: never older than what is deployed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rollout_bot.commands.exits import Refused

if TYPE_CHECKING:
    from rollout_bot.core.model.state import State


def add_expect_generation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--expect-generation",
        type=_generation,
        default=0,
        metavar="N",
        help="refuse a state older than generation N, the last one deployed (default: accept any)",
    )


def committed_state(options: argparse.Namespace) -> State:
    """The state of the rollout that the options name. Raises InvalidFile; Refused if it is older than expected."""
    from rollout_bot.checkout import Checkout

    state = Checkout(options.repository).state(options.rollout)
    expected: int = options.expect_generation
    if state.generation < expected:
        raise Refused(
            f"{state.rollout} is at generation {state.generation} here, older than {expected}, which was deployed; "
            "check out the newest commit, or leave --expect-generation out to go back on purpose"
        )
    return state


def _generation(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is no generation; allowed: a whole number, 0 if none was deployed")
    return int(text)
