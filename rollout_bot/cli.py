"""Arguments, composition, and the only map from errors to exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rollout_bot.commands import demo, init, percentage, pulls, requests, status, tick, validate
from rollout_bot.commands.common import Help
from rollout_bot.commands.exits import BUG, FAILED, INTERRUPTED, INVALID, USAGE, UsageError

_COMMANDS = (init, validate, tick, status, requests, pulls, percentage, demo)

_EPILOG = """\
begin with:
  rollout-bot demo                     a whole rollout in simulated time, in a folder to explore
  rollout-bot init checkout            policy, state and CODEOWNERS lines for a rollout called checkout
  rollout-bot tick                     one pass: measure, judge, and open or merge the pull request that follows

exit codes:
  0 done (a hold is done)   1 an action failed   2 usage   3 invalid policy, state or set-up   70 a bug in the bot
"""


def parser() -> argparse.ArgumentParser:
    """All commands and their options; building it imports nothing heavy."""
    top = argparse.ArgumentParser(
        prog="rollout-bot",
        description="Carries a risky change from 10 % to 100 % of traffic by pull requests.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(commands)
    return top


class _Version(argparse.Action):
    """Looks the version up only when asked: reading package metadata takes longer than `percentage` may."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"rollout-bot {version('rollout-bot')}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Raises SystemExit for `--help` and wrong usage only."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has had enough; Python would complain once more while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one boundary
        return _report(error)
    return code


def run() -> None:
    """The console script."""
    sys.exit(main())


def _report(error: Exception) -> int:
    from rollout_bot.core.wording import one_line

    code = _exit_code(error)
    text = str(error)
    if code == BUG:
        text = f"{type(error).__name__}: {error} (a bug in rollout-bot; ROLLOUT_BOT_DEBUG=1 shows where)"
    for line in text.splitlines() or [type(error).__name__]:
        print(f"rollout-bot: {one_line(line)}", file=sys.stderr)
    if code == BUG and os.environ.get("ROLLOUT_BOT_DEBUG"):
        import traceback

        traceback.print_exception(error)
    return code


def _exit_code(error: Exception) -> int:
    """Imported late: a command that works needs none of these."""
    from rollout_bot.evaluation import CannotEvaluate
    from rollout_bot.files.problems import InvalidFile
    from rollout_bot.forge.interface import ForgeError, NotFound, Unusable

    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, InvalidFile | CannotEvaluate | NotFound | Unusable):
        return INVALID
    if isinstance(error, ForgeError | OSError):
        return FAILED
    return BUG
