"""`rollout-bot doctor`: what is right, wrong and unknowable about a repository's set-up."""

from __future__ import annotations

import argparse

from rollout_bot.commands.common import (
    Subparsers,
    add_format,
    add_now,
    command,
    evaluator,
    finding_document,
    now_of,
    on_terminal,
    print_json,
    say,
    terminal_width,
)
from rollout_bot.commands.exits import DONE, INVALID
from rollout_bot.commands.where import add_forge, open_forge

_EXAMPLES = """\
examples:
  rollout-bot doctor                                 everything, each fault with its fix
  rollout-bot doctor --format json | jq '.[] | select(.level == "wrong")'

Exits with 3 if something would break a rollout. Changes nothing.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "doctor", run, "examine the set-up: files, metrics, owners, forge", _EXAMPLES)
    add_forge(parser)
    add_now(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.core.finding import Level
    from rollout_bot.doctor import examine

    now = now_of(options)
    findings = tuple(examine(open_forge(options, now), evaluator(options, now)))
    if options.format == "json":
        print_json([finding_document(finding) for finding in findings])
    else:
        from rollout_bot.report.findings import findings_text

        say(findings_text(findings, color=on_terminal(), width=terminal_width()))
    return INVALID if any(finding.level is Level.WRONG for finding in findings) else DONE
