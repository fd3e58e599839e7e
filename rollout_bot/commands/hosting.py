"""What `init --github` adds: workflows, and the rulesets that a person has to create."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rollout_bot.commands.exits import UsageError


def add_github(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--github", action="store_true", help="add the workflows, and print the rulesets to create")
    parser.add_argument(
        "--action",
        metavar="OWNER/NAME@COMMIT",
        help="the action that the workflows use (default: the commit that this command was installed from)",
    )
    parser.add_argument("--app", type=int, metavar="ID", help="the GitHub App whose gate alone counts, in the rulesets")


def workflow_files(root: Path, options: argparse.Namespace) -> dict[str, bytes]:
    """The workflows that are not there yet. Raises UsageError where it is unknown which action they should use."""
    if not options.github:
        if options.action or options.app:
            raise UsageError("--action and --app are for --github")
        return {}
    from rollout_bot.files.workflows import FOLDER, WORKFLOWS, workflow

    paths = {f"{FOLDER}/{name}": name for name in WORKFLOWS if not (root / FOLDER / name).exists()}
    action = _action(root, options.action) if paths else ""
    return {path: workflow(name, action=action, rollout=options.rollout).encode() for path, name in paths.items()}


def ruleset_advice(options: argparse.Namespace) -> str:
    """The commands that create the rulesets, to be pasted into a shell."""
    from rollout_bot.files.ruleset import branches_ruleset, ruleset

    advice = "\nThe rules hold once the default branch has this ruleset, which takes an administrator:\n"
    advice += _creating(ruleset(options.app))
    if options.app is not None:
        advice += "\nAnd with this one nobody but the App touches the bot's branches:\n"
        advice += _creating(branches_ruleset(options.app))
    return advice


def _creating(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, indent=2)
    return f"\ngh api --method POST 'repos/{{owner}}/{{repo}}/rulesets' --input - <<'END'\n{text}\nEND\n"


def _action(root: Path, given: str | None) -> str:
    from rollout_bot.files.workflows import OWN, is_pinned

    if given == OWN and (root / "action.yml").is_file():
        return OWN
    if given is not None and not is_pinned(given):
        raise UsageError(f"--action {given!r} is not pinned; allowed: OWNER/NAME@ and all 40 digits of a commit")
    action = given or _installed_from()
    if action is None:
        raise UsageError(
            "this command was not installed from a repository on GitHub, so the action is unknown; "
            "name it with --action OWNER/NAME@COMMIT"
        )
    return action


def _installed_from() -> str | None:
    """OWNER/NAME@COMMIT where pip installed the command from GitHub, as its direct_url.json says (PEP 610)."""
    from importlib.metadata import PackageNotFoundError, distribution

    from rollout_bot.files.workflows import is_pinned

    try:
        found = json.loads(distribution("rollout-bot").read_text("direct_url.json") or "{}")
        address = urlsplit(str(found["url"]))
        commit = found["vcs_info"]["commit_id"]
    except (PackageNotFoundError, ValueError, KeyError, TypeError):
        return None
    action = f"{address.path.strip('/').removesuffix('.git')}@{commit}"
    return action if address.hostname == "github.com" and is_pinned(action) else None
