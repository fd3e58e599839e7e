"""Every command that a page shows: run where it can run, otherwise at least one that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.actions import load
from support.stories import ROOT, Done, as_shown, calls, pages, play, stories

from rollout_bot.cli import parser
from rollout_bot.files.workflows import FOLDER

PAGES = pages()
STORIES = [(page, place) for page in PAGES for place in stories(page) if place]
SHOWN = sorted({(page, each.command) for page in PAGES for found in stories(page).values() for each in found})
MENTIONED = [
    (page, mention)
    for page in PAGES
    for mention in re.findall(r"`rollout-bot ([^`]+)`", re.sub(r"(?s)```.*?```", "", (ROOT / page).read_text("utf-8")))
]


def options(command: str) -> str:
    """The help of one command."""
    (commands,) = (each for each in parser(command)._actions if isinstance(each.choices, dict))
    assert commands.choices is not None
    help_text: str = commands.choices[command].format_help()  # type: ignore[call-overload]
    return help_text


@pytest.mark.parametrize(("page", "place"), STORIES)
def test_a_page_prints_what_it_says(page: str, place: str, tmp_path: Path) -> None:
    commands = stories(page)[place]
    done = play(place, commands, tmp_path)
    for shown, each in zip(commands, done, strict=True):
        assert as_shown(each, shown), f"{shown.command}\n{each.output}\ninstead of\n{shown.output}"
        fails = shown.output.startswith("rollout-bot: ")
        assert (each.code != 0) is fails, f"{shown.command}: exit code {each.code}\n{each.output}"


def test_an_output_may_be_abridged_but_not_wrong() -> None:
    (shown,) = stories("docs/quickstart.md")["empty"][-1:]
    assert shown.output.startswith("checkout: roll back quarter 25 % → off 0 %\n")
    assert as_shown(Done(shown.output + "\n", 0), shown)
    assert not as_shown(Done(shown.output.replace("25", "26"), 0), shown)


@pytest.mark.parametrize(("page", "command"), [each for each in SHOWN if "rollout-bot" in each[1]])
def test_every_command_of_the_bot_can_be_parsed(page: str, command: str) -> None:
    for arguments in calls(command, "rollout-bot"):
        known = [re.sub(r"^\$\w+$", "1", each) for each in arguments if each != "…"]
        if "--help" in known:
            options(known[0]) if known[0] != "--help" else parser()
        else:
            parser(known[0]).parse_args(known)


@pytest.mark.parametrize(("page", "mention"), MENTIONED)
def test_every_command_in_a_sentence_is_one(page: str, mention: str) -> None:
    command, *rest = mention.split()
    help_text = options(command)
    for option in [each for each in rest if each.startswith("--")]:
        assert re.search(rf"{option}\b", help_text), f"{command} has no {option}"


@pytest.mark.parametrize(("page", "command"), [each for each in SHOWN if "make" in each[1]])
def test_every_target_of_make_exists(page: str, command: str) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for arguments in calls(command, "make"):
        assert {each for each in arguments if "=" not in each} <= set(targets)


@pytest.mark.parametrize(("page", "command"), [each for each in SHOWN if "gh workflow run" in each[1]])
def test_every_run_by_hand_has_inputs_that_the_workflow_takes(page: str, command: str) -> None:
    for arguments in calls(command, "gh"):
        workflow, given = arguments[2], dict(each.split("=", 1) for each in arguments[3:] if each != "-f")
        inputs = load(ROOT / FOLDER / workflow)["on"]["workflow_dispatch"]["inputs"]
        assert set(given) <= set(inputs), workflow
        assert given.get("action", "tick") in inputs["action"]["options"]
