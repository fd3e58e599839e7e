"""Blocks of labelled lines for a terminal: the one place that knows about colours and widths."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator

from rollout_bot.core.wording import one_line

Line = tuple[str, str, str]
"""A label, a text and the style of the text; a line without a label that is bold or dim is a heading."""

_LABEL = 10
"""Columns of the label and of the space after it."""

Paint = Callable[[str, str], str]


def render(blocks: Iterable[Iterable[Line]], *, color: bool, width: int) -> str:
    """The blocks as text, one empty line between them. Text from outside cannot steer the terminal."""
    paint = _painter() if color else _plain
    lines: list[str] = []
    for index, block in enumerate(blocks):
        # The heading of the whole stands right above the first block.
        lines.extend([""] if index > 1 else [])
        lines.extend(each for line in block for each in _lines(line, width, paint))
    return "\n".join(lines) + "\n"


def _lines(line: Line, width: int, paint: Paint) -> Iterator[str]:
    label, text, style = line
    text = one_line(text)
    if not label and style in ("bold", "dim"):
        yield paint(text, style)
        return
    room = max(width - _LABEL, 20)
    wrapped = [text] if len(text) <= room else textwrap.wrap(text, room, break_on_hyphens=False)
    for index, part in enumerate(wrapped or [""]):
        shown = label if index == 0 else ""
        yield f"{paint(shown, 'dim')}{' ' * (_LABEL - len(shown))}{paint(part, style)}".rstrip()


def _plain(text: str, _style: str) -> str:
    return text


def _painter() -> Paint:
    """rich knows the codes; its tables would take a third of the time of a tick over a thousand rollouts."""
    from rich.color import ColorSystem
    from rich.style import Style

    return lambda text, style: Style.parse(style).render(text, color_system=ColorSystem.STANDARD) if text else ""
