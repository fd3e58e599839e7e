"""Writes `docs/cli.md` from the commands' own help: python tools/cli_docs.py."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rollout_bot.cli import parser

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """\
# Commands

Written by `python tools/cli_docs.py` from what `--help` prints; a test holds them against each other.

Where something can be changed there is `--dry-run`; where a program may read there is `--format json`, with the JSON
Schemas that `rollout-bot schema` prints. Colour is for terminals only, and `NO_COLOR` switches it off.

| exit code | meaning |
| --- | --- |
| 0 | done; a rollout that holds is done |
| 1 | an action failed, or a request was refused |
| 2 | wrong usage |
| 3 | a policy, a state or the set-up is invalid; what could be done for other rollouts was done |
| 70 | a bug in the bot; `ROLLOUT_BOT_DEBUG=1` shows where |
| 130 | interrupted |
"""


def document() -> str:
    """The whole page as Markdown."""
    return "\n".join([HEAD, *_sections(parser(), "rollout-bot")])


def _sections(top: argparse.ArgumentParser, name: str) -> Iterator[str]:
    yield f"## {name}\n\n```text\n{top.format_help().strip()}\n```\n"
    for action in top._actions:  # noqa: SLF001 - argparse offers no other way to its commands
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for command, each in action.choices.items():
                yield from _sections(each, f"{name} {command}")


if __name__ == "__main__":
    TARGET.write_text(document(), encoding="utf-8")
    print(f"wrote {TARGET}", file=sys.stderr)
