"""`rollout-bot watch`: where rollouts stand, again and again, on a terminal."""

from __future__ import annotations

import argparse
from datetime import timedelta

from rollout_bot.commands.common import Subparsers, add_now, command, duration, on_terminal, terminal_width
from rollout_bot.commands.exits import DONE
from rollout_bot.commands.status import look
from rollout_bot.commands.where import add_forge
from rollout_bot.core.wording import one_line

_EXAMPLES = """\
examples:
  rollout-bot watch                                  every rollout, looked at every 5 seconds
  rollout-bot watch checkout --every 1m --for 2h

Changes nothing. Ctrl-C ends it. On GitHub each look costs a request or two: once a minute is plenty.
"""

_FOR_EVER = timedelta(days=365)


def add(commands: Subparsers) -> None:
    parser = command(commands, "watch", run, "show where rollouts stand, and keep it up to date", _EXAMPLES)
    parser.add_argument("rollout", nargs="?", metavar="NAME", help="one rollout (default: all)")
    parser.add_argument("--every", type=duration, default=timedelta(seconds=5), metavar="TIME", help="default: 5s")
    parser.add_argument(
        "--for", dest="span", type=duration, default=_FOR_EVER, metavar="TIME", help="default: until Ctrl-C"
    )
    add_forge(parser)
    add_now(parser)


def run(options: argparse.Namespace) -> int:
    from rich.live import Live
    from rich.text import Text

    from rollout_bot.commands.tick import repeated
    from rollout_bot.forge.interface import ForgeError
    from rollout_bot.report.terminal import status_text

    def shown() -> Text:
        try:
            text = status_text(look(options), color=on_terminal(), width=terminal_width())
        except ForgeError as error:
            text = f"{one_line(str(error))}\n"
        return Text.from_ansi(text)

    with Live(auto_refresh=False, screen=on_terminal()) as live:
        for text in repeated(shown, options.every, options.span):
            live.update(text, refresh=True)
    return DONE
