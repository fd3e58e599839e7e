"""`rollout-bot demo`: a whole rollout in simulated time, left in a folder to explore."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rollout_bot.commands.common import Help, Subparsers, on_terminal
from rollout_bot.commands.exits import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from rollout_bot.demo.play import Event

SEED = 9
"""A seed whose story has most of what can happen: a defect at half, a hasty colleague, a second try."""

_EXAMPLES = """\
examples:
  rollout-bot demo                                   into ./demo
  rollout-bot demo --seed 7 --output /tmp/story      another service, other people, another story

The service and the people are simulated and drawn from the seed; repository, pull requests, analysis and
decisions are real. Nothing leaves your machine.
"""


def add(commands: Subparsers) -> None:
    summary = "carry a rollout from start to end in simulated time"
    parser = commands.add_parser(
        "demo", help=summary, description=f"C{summary[1:]}.", epilog=_EXAMPLES, formatter_class=Help
    )
    parser.set_defaults(run=run)
    parser.add_argument("rollout", nargs="?", default="checkout", metavar="NAME", help="what to call it")
    parser.add_argument("--seed", type=int, default=SEED, help=f"which story (default: {SEED})")
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), metavar="DIR", help="a new folder (default: ./demo)"
    )


def run(options: argparse.Namespace) -> int:
    from rollout_bot.core.model.repository import is_name
    from rollout_bot.demo.folder import write_folder
    from rollout_bot.demo.play import Play
    from rollout_bot.report.documents import time as document_time

    folder: Path = options.output
    if not is_name(options.rollout):
        raise UsageError(f"{options.rollout!r} cannot name a rollout; allowed: lower-case letters, digits and dashes")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        what = "not empty" if folder.is_dir() else "no folder"
        raise UsageError(f"{folder} is {what}; name a new folder with --output")
    folder.mkdir(parents=True, exist_ok=True)
    play = Play(folder.resolve(), options.rollout, options.seed, _tell())
    ended = play.run()
    write_folder(folder, play.events, play.forge)
    state = play.standing.state
    print(f"\nAfter {(play.now - play.events[0].at).days} simulated days: {state.stage}, {state.percentage} %.")
    print(f"\nTo explore {folder}:")
    for what, how in (
        ("every event", f"{folder}/timeline.md"),
        ("every pull request, as a reviewer saw it", f"{folder}/pulls/"),
        ("the story, as the repository tells it", f"git -C {folder}/repository log --first-parent"),
        ("where it stands", f"{_command()} status --repository {folder}/repository --now {document_time(play.now)}"),
    ):
        print(f"  {what:<42}{how}")
    return DONE if ended else FAILED


def _command() -> str:
    """The command as it can be typed here: `make demo` leaves it in an environment that is not on the path."""
    return "rollout-bot" if shutil.which("rollout-bot") else shlex.quote(sys.argv[0])


def _tell() -> Callable[[Event], None]:
    from rich.console import Console
    from rich.text import Text

    console = Console(no_color=not on_terminal(), highlight=False, soft_wrap=True)
    styles = {"bot": "cyan", "service": "red", "": "dim"}

    def tell(event: Event) -> None:
        stage = f"{event.stage} {event.percentage} %"
        line = Text(f"{event.at:%a %d %b %H:%M}  {stage:<14}", style="dim")
        line.append(f"{event.actor:<8}", style=styles.get(event.actor, "green"))
        console.print(line.append(event.text, style=styles[""] if not event.actor else ""))

    return tell
