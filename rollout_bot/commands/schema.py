"""`rollout-bot schema`: the published formats, for editors and for programs."""

from __future__ import annotations

import argparse
import pkgutil

from rollout_bot.commands.common import Help, Subparsers
from rollout_bot.commands.exits import DONE

_EXAMPLES = """\
examples:
  rollout-bot schema policy > policy.schema.json
  rollout-bot schema tick | jq '."$defs".verdict'

An editor with the YAML language server checks a policy that begins with:
  # yaml-language-server: $schema=policy.schema.json
"""

_PACKAGES = {
    "policy": "rollout_bot.files",
    "state": "rollout_bot.files",
    "approval": "rollout_bot.files",
    "tick": "rollout_bot.report",
    "backtest": "rollout_bot.report",
}


def add(commands: Subparsers) -> None:
    summary = "print the JSON Schema of a file, or of what a command prints"
    parser = commands.add_parser(
        "schema", help=summary, description=f"P{summary[1:]}.", epilog=_EXAMPLES, formatter_class=Help
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "name", choices=tuple(_PACKAGES), help="policy, state and approval are files, the others output"
    )


def run(options: argparse.Namespace) -> int:
    print(schema(options.name), end="")
    return DONE


def schema(name: str) -> str:
    """The text of a published schema (draft 2020-12)."""
    return (pkgutil.get_data(_PACKAGES[name], f"schemas/{name}.schema.json") or b"").decode("utf-8")
