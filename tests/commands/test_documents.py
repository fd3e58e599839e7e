"""The documents say what is so."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from rollout_bot.cli import main
from rollout_bot.files.policy import read_policy

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
PAGES = sorted({"README.md", *TRACKED.split()} - set(re.findall(r"\S*golden\S*", TRACKED)))


def test_the_commands_are_documented_as_they_are() -> None:
    spec = importlib.util.spec_from_file_location("cli_docs", ROOT / "tools/cli_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs/cli.md").read_text(encoding="utf-8") == module.document(), "run: python tools/cli_docs.py"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_between_pages_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
        assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", ["docs/policy.md"])
def test_the_policies_shown_are_valid(page: str) -> None:
    examples = re.findall(r"```yaml\n(schema_version.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        read_policy(example.encode(), page)


def test_this_repository_begins_with_guardian(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "guardian", "--repository", str(ROOT)]) == 0
    assert capsys.readouterr().out == "guardian: valid\n"
    policy = yaml.safe_load((ROOT / "rollout-state/guardian/policy.yaml").read_text())
    assert policy["metrics"]["total"] == "guardian_enforcement_total"
