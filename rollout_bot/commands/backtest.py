"""`rollout-bot backtest`: how a policy would have behaved, before it is merged."""

from __future__ import annotations

import argparse
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rollout_bot.commands.common import (
    Subparsers,
    add_format,
    add_now,
    command,
    complain,
    duration,
    evaluator,
    moment_of,
    now_of,
    on_terminal,
    print_json,
    progress_bar,
    say,
    terminal_width,
)
from rollout_bot.commands.exits import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from rollout_bot.backtest.backtest import Question
    from rollout_bot.core.replay.backtest import Backtest
    from rollout_bot.core.replay.incidents import Incident

_EXAMPLES = """\
examples:
  rollout-bot backtest checkout                      the last 90 days of the policy's own metrics
  rollout-bot backtest checkout --against base       beside the policy of the base branch
  rollout-bot backtest checkout --against strict.yaml --days 30 --picture compared.svg
  rollout-bot backtest checkout --recording metrics.csv --incident 2026-01-07T19:00:00Z/2026-01-07T20:00:00Z
  rollout-bot backtest --against base                every rollout whose policy differs from the base's
  rollout-bot backtest checkout --format json | jq '.backtests[0].transitions'

Decides as ticks would have decided every 15 minutes. Approvals are assumed. Changes nothing but its own cache.
"""


def add(commands: Subparsers) -> None:
    parser = command(commands, "backtest", run, "replay a policy over the history of its metrics", _EXAMPLES)
    parser.add_argument("rollouts", nargs="*", metavar="NAME", help="which rollouts (default: those that --against base finds changed, else all)")  # fmt: skip # noqa: E501
    add_range(parser)
    parser.add_argument(
        "--recording", type=Path, metavar="FILE", help="replay this file instead of the policy's source"
    )
    parser.add_argument("--against", metavar="FILE|base", help="compare with this policy, or the base branch's")
    parser.add_argument(
        "--incident", action="append", type=_incident, default=[], metavar="FROM/TO",
        help="when something was really wrong; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--approve-after", type=_pause, default=timedelta(0), metavar="TIME", help="how long owners take (default: 0s)"
    )
    parser.add_argument(
        "--all-traffic", action="store_true",
        help="the history is that of all traffic: give each stage its percentage of it, drawn at random",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, help="which draw, with --all-traffic (default: 1)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw it as well: .svg or .png")
    parser.add_argument("--no-cache", action="store_true", help="ask for every day anew, and keep none")
    add_now(parser)
    add_format(parser)


def add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="start", type=moment_of, metavar="TIME", help="begin at this RFC 3339 time")
    parser.add_argument("--to", dest="end", type=moment_of, metavar="TIME", help="end there (default: now)")
    parser.add_argument("--days", type=_days, metavar="N", help="as many days up to then (default: 90; of a recording, all)")  # fmt: skip # noqa: E501


def run(options: argparse.Namespace) -> int:
    from rollout_bot.backtest.backtest import Backtester, NoHistory
    from rollout_bot.backtest.compared import pairs
    from rollout_bot.metrics.store import cache_folder

    if options.start and options.days:
        raise UsageError("--from and --days both say where to begin; give one of them")
    now = now_of(options)
    chosen = list(pairs(options.repository, options.rollouts, options.against))
    if options.picture:
        _check_picture(options.picture, len(chosen))
    if not chosen:
        print("no policy differs from the base branch's" if options.against else "no rollouts here; begin one with: rollout-bot init NAME")  # fmt: skip # noqa: E501
        return DONE
    found: list[tuple[str, list[Backtest]]] = []
    with progress_bar("reading history") as progress:
        cache = None if options.no_cache else cache_folder(os.environ)
        backtester = Backtester(evaluator(options, now), _question(options), cache, progress)
        try:
            for rollout, policies in chosen:
                found.append((rollout, [backtester.run(policy, label) for label, policy in policies]))
        except NoHistory as error:
            complain(str(error))
            return FAILED
    _show(options, found)
    return DONE


def _question(options: argparse.Namespace) -> Question:
    from rollout_bot.backtest.backtest import Question

    return Question(
        options.start,
        options.end,
        options.days,
        options.approve_after,
        tuple(options.incident),
        options.seed if options.all_traffic else None,
        options.recording,
    )


def _show(options: argparse.Namespace, found: list[tuple[str, list[Backtest]]]) -> None:
    from rollout_bot.report.backtest import backtest_markdown, backtest_text
    from rollout_bot.runner import Runner

    if options.picture:
        from rollout_bot.report.picture import draw

        draw(found[0][1], options.picture)
    if options.format == "json":
        from rollout_bot.report.backtest_document import backtest_document

        print_json(backtest_document(found))
    else:
        texts = (backtest_text(*each, color=on_terminal(), width=terminal_width()) for each in found)
        say("\n".join(texts))
    runner = Runner.from_environment(os.environ)
    if runner is not None:
        runner.write_summary("\n".join(backtest_markdown(*each) for each in found))


def _check_picture(path: Path, count: int) -> None:
    """Before anything is asked for, which may take minutes."""
    if count > 1:
        raise UsageError("--picture draws one rollout; name it")
    if path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--picture {path.name!r}: allowed: a name that ends with .svg or .png")
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise UsageError("--picture needs matplotlib; install it with: pip install 'rollout-bot[pictures]'")


def _incident(text: str) -> Incident:
    from rollout_bot.core.replay.incidents import Incident

    start, _, end = text.partition("/")
    if not end:
        raise argparse.ArgumentTypeError(f"{text!r} is no span; allowed: FROM/TO, two RFC 3339 times")
    found = Incident(moment_of(start), moment_of(end))
    if found.end <= found.start:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return found


def _pause(text: str) -> timedelta:
    return timedelta(0) if text == "0s" else duration(text)


def _days(text: str) -> timedelta:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 3650):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days; allowed: 1 to 3650")
    return timedelta(days=int(text))
