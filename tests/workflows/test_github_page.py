"""`docs/github.md` describes the action and the workflows that there are."""

from __future__ import annotations

import re

import pytest
from support.actions import ROOT, load

from rollout_bot.core.model.repository import GATE
from rollout_bot.files.workflows import FOLDER, WORKFLOWS, workflow

PAGE = (ROOT / "docs" / "github.md").read_text(encoding="utf-8")
ACTION = load(ROOT / "action.yml")
TEXTS = "".join(workflow(name, action="a/b", rollout="x") for name in WORKFLOWS)


def rows(header: str) -> list[list[str]]:
    """The rows of the table whose first cell is `header`."""
    lines = PAGE.split(f"| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_input_is_described_with_its_default() -> None:
    told = {name.strip("`"): default.strip("`") for name, default, _ in rows("input")}
    assert told == {name: each["default"] for name, each in ACTION["inputs"].items()} | {
        "github-token": "the workflow's"
    }


def test_every_output_is_described() -> None:
    assert [name.strip("`") for name, _ in rows("output")] == list(ACTION["outputs"])


def test_every_workflow_is_described() -> None:
    assert [name.strip("`") for name, *_ in rows("file")] == list(WORKFLOWS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"(?:vars|secrets)\.([A-Z_]+)", TEXTS))))
def test_every_variable_of_the_workflows_is_described(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_what_it_says_of_the_workflows_is_so() -> None:
    rollout = load(ROOT / FOLDER / "rollout.yml")
    assert rollout["on"]["repository_dispatch"]["types"] == ["rollout-tick"]
    assert "event_type=rollout-tick" in PAGE
    assert rollout["jobs"]["tick"]["environment"] == {"name": "rollout-bot", "deployment": False}
    dispatched = set(re.findall(r"-f (\w+)=", PAGE)) - {"event_type"}
    assert dispatched == set(rollout["on"]["workflow_dispatch"]["inputs"])
    assert f"`{GATE}`" in PAGE
