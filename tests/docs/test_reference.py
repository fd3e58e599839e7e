"""The reference says what the schemas say, and so do the pages that are written by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.stories import ROOT, pages, tokens
from support.tools import tool

from rollout_bot.commands.schema import schema
from rollout_bot.files.policy import read_policy
from rollout_bot.files.scaffold import policy_template
from rollout_bot.metrics.registry import find

POLICY: dict[str, Any] = json.loads(schema("policy"))


def test_the_reference_is_that_of_the_schemas() -> None:
    written = tool("files_docs").document()
    assert (ROOT / "docs/files.md").read_text(encoding="utf-8") == written, "run: python tools/files_docs.py"


def told(page: str, header: str) -> dict[str, str]:
    """The defaults that a table written by hand gives, by field; several fields may share a row."""
    found = {}
    for table in (ROOT / page).read_text(encoding="utf-8").split(f"| {header} | default |")[1:]:
        for row in table.split("\n\n", 1)[0].splitlines()[2:]:
            names, default = row.split("|")[1:3]
            found |= {name: default.strip() for name in re.findall(r"`(\w+)`", names)}
    return found


def part(name: str) -> dict[str, Any]:
    found: dict[str, Any] = POLICY["properties"].get(name) or POLICY["$defs"][name]
    return found


TABLES = [
    ("docs/policy.md", "field", [POLICY, part("stage"), part("guardrail"), part("convergence")]),
    ("docs/policy.md", "`analysis`", [part("analysis")]),
    ("docs/policy.md", "`window`", [part("window")]),
    ("docs/notifications.md", "field", [part("route")]),
]


@pytest.mark.parametrize(("page", "header", "parts"), TABLES)
def test_tables_name_every_field_with_its_default(page: str, header: str, parts: list[dict[str, Any]]) -> None:
    defaults = told(page, header)
    fields = {name: each for whole in parts for name, each in whole["properties"].items()}
    assert set(fields) - {"stages"} == set(defaults)
    for name, each in fields.items():
        default = each.get("default")
        if isinstance(default, str | int | float | bool):
            text = default if isinstance(default, str) else json.dumps(default)
            assert defaults[name] == f"`{text}`", name


def fragments() -> Iterator[tuple[str, str]]:
    for page in pages():
        for token in tokens(ROOT / page):
            if token.type == "fence" and token.info == "yaml":
                yield page, token.content


@pytest.mark.parametrize(("page", "fragment"), list(fragments()))
def test_parts_of_policies_are_valid(page: str, fragment: str) -> None:
    """Any part that a page shows, put into a whole policy; other YAML at least parses."""
    found = yaml.safe_load(fragment)
    if isinstance(found, dict) and set(found) <= set(POLICY["properties"]):
        whole = yaml.safe_load(policy_template("checkout")) | found
        read_policy(yaml.safe_dump(whole).encode(), page)


@pytest.mark.parametrize("source", ["prometheus", "web"])
def test_every_setting_of_a_source_is_described_with_its_default(source: str) -> None:
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8").split(f"\n## {source}\n", 1)[1]
    table = page.split("| setting | default | meaning |", 1)[1].split("\n\n", 1)[0]
    fields: dict[str, dict[str, Any]] = find(source).schema["properties"]  # type: ignore[assignment]
    assert set(fields) <= set(re.findall(r"`(\w+)`", table))
    defaults = {row.split("|")[1].strip(" `"): row.split("|")[2].strip(" `") for row in table.splitlines()[2:]}
    for name, default in defaults.items():
        if name in fields:
            assert str(fields[name].get("default", default)) == default, name
