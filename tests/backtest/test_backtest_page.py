"""`docs/backtest.md`: its example prints what it says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from support.actions import ROOT

from rollout_bot.cli import main, parser

PATH = ROOT / "docs/backtest.md"
PAGE = PATH.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```console\n\$ rollout-bot ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)


def _moves(text: str) -> str:
    """Without how long each thing held: a rule that needs a quarter of an hour less moves nothing."""
    return re.sub(r"^(held by|    and) .*\n", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(("command", "printed"), EXAMPLES, ids=["one", "two"])
def test_the_example_prints_what_it_says(
    command: str,
    printed: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --update-golden the page is written anew."""
    shutil.copytree(ROOT / "docs/examples/backtest", tmp_path / "example")
    monkeypatch.chdir(tmp_path / "example")
    assert main(shlex.split(command)) == 0
    found = capsys.readouterr().out
    if request.config.getoption("--update-golden"):
        page = PATH.read_text(encoding="utf-8")
        PATH.write_text(page.replace(f"{command}\n{printed}", f"{command}\n{found}"), encoding="utf-8")
    else:
        assert _moves(found) == _moves(printed)


def test_every_option_is_described() -> None:
    options = re.findall(r"^  (--[a-z-]+)", parser("backtest")._subparsers._group_actions[0].choices["backtest"].format_help(), re.MULTILINE)  # fmt: skip # noqa: E501
    assert len(options) > 10
    for option in set(options) - {"--repository", "--now", "--seed"}:
        assert f"`{option}" in PAGE, option
