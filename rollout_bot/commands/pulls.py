"""`rollout-bot pulls`: the pull requests of the local forge, for people."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from rollout_bot.commands.common import (
    Command,
    Help,
    Subparsers,
    add_dry_run,
    add_format,
    add_now,
    command,
    evaluator,
    now_of,
    print_json,
    say,
)
from rollout_bot.commands.exits import DONE, FAILED, UsageError
from rollout_bot.commands.where import open_local
from rollout_bot.core.wording import moment, one_line

if TYPE_CHECKING:
    from rollout_bot.core.model.repository import PullRequest
    from rollout_bot.forge.local import LocalForge
    from rollout_bot.forge.local.pulls import Comment

_EXAMPLES = """\
examples:
  rollout-bot pulls list                       what is open
  rollout-bot pulls show 3                     what it changes, and what it still needs
  rollout-bot pulls approve 3 --as alice       as a code owner
  rollout-bot pulls merge 3 --as alice         under the same rules as the bot
  rollout-bot pulls close 3 --as alice --comment "not before the holidays"
"""


def add(commands: Subparsers) -> None:
    summary = "list, show, approve, merge and close pull requests of a local repository"
    parser = commands.add_parser(
        "pulls", help=summary, description=summary.capitalize() + ".", epilog=_EXAMPLES, formatter_class=Help
    )
    parts = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = command(parts, "list", _list, "list pull requests", _EXAMPLES)
    listing.add_argument("--state", choices=("open", "merged", "closed", "all"), default="open", help="(default: open)")
    showing = command(parts, "show", _show, "show one: text, reviews, what it needs, its diff", _EXAMPLES)
    showing.add_argument("number", type=_number, metavar="NUMBER", help="the pull request")
    for each in (listing, showing):
        add_now(each)
        add_format(each)
    _action(parts, "approve", _approve, "approve its present head")
    _action(parts, "merge", _merge, "judge it afresh, and merge it if owners and gate allow")
    closing = _action(parts, "close", _close, "close it without a merge: a refusal")
    closing.add_argument("--comment", default="", metavar="TEXT", help="why")


def _action(parts: Subparsers, name: str, run: Command, summary: str) -> argparse.ArgumentParser:
    parser = command(parts, name, run, summary, _EXAMPLES)
    parser.add_argument("number", type=_number, metavar="NUMBER", help="the pull request")
    parser.add_argument("--as", dest="person", metavar="NAME", help="who does it (required)")
    add_now(parser)
    add_dry_run(parser)
    return parser


def _number(text: str) -> int:
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and 0 < len(digits) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a pull request; allowed: 3 or #3")
    return int(digits)


def _list(options: argparse.Namespace) -> int:
    from rollout_bot.core.model.repository import PullState
    from rollout_bot.report.documents import pull_document

    forge = open_local(options, now_of(options))
    pulls = forge.pulls(None if options.state == "all" else PullState(options.state))
    if options.format == "json":
        print_json([pull_document(pull) for pull in pulls])
        return DONE
    lines = [
        f"#{each.number:<4} {each.state:<7} {one_line(each.title)}  ({one_line(each.branch)}, {_needs(each)})"
        for each in pulls
    ]
    nothing = "no pull requests" if options.state == "all" else f"no {options.state} pull requests"
    say("".join(f"{line}\n" for line in lines or (nothing,)))
    return DONE


def _show(options: argparse.Namespace) -> int:
    from rollout_bot.report.documents import pull_document

    forge = open_local(options, now_of(options))
    pull, comments = forge.pull(options.number), forge.comments(options.number)
    missing, diff = forge.missing(options.number), forge.diff(options.number)
    if options.format == "json":
        said = [{"by": each.by, "at": each.at.isoformat(), "text": each.text} for each in comments]
        more = {"reviewers": list(pull.reviewers), "missing": list(missing), "comments": said, "diff": diff}
        print_json({**pull_document(pull), "body": pull.body, **more})
    else:
        say(_pull_text(pull, missing, comments, diff))
    return DONE


def _pull_text(pull: PullRequest, missing: tuple[str, ...], comments: tuple[Comment, ...], diff: str) -> str:
    lines = [
        f"#{pull.number} {one_line(pull.title)}",
        f"{pull.state}, opened {moment(pull.opened_at)} by {one_line(pull.author)}, {one_line(pull.branch)}",
    ]
    if pull.closed_at:
        lines.append(f"{pull.state} {moment(pull.closed_at)} by {one_line(pull.closed_by or 'git')}")
    lines.append(f"head {pull.head}, {_needs(pull)}")
    if pull.reviewers:
        lines.append(f"review asked of {one_line(', '.join(pull.reviewers))}")
    lines.append(f"\n{_plain(pull.body)}\n" if pull.body else "")
    lines += [f"needs: {one_line(reason)}" for reason in missing]
    lines += [f"{one_line(each.by)}, {moment(each.at)}: {_plain(each.text)}" for each in comments]
    return "".join(f"{line}\n" for line in lines) + _plain(diff)


def _approve(options: argparse.Namespace) -> int:
    def act(forge: LocalForge, person: str) -> str:
        return forge.approve(options.number, person).message

    return _act(options, "approve", act)


def _merge(options: argparse.Namespace) -> int:
    if options.dry_run:
        missing = open_local(options, now_of(options)).missing(options.number)
        if missing:
            say("".join(f"needs: {one_line(reason)}\n" for reason in missing))
            return FAILED

    def act(forge: LocalForge, person: str) -> str:
        _judge_afresh(options, forge)
        forge.merge(options.number, person)
        return f"merged #{options.number}"

    return _act(options, "merge", act)


def _judge_afresh(options: argparse.Namespace, forge: LocalForge) -> None:
    """A green gate may be days old if no tick came since; what is merged is judged by what is known now."""
    from rollout_bot.tick.tick import Tick

    Tick(forge, evaluator(options, forge.now), only=frozenset()).run()


def _close(options: argparse.Namespace) -> int:
    def act(forge: LocalForge, person: str) -> str:
        changed = forge.close(options.number, person, options.comment).changed
        return f"closed #{options.number}" if changed else f"#{options.number} was closed before"

    return _act(options, "close", act)


def _act(options: argparse.Namespace, verb: str, act: Callable[[LocalForge, str], str]) -> int:
    if not options.person:
        raise UsageError(f"nobody is named; say who you are: rollout-bot pulls {verb} {options.number} --as NAME")
    forge = open_local(options, now_of(options))
    if options.dry_run:
        pull = forge.pull(options.number)
        say(f"would {verb} #{pull.number} {one_line(pull.title)} ({pull.state}) as {one_line(options.person)}\n")
    else:
        say(f"{one_line(act(forge, options.person))}\n")
    return DONE


def _needs(pull: PullRequest) -> str:
    gate = f"gate {pull.gate.state}" if pull.gate else "no gate yet"
    if pull.approvers:
        return f"{gate}, approved by {one_line(', '.join(pull.approvers))}"
    return gate if pull.owners_approved else f"{gate}, awaits a code owner"


def _plain(text: str) -> str:
    """Text from outside without what would steer a terminal."""
    return "".join(sign for sign in text if sign in "\n\t" or sign.isprintable())
