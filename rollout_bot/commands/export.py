"""`rollout-bot export`: the committed percentage in the words of what enforces it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from rollout_bot.commands.committed import add_expect_generation, committed_state
from rollout_bot.commands.common import Subparsers, command
from rollout_bot.commands.exits import DONE, UsageError
from rollout_bot.export.interface import Setting, UnfitSetting
from rollout_bot.export.registry import FORMATS

_EXAMPLES = """\
examples:
  rollout-bot export checkout --format env >> "$GITHUB_ENV"
  rollout-bot export checkout --format configmap | kubectl apply -f -
  rollout-bot export checkout --format nginx --set key='$cookie_user' > conf.d/checkout.conf
  rollout-bot export checkout --format flagd --expect-generation 7 > flags.json

Reads what `percentage` reads, and like it prints nothing on standard output where anything is wrong.
0 and 100 are exact. With flagd, nginx, unleash and launchdarkly, whoever has the change at 10 % has it at 25 %, too.
"""


def add(commands: Subparsers) -> None:
    examples = "\n".join(["formats, and the settings they take:", *_listed(), "", _EXAMPLES])
    parser = command(commands, "export", run, "print the percentage as something else reads it", examples)
    parser.add_argument("rollout", metavar="NAME", help="the rollout")
    parser.add_argument("--format", required=True, choices=tuple(FORMATS), metavar="FORMAT", help="one of those below")
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=_assignment,
        metavar="KEY=VALUE",
        help="a setting of the format; may be repeated",
    )
    add_expect_generation(parser)


def run(options: argparse.Namespace) -> int:
    state = committed_state(options)
    try:
        text = FORMATS[options.format].text(state, dict(options.settings))
    except UnfitSetting as error:
        raise UsageError(str(error)) from None
    print(text, end="")
    return DONE


def _listed() -> Iterator[str]:
    for each in FORMATS.values():
        yield f"  {each.name:<15}{each.summary}"
        yield from (f"{'':<17}{_setting(setting)}" for setting in each.settings)


def _setting(setting: Setting) -> str:
    default = {None: "", "": "; optional"}.get(setting.default, "; the rollout's if not given")
    return f"{setting.name}={setting.example}  {setting.meaning}{default}"


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} sets nothing; allowed: KEY=VALUE")
    return name, value
