"""`rollout-bot advance | rollback | hold | resume`: what a human asks for, as a pull request like any other."""

from __future__ import annotations

import argparse
from functools import partial

from rollout_bot.commands.common import (
    Subparsers,
    add_dry_run,
    add_format,
    add_now,
    add_person,
    command,
    evaluator,
    now_of,
)
from rollout_bot.commands.tick import exit_code, follow_up, show
from rollout_bot.commands.where import add_forge, links_of, open_forge, person
from rollout_bot.core.model.state import ChangeKind

_ADVANCE = """\
examples:
  rollout-bot advance checkout --reason "verified by hand"
  rollout-bot advance checkout --reason "no traffic at night" --as alice --dry-run

Where every gate is open the result is the bot's own pull request. Gates that are shut are written into
approvals/<stage>.yaml as an override, which a code owner has to approve. A regression cannot be passed over.
"""
_ROLLBACK = """\
examples:
  rollout-bot rollback checkout --reason "support sees timeouts"
  rollout-bot rollback checkout --to off --reason "incident 4711"

Merged at once: going down needs nobody's approval.
"""
_HOLD = """\
examples:
  rollout-bot hold checkout --reason "release freeze until Monday"

A hold keeps the rollout from advancing. It never keeps a regression from being rolled back.
"""
_RESUME = """\
examples:
  rollout-bot resume checkout --reason "freeze is over"

Lifts a hold, and lets a rollout that was rolled back too often try again.
"""


def add(commands: Subparsers) -> None:
    advance = _request(commands, "advance", ChangeKind.ADVANCE, "propose the next stage now", _ADVANCE)
    rollback = _request(commands, "rollback", ChangeKind.ROLL_BACK, "go down now", _ROLLBACK)
    rollback.add_argument("--to", metavar="STAGE", help="the stage to go down to (default: the next one below)")
    hold = _request(commands, "hold", ChangeKind.HOLD, "keep a rollout from advancing", _HOLD)
    resume = _request(
        commands, "resume", ChangeKind.RESUME, "lift a hold, or restart after too many rollbacks", _RESUME
    )
    for parser in (advance, rollback, hold, resume):
        add_person(parser)
        add_forge(parser)
        add_now(parser)
        add_dry_run(parser)
        add_format(parser)


def _request(commands: Subparsers, name: str, kind: ChangeKind, summary: str, examples: str) -> argparse.ArgumentParser:
    parser = command(commands, name, partial(run, kind=kind), summary, examples)
    parser.add_argument("rollout", metavar="NAME", help="the rollout")
    parser.add_argument("--reason", required=True, help="why; it goes into the state, the pull request and the commit")
    return parser


def run(options: argparse.Namespace, kind: ChangeKind) -> int:
    from rollout_bot.core.decision.decision import Request
    from rollout_bot.tick.tick import Tick

    now = now_of(options)
    request = Request(kind, person(options), options.reason, getattr(options, "to", None))
    only = frozenset((options.rollout,))
    forge = open_forge(options, now)
    record = Tick(forge, evaluator(options, now), only, options.dry_run, links=links_of(options)).run(request)
    show(record, options)
    follow_up(record, forge, options)
    return exit_code(record)
