"""The error rate of a stage as a Mermaid chart, which GitHub draws in a pull request, with the same in a table.

Nothing in it comes from outside: figures and moments only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from rollout_bot.core.analysis.trace import Point, joined
from rollout_bot.core.verdict import Rate
from rollout_bot.core.wording import count, moment, percent
from rollout_bot.report.markdown import table

MOST = 12
"""Bars whose labels do not run into each other."""

_COLOURS = '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#54aeff, #cf222e, #8250df"}}}}%%'


def rate_chart(trace: Sequence[Point], limit: float) -> str:
    """Bars of the error rate, with lines of the limit and of the upper bound; empty where nothing was measured.

    Spans that could not be measured are left out of the picture, which cannot show a hole, and named in the table.
    """
    points = joined(trace, MOST)
    drawn = [(point, point.here.value) for point in points if point.here is not None and point.here.value is not None]
    if len(drawn) < 2:
        return ""
    rates = [100 * rate for _, rate in drawn]
    bounds = [100 * (point.upper or 0.0) for point, _ in drawn]
    top = max(150 * limit, *rates)
    lines = (
        "```mermaid",
        _COLOURS,
        "xychart-beta",
        f'    x-axis "until, UTC" [{", ".join(_labels([point.end for point, _ in drawn]))}]',
        f'    y-axis "failed, %" 0 --> {_number(top)}',
        f"    bar {_list(rates)}",
        f"    line {_list([100 * limit] * len(drawn))}",
        # What is above the picture would be drawn outside of it.
        f"    line {_list([min(each, top) for each in bounds])}",
        "```",
    )
    return "\n".join(("\n".join(lines), "", _caption(points, limit), "", _twin(points)))


def _labels(ends: Sequence[datetime]) -> list[str]:
    """As short as they can be told apart: Mermaid draws two of the same name as one."""
    short = "%d %Hh" if ends[-1] - ends[0] >= timedelta(days=1) else "%H:%M"
    found = [f'"{end.astimezone(UTC):{short}}"' for end in ends]
    return found if len(set(found)) == len(found) else [f'"{end.astimezone(UTC):%d %H:%M}"' for end in ends]


def _list(values: Sequence[float]) -> str:
    return f"[{', '.join(map(_number, values))}]"


def _number(value: float) -> str:
    """To four significant digits, and never with an exponent, which Mermaid does not read."""
    return f"{float(f'{value:.4g}'):.9f}".rstrip("0").rstrip(".")


def _caption(points: Sequence[Point], limit: float) -> str:
    holes = sum(point.here is None for point in points)
    missing = f" {count(holes)} of {count(len(points))} spans were not measured." if holes else ""
    lines = f"red: the limit of {percent(limit)}; purple: what the rate since the stage began is likely below"
    return f"Blue bars: share of requests that failed; {lines}.{missing}"


def _twin(points: Sequence[Point]) -> str:
    figures = table(("until", "error rate", "failed of requests", "likely rate so far"), map(_row, reversed(points)))
    return f"<details><summary>The same as a table</summary>\n\n{figures}\n\n</details>"


def _row(point: Point) -> tuple[str, ...]:
    known = point.lower is not None and point.upper is not None
    bounds = f"{percent(point.lower or 0.0)} to {percent(point.upper or 0.0)}" if known else "–"
    return (moment(point.end), *_rate(point.here), bounds)


def _rate(here: Rate | None) -> Iterator[str]:
    if here is None:
        yield from ("not measured", "–")
    else:
        yield "no requests" if here.value is None else percent(here.value)
        yield f"{count(here.failures)} of {count(here.requests)}"
