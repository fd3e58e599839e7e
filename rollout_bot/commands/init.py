"""`rollout-bot init`: policy, state and CODEOWNERS lines for a new rollout."""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from pathlib import Path

from rollout_bot.commands.common import Subparsers, add_dry_run, add_now, command, now_of
from rollout_bot.commands.exits import DONE, UsageError
from rollout_bot.commands.hosting import add_github, ruleset_advice, workflow_files
from rollout_bot.commands.where import git_user

_EXAMPLES = """\
examples:
  rollout-bot init checkout --owner @alice
  rollout-bot init checkout --owner @org/release-approvers --at off
  rollout-bot init checkout --owner @alice --dry-run
  rollout-bot init checkout --owner @alice --github --app 123456

Writes rollout-state/NAME/policy.yaml and state.yaml, and adds lines to CODEOWNERS. What is there already is kept.
Where the policy's first stage requires an approval a rollout starts at off, or with --at STAGE and the approval's file.
"""

_CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where forges look, in this order; the first that is there counts."""

_OWNER = re.compile(r"@[\w.-]+(/[\w.-]+)?|[^\s@]+@[^\s@]+", re.ASCII)


def add(commands: Subparsers) -> None:
    parser = command(commands, "init", run, "write the files of a new rollout", _EXAMPLES)
    parser.add_argument("rollout", metavar="NAME", help="lower-case letters, digits and dashes")
    parser.add_argument(
        "--owner",
        action="append",
        metavar="@NAME",
        help="who approves: a user, team or e-mail address; may be repeated (default: git's user.name)",
    )
    where = "where to start: the first stage, or off (default: the first that needs no approval)"
    parser.add_argument("--at", metavar="STAGE", help=where)
    add_github(parser)
    add_now(parser)
    add_dry_run(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.checkout import Checkout
    from rollout_bot.core.model.repository import is_name, policy_path

    if not is_name(options.rollout):
        raise UsageError(
            f"{options.rollout!r} cannot name a rollout; "
            "allowed: a lower-case letter, then up to 62 letters, digits and dashes"
        )
    root = Checkout(options.repository).root
    if not (root / ".git").exists():
        raise UsageError(f"{root} is no git work tree; run `git init` there first, or name one with --repository")
    written = {
        **_new_files(root, options, now_of(options)),
        **_codeowners(root, options.rollout, _owners(options)),
        **workflow_files(root, options),
    }
    for path, content in written.items():
        if not options.dry_run:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        print(f"{'would write' if options.dry_run else 'wrote'}  {path}")
    if written:
        print(f"\nNext: set the queries in {policy_path(options.rollout)}, check them with `rollout-bot validate`,")
        print("commit the files to the base branch, and run `rollout-bot tick`.")
    else:
        print("everything is there already; nothing was written")
    if options.github:
        print(ruleset_advice(options), end="")
    return DONE


def _owners(options: argparse.Namespace) -> str:
    owners = options.owner or [_default_owner(options)]
    for owner in owners:
        if not _OWNER.fullmatch(owner):
            raise UsageError(f"{owner!r} cannot own files; allowed: @user, @org/team or an e-mail address")
    return " ".join(owners)


def _default_owner(options: argparse.Namespace) -> str:
    return "@" + re.sub(r"[^\w.-]+", "-", git_user(options), flags=re.ASCII).strip("-")


def _new_files(root: Path, options: argparse.Namespace, now: datetime) -> dict[str, bytes]:
    """The files that are not there yet; the state starts at a stage of the policy that is, or will be, there."""
    from rollout_bot.core.model.policy import OFF
    from rollout_bot.core.model.repository import approval_path, policy_path, state_path
    from rollout_bot.core.model.state import Approval, start
    from rollout_bot.files.approval import write_approval
    from rollout_bot.files.policy import read_policy
    from rollout_bot.files.scaffold import policy_template
    from rollout_bot.files.state import write_state

    name = options.rollout
    files: dict[str, bytes] = {}
    policy_file = root / policy_path(name)
    text = policy_file.read_bytes() if policy_file.exists() else policy_template(name).encode()
    policy = read_policy(text, policy_path(name))
    if not policy_file.exists():
        files[policy_path(name)] = text
    stages = {stage.name: stage for stage in policy.ladder[:2]}
    first = policy.stages[0]
    stage = stages.get(options.at or (OFF if first.requires_approval else first).name)
    if stage is None:
        raise UsageError(f"--at {options.at!r}: a rollout starts at {' or '.join(stages)}")
    if not (root / state_path(name)).exists():
        state = start(name, stage, by="rollout-bot init", reason=f"starts at {stage.percentage} %", now=now)
        files[state_path(name)] = write_state(state).encode()
        marker = approval_path(name, stage.name)
        if stage.requires_approval and not (root / marker).exists():
            files[marker] = write_approval(Approval(name, stage.name, state.attempt)).encode()
    return files


def _codeowners(root: Path, rollout: str, owners: str) -> dict[str, bytes]:
    """CODEOWNERS with the missing lines at its end, where they win; empty if none is missing."""
    from rollout_bot.files.scaffold import codeowners_lines

    place = next((each for each in _CODEOWNERS if (root / each).is_file()), _CODEOWNERS[0])
    content = (root / place).read_bytes() if (root / place).is_file() else b""
    if _owned_as_it_should_be(place, content, rollout):
        return {}
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    separator = b"" if not content or content.endswith(b"\n") else newline
    lines = newline.join(line.encode() for line in codeowners_lines(owners, place).splitlines())
    return {place: content + separator + lines + newline}


def _owned_as_it_should_be(place: str, content: bytes, rollout: str) -> bool:
    """Whether nobody owns the state, and somebody the policy and the approvals: the last matching line counts."""
    from rollout_bot.core.model.repository import approval_path, policy_path, state_path
    from rollout_bot.forge.codeowners import read_owners

    owners = read_owners(place, content)
    owned = (policy_path(rollout), approval_path(rollout, "any"))
    return not owners.fault and not owners.of(state_path(rollout)) and all(owners.of(path) for path in owned)
