"""`make bench` is readable as a whole: each benchmark says what it measures, how, and what it should come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tools import tool

BENCH = tool("bench")
SCRIPTS = sorted(BENCH.FOLDER.glob("*.py"))
TEXT = '''"""How long it takes.

Method: once,
and again.
Goals: under 1 s.

More is of no concern.
"""
'''


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda each: each.stem)
def test_each_says_what_it_does_in_a_line(script: Path) -> None:
    said = BENCH.read(script)
    assert said.title.endswith(".")
    assert len(said.title) < 120
    assert len(said.method) < 120
    assert said.goal


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(BENCH, "FOLDER", tmp_path)
    (tmp_path / "good.py").write_text(TEXT + "print('0.5 s')")
    return tmp_path


def test_figures_stand_between_how_they_came_about_and_whether_they_suffice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "slow.py").write_text(TEXT + "print('2 s'); raise SystemExit(1)")
    (folder / "told.py").write_text(TEXT + "print('met'); print('MISSED: x'); print('MISSED: y')")
    assert BENCH.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("on      ")
    assert "Python 3." in " ".join(lines[:2])
    at = lines.index("1/3 good: How long it takes.")
    assert lines[at + 1 : at + 4] == ["method  once, and again.", "goal    under 1 s.", "        0.5 s"]
    assert [line.partition("   ")[0].split("  ") for line in lines[-3:]] == [
        ["good", "met"],
        ["slow", "MISSED"],
        ["told", "2 goals missed, as its page says"],
    ]


def test_some_can_be_run_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "slow.py").write_text(TEXT + "raise SystemExit(1)")
    assert BENCH.main(["good"]) == 0
    assert "slow" not in capsys.readouterr().out
    assert BENCH.main(["fast"]) == 2
    assert capsys.readouterr().err == "there is no benchmark fast; there are: good, slow\n"


def test_one_that_says_nothing_is_no_benchmark(folder: Path) -> None:
    (folder / "silent.py").write_text('"""Something."""')
    with pytest.raises(ValueError, match=r"silent\.py does not say in its docstring: Method, Goal"):
        BENCH.main([])
