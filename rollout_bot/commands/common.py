"""Options and manners that several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from rollout_bot.core.durations import parse_duration
from rollout_bot.core.progress import Progress, unseen
from rollout_bot.core.wording import one_line

if TYPE_CHECKING:
    from rollout_bot.core.finding import Finding
    from rollout_bot.tick.evaluation import Evaluator

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - argparse gives it no other name
Command = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """Repeats what was typed on one line: on a runner it may be somebody else's."""

    def error(self, message: str) -> NoReturn:
        super().error(one_line(message))


class Help(argparse.RawDescriptionHelpFormatter):
    """Keeps the examples as they are written."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=100)
        # argparse forgets that commands are indented twice, and would break the line after the longest.
        self._action_max_length = 14


def command(commands: Subparsers, name: str, run: Command, summary: str, examples: str) -> argparse.ArgumentParser:
    """Adds a command with its summary, its examples and the option every command has."""
    parser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + ".", epilog=examples, formatter_class=Help
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--repository", type=Path, default=Path(), metavar="PATH", help="the git repository (default: here)"
    )
    return parser


def add_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="for people or for programs")


def add_now(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--now", type=moment_of, metavar="TIME", help="judge as of this RFC 3339 time (default: the clock)"
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="print what would be done and change nothing")


def add_person(parser: argparse.ArgumentParser) -> None:
    who = "who asks (default: git's user.name; on GitHub always the run's actor)"
    parser.add_argument("--as", dest="person", metavar="NAME", help=who)


def moment_of(text: str) -> datetime:
    """An RFC 3339 time, for argparse."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; allowed: RFC 3339, 2026-11-23T09:15:00Z") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone; allowed: RFC 3339, 2026-11-23T09:15:00Z")
    return moment.astimezone(UTC)


def duration(text: str) -> timedelta:
    """A duration such as 60s, for argparse."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all; allowed: at least 1s")
    return found


def now_of(options: argparse.Namespace) -> datetime:
    """The one reading of the clock in a run."""
    return options.now or datetime.now(UTC)


def evaluator(options: argparse.Namespace, now: datetime, environment: Mapping[str, str] = os.environ) -> Evaluator:
    """Measures and judges as of `now`; relative paths of recordings start from the repository."""
    from rollout_bot.checkout import Checkout
    from rollout_bot.tick.evaluation import Evaluator

    return Evaluator(now, Checkout(options.repository).root, environment)


def finding_document(finding: Finding) -> dict[str, str]:
    """A finding for programs."""
    return {field: str(getattr(finding, field)) for field in ("level", "subject", "found", "fix")}


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    from rollout_bot.report.json_text import json_text

    print(json_text(document), end="")


def say(text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Prints what people read. A runner of GitHub Actions takes nothing in it for a command."""
    from rollout_bot.runner import literally

    with literally(sys.stdout, environment):
        print(text, end="")


def complain(text: str) -> None:
    """A line on standard error. Nothing in it, whoever wrote it, is a command to a terminal or a runner."""
    print(f"rollout-bot: {one_line(text)}", file=sys.stderr)


def on_terminal() -> bool:
    """Whether to write in colour: on a terminal, unless NO_COLOR asks otherwise (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def terminal_width() -> int:
    """Columns to fill; away from a terminal lines are long enough not to be broken in the middle of a log."""
    if not sys.stdout.isatty():
        return 160
    return os.get_terminal_size(sys.stdout.fileno()).columns


@contextmanager
def progress_bar(what: str, *, least: int = 1) -> Iterator[Progress]:
    """Takes how much is done of how much: a bar on a terminal's standard error, from `least` things on."""
    if not sys.stderr.isatty():
        yield unseen
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, visible=False, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of, visible=of >= least)
