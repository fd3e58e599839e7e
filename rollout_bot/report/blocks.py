"""Blocks of labelled lines for a terminal: the one place that knows about colours and widths."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rollout_bot.core.wording import one_line

Line = tuple[str, str, str]
"""A label, a text and the style of the text; a line without a label that is bold or dim is a heading."""


def render(blocks: Iterable[Iterable[Line]], *, color: bool, width: int) -> str:
    """The blocks as text, one empty line between them. Text from outside cannot steer the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        file=io.StringIO(), force_terminal=color, no_color=not color, width=width, highlight=False, emoji=False
    )
    for index, block in enumerate(blocks):
        if index > 1:
            console.print()
        table = Table.grid(padding=(0, 2))
        table.add_column(width=8, no_wrap=True)
        table.add_column()
        for label, text, style in block:
            if not label and style in ("bold", "dim"):
                console.print(Text(one_line(text), style=style))
                continue
            table.add_row(Text(label, style="dim"), Text(one_line(text), style=style))
        console.print(table)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"  # type: ignore[attr-defined]
