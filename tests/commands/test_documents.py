"""The documents say what is so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support.tools import tool

from rollout_bot.cli import main

ROOT = Path(__file__).parents[2]


def test_the_commands_are_documented_as_they_are() -> None:
    written = tool("cli_docs").document()
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == written, "run: python tools/cli_docs.py"


def test_this_repository_begins_with_guardian(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "guardian", "--repository", str(ROOT)]) == 0
    assert capsys.readouterr().out == "guardian: valid\n"
    policy = yaml.safe_load((ROOT / "rollout-state/guardian/policy.yaml").read_text())
    assert policy["metrics"]["total"] == "guardian_enforcement_total"
