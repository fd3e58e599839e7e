"""Arguments, composition, and the only map from errors to exit codes."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from rollout_bot.commands.common import Help, Parser, complain
from rollout_bot.commands.exits import BUG, FAILED, INTERRUPTED, INVALID, USAGE, Refused, UsageError
from rollout_bot.core.wording import one_line

_COMMANDS = {
    "init": "init",
    "validate": "validate",
    "tick": "tick",
    "status": "status",
    "explain": "explain",
    "history": "history",
    "watch": "watch",
    "site": "site",
    "advance": "requests",
    "rollback": "requests",
    "hold": "requests",
    "resume": "requests",
    "pulls": "pulls",
    "percentage": "percentage",
    "export": "export",
    "verify": "verify",
    "doctor": "doctor",
    "backtest": "backtest",
    "alerts": "monitoring",
    "dashboard": "monitoring",
    "schema": "schema",
    "demo": "demo",
}
"""Each command, and its module under `commands/`."""

_EPILOG = """\
begin with:
  rollout-bot demo                     a whole rollout in simulated time, in a folder to explore
  rollout-bot init checkout            policy, state and CODEOWNERS lines for a rollout called checkout
  rollout-bot tick                     one pass: measure, judge, and open or merge the pull request that follows

exit codes:
  0 done (a hold is done)   1 an action failed   2 usage   3 invalid policy, state or set-up   70 a bug in the bot
"""


def parser(only: str | None = None) -> argparse.ArgumentParser:
    """All commands and their options, or the one that is called: a deployment pipeline does not wait for the others."""
    top = Parser(
        prog="rollout-bot",
        description="Carries a risky change from 10 % to 100 % of traffic by pull requests.",
        epilog=_EPILOG,
        formatter_class=Help,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    modules = {_COMMANDS[only]} if only in _COMMANDS else dict.fromkeys(_COMMANDS.values())
    for module in modules:
        import_module(f"rollout_bot.commands.{module}").add(commands)
    return top


class _Version(argparse.Action):
    """Looks the version up only when asked: reading package metadata takes longer than `percentage` may."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"rollout-bot {version('rollout-bot')}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Raises SystemExit for `--help` and wrong usage only."""
    given = sys.argv[1:] if arguments is None else arguments
    options = parser(given[0] if given else None).parse_args(given)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one boundary
        return _report(error)
    return code


def run() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name in no known encoding, or a terminal without arrows, is no reason to stop.
            stream.reconfigure(errors="replace")
    try:
        code = main()
    finally:
        _flush()
    sys.exit(code)


def _flush() -> None:
    """Writes out what is left; where nobody reads it any more, Python would complain once more while it shuts down."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception) -> int:
    code = _exit_code(error)
    if code == BUG:
        _tell_bug(error)
        return code
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    for line in text.splitlines() or [type(error).__name__]:
        complain(line)
    return code


def _tell_bug(error: Exception) -> None:
    """Nobody knows what is in the words of a bug: what the environment holds is taken out."""
    from rollout_bot.network.redaction import redacted

    text = f"{type(error).__name__}: {error} (a bug in rollout-bot; ROLLOUT_BOT_DEBUG=1 shows where)"
    for line in redacted(text, os.environ).splitlines():
        complain(line)
    if os.environ.get("ROLLOUT_BOT_DEBUG"):
        import traceback

        where = "".join(traceback.format_exception(error))
        for line in redacted(where, os.environ).splitlines():
            # Something stands before it, since what is indented could still be a command to a runner.
            print(f"| {' ' * (len(line) - len(line.lstrip()))}{one_line(line)}", file=sys.stderr)


def _exit_code(error: Exception) -> int:
    """Imported late: a command that works needs none of these."""
    from rollout_bot.files.problems import InvalidFile
    from rollout_bot.forge.interface import ForgeError, NotFound, Unusable
    from rollout_bot.tick.reading import CannotEvaluate

    if isinstance(error, UsageError):
        return USAGE
    if isinstance(error, InvalidFile | CannotEvaluate | NotFound | Unusable):
        return INVALID
    if isinstance(error, Refused | ForgeError | OSError):
        return FAILED
    return BUG
