"""`rollout-bot validate`: every error of the checked-out files, before they are committed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

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
from rollout_bot.core.wording import amount, one_line

if TYPE_CHECKING:
    from rollout_bot.checkout import Checkout
    from rollout_bot.core.finding import Finding

_EXAMPLES = """\
examples:
  rollout-bot validate                               all rollouts of the work tree
  rollout-bot validate checkout --format json
  rollout-bot validate checkout --live               and whether it can work with the traffic that there is

Each error names file:line:column, the field, what was found and what is allowed. Only --live asks
the metrics: how long each stage needs, which cannot work, and what would. Exits with 3 if something is wrong.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "validate", run, "check policies, states and approvals in the work tree", _EXAMPLES)
    parser.add_argument("rollouts", nargs="*", metavar="NAME", help="only these rollouts (default: all)")
    parser.add_argument("--live", action="store_true", help="ask the metrics, too: can the stages work?")
    add_now(parser)
    add_format(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.checkout import Checkout

    checkout = Checkout(options.repository)
    names = options.rollouts or checkout.rollouts()
    problems = {name: checkout.problems(name) for name in names}
    findings = {name: () if problems[name] or not options.live else _live(checkout, name, options) for name in names}
    if options.format == "json":
        print_json([_document(name, problems[name], findings[name], live=options.live) for name in names])
    else:
        lines = [line for name, found in problems.items() for line in _lines(name, found)]
        say("".join(f"{line}\n" for line in lines or ("no rollouts here; begin one with: rollout-bot init NAME",)))
        _tell([each for found in findings.values() for each in found])
    wrong = any(each.level == "wrong" for found in findings.values() for each in found)
    return INVALID if wrong or any(problems.values()) else DONE


def _lines(name: str, problems: Sequence[str]) -> Iterator[str]:
    yield one_line(f"{name}: {amount(len(problems), 'problem') if problems else 'valid'}")
    yield from (f"  {one_line(each)}" for each in problems)


def _live(checkout: Checkout, name: str, options: argparse.Namespace) -> tuple[Finding, ...]:
    from rollout_bot.backtest.live import examine_live
    from rollout_bot.core.model.repository import policy_path
    from rollout_bot.tick.reading import check_policy

    policy = check_policy(checkout.content(policy_path(name), name), policy_path(name))
    return tuple(examine_live(evaluator(options, now_of(options)), policy, checkout.state(name)))


def _document(name: str, problems: tuple[str, ...], findings: tuple[Finding, ...], *, live: bool) -> dict[str, object]:
    document: dict[str, object] = {"rollout": name, "problems": list(problems)}
    if live:
        document["findings"] = [finding_document(each) for each in findings]
    return document


def _tell(findings: list[Finding]) -> None:
    if findings:
        from rollout_bot.report.findings import findings_text

        say("\n" + findings_text(findings, color=on_terminal(), width=terminal_width()))
