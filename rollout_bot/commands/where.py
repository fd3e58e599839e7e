"""Where a command runs: on which forge, and whether on a runner of GitHub Actions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from rollout_bot.commands.common import complain, say
from rollout_bot.commands.exits import UsageError

if TYPE_CHECKING:
    from rollout_bot.core.links import Links
    from rollout_bot.core.record import TickRecord
    from rollout_bot.forge.interface import Forge
    from rollout_bot.forge.local import LocalForge
    from rollout_bot.runner import Runner

_TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable


def add_forge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--forge",
        choices=("auto", "local", "github"),
        default="auto",
        help="where pull requests live (default: github on a runner of GitHub Actions, else local)",
    )


def open_local(options: argparse.Namespace, now: datetime) -> LocalForge:
    """The repository's own forge. Raises ForgeError."""
    from rollout_bot.forge.local import LocalForge

    return LocalForge(options.repository, now=now)


def open_forge(options: argparse.Namespace, now: datetime, environment: Mapping[str, str] = os.environ) -> Forge:
    """The forge that the options and the environment name. Raises ForgeError, and UsageError without a token."""
    runner = hosted(options, environment)
    if runner is None:
        return open_local(options, now)
    if not runner.token:
        raise UsageError(f"{_TOKEN} is not set; give it the workflow's token, or that of a GitHub App")
    from rollout_bot.forge.github import GitHubForge

    shard = getattr(options, "shard", None)
    return GitHubForge(
        runner.repository,
        token=runner.token,
        now=now,
        api_url=runner.api_url,
        graphql_url=runner.graphql_url,
        side_by_side=shard.of if shard else 1,
    )


def hosted(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Runner | None:
    """The runner's view of GitHub where the forge is there, wherever the command itself runs; else None."""
    from rollout_bot.runner import Runner

    if options.forge == "local":
        return None
    asked = {"GITHUB_ACTIONS": "true"} if options.forge == "github" else {}
    return Runner.from_environment({**environment, **asked})


def links_of(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> Links:
    """Addresses on the forge's website; the local forge has none."""
    from rollout_bot.core.links import Links

    runner = hosted(options, environment)
    return Links() if runner is None else Links(f"{runner.server_url}/{runner.repository}", runner.run_url)


def person(options: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> str:
    """Who asks: on GitHub whoever started the run, since a name that is merely given proves nothing.

    Raises UsageError if nobody is named.
    """
    runner = hosted(options, environment)
    if runner is not None:
        if not runner.actor or options.person:
            raise UsageError("on GitHub the actor of the run asks, as GITHUB_ACTOR names it; leave --as out")
        return runner.actor
    return options.person or git_user(options)


def git_user(options: argparse.Namespace) -> str:
    """The name in git's configuration. Raises UsageError if there is none."""
    from rollout_bot.forge.git import Git

    name = Git(options.repository).maybe("config", "--get", "user.name")
    if not name:
        raise UsageError("nobody is named; say who you are with --as NAME, or set git's user.name")
    return name


def print_report(record: TickRecord, text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Prints what people read; a runner gets its report afterwards."""
    say(text, environment)
    # On the same stream: on another one they might arrive while the runner still listens to no commands.
    report_to_runner(record, sys.stdout, environment)


def report_to_runner(record: TickRecord, stream: TextIO, environment: Mapping[str, str] = os.environ) -> None:
    """Outputs, job summary and annotations, where there is a runner to take them. Never stops a tick."""
    from rollout_bot.report.annotations import remarks
    from rollout_bot.report.outputs import outputs
    from rollout_bot.report.summary import summary
    from rollout_bot.runner import Runner, annotate

    runner = Runner.from_environment(environment)
    if runner is None:
        return
    for line in annotate(remarks(record)):
        print(line, file=stream)
    try:
        runner.write_summary(summary(record))
        runner.write_outputs(outputs(record))
    except OSError as error:
        complain(f"the runner takes no report ({error.strerror})")
