"""A sample of what `make chaos` does as a whole: faults in single calls of a whole life, and pairs of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.chaos.campaign import Plan, Report, hosting, live
from support.chaos.table import page


@pytest.mark.parametrize(("forge", "plan"), [("local", Plan(5, 1, 0.015)), ("GitHub", Plan(5, 1, 0.05, pairs=1))])
def test_whatever_fails_the_life_goes_on_as_if_undisturbed(forge: str, plan: Plan, tmp_path: Path) -> None:
    with hosting(forge, tmp_path / "here") as here:
        report: Report = live(here, plan)
    assert len(report.outcomes) > 10
    assert report.failures == []
    assert f"| {forge} | metrics | " in page(report, "make chaos")
