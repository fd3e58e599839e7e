"""docs/statistics.md: its figures are those of the code, and so are its pictures as far as these show them."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
from support.stories import ROOT
from support.tools import tool

PAGE = re.sub(r"\s+", " ", (ROOT / "docs/statistics.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    return tool("statistics_pictures")


def test_so_many_good_rollouts_are_taken_back(pictures: ModuleType) -> None:
    few, many = ([len(each) / pictures.NUMBER for each in pictures.taken_back(fair)] for fair in pictures.FAIR)
    assert f"takes back {few[0]:.0%}".replace("%", " %") in PAGE
    assert many[0] == 1.0
    assert f"{100 * few[1]:g} % and {100 * many[1]:g} %" in PAGE
    assert f"{pictures.NUMBER} of each kind" in PAGE


def test_so_late_they_are_found(pictures: ModuleType) -> None:
    looks = [list(pictures.watched(pictures.service(rates, 500, seed=3))) for rates in pictures.STAGES.values()]
    healthy, slow, sudden = map(pictures.first_regressed, looks)
    assert healthy is None
    assert f"At {slow:g} h the doubter has won" in PAGE
    assert f"at {sudden:g} h it is rolled back" in PAGE


def test_a_gap_holds_and_zeros_do_not(pictures: ModuleType) -> None:
    stage = pictures.service([0.001] * 32 + [0.04] * 28, 500, seed=5)
    gap, zeros = (list(pictures.watched(pictures.gone(stage, zero)))[35].outcome for zero in (False, True))
    assert (str(gap), str(zeros)) == ("unavailable", "healthy")


def test_shared_trouble_is_told_from_a_regression(pictures: ModuleType) -> None:
    both, alone = pictures.with_and_without_baseline()
    assert pictures.first_regressed(alone) < 11
    assert str(both[43].outcome) == "shared"
    assert 18 < pictures.first_regressed(both) <= 18.5


def test_there_is_a_picture_for_each(pictures: ModuleType) -> None:
    assert re.findall(r"images/(\w+)\.svg", PAGE) == ["peeking", "bets", "gaps", "baseline"]
    for name in pictures.PICTURES:
        assert (pictures.FOLDER / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
