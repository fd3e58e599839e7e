"""docs/security.md: every test that it names is there."""

from __future__ import annotations

import re

import pytest
from support.stories import ROOT


def test_every_named_test_is_there() -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", page)
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(encoding="utf-8"), f"{path}::{name}"


@pytest.mark.parametrize("table", ["threat", "way"])
def test_every_threat_has_a_test(table: str) -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    rows = page.split(f"| {table} |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(rows) > 15
    assert all("::test_" in row for row in rows)
