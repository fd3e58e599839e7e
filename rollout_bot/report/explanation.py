"""The tree of reasons for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from rollout_bot.core.record import TickRecord
from rollout_bot.core.tree import Reason, Status
from rollout_bot.core.wording import moment, one_line
from rollout_bot.report.documents import rollout_reason
from rollout_bot.report.terminal import next_step

if TYPE_CHECKING:
    from rich.table import Table

_WORDS = {Status.PASSED: "ok", Status.WAITING: "waits", Status.FAILED: "fails", Status.UNKNOWN: "unknown"}
_STYLES = {
    Status.PASSED: "green",
    Status.WAITING: "yellow",
    Status.FAILED: "bold red",
    Status.UNKNOWN: "bold yellow",
    Status.NOTED: "dim",
}
_WORD = 7
"""Columns of the word."""


def explanation_text(record: TickRecord, *, color: bool = False, width: int = 100) -> str:
    """The tree of each rollout as an indented list, and what comes next."""
    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

    out = io.StringIO()
    console = Console(file=out, width=width, color_system="standard" if color else None, force_terminal=color)
    console.print(Text(moment(record.now), "dim"))
    for each in record.rollouts:
        reason = rollout_reason(each)
        if reason is None or each.situation is None:
            continue
        state = each.situation.state
        console.print(Text(f"{each.rollout}  {state.stage} {state.percentage} %", "bold"))
        tree = Tree(Text(one_line(reason.text), _STYLES[reason.status]), guide_style="dim")
        _grow(tree, reason)
        console.print(tree)
        if following := next_step(each, dry_run=record.dry_run):
            console.print(Text.assemble(("next  ", "dim"), one_line(following)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _grow(tree: Any, reason: Reason) -> None:
    for child in reason.children:
        _grow(tree.add(_line(child)), child)


def _line(reason: Reason) -> Table:
    """A word for the status, and the sentence beside it, broken under its beginning."""
    from rich.table import Table
    from rich.text import Text

    word = "look" if reason.name == "call" else _WORDS.get(reason.status, "")
    name = "" if reason.name in ("call", "note") else f"{reason.name}: "
    line = Table.grid(padding=(0, 1, 0, 0))
    line.add_column(width=_WORD)
    line.add_column()
    line.add_row(Text(word, _STYLES[reason.status]), Text.assemble((name, "bold"), one_line(reason.text)))
    return line
