"""The geometry of the error-rate chart: from points of a trace to coordinates of an SVG picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout_bot.core.analysis.trace import Point

WIDTH, HEIGHT = 760.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 30.0, 14.0, 36.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LINES = 4
_CLOCK_TICKS = 5
_SPANS = [timedelta(minutes=m) for m in (15, 30, 60, 120, 180, 360, 720, 1440, 2880, 5760, 10080, 20160, 43200)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A label on an axis at a coordinate: `value` is a fraction on the vertical axis, a moment on the horizontal."""

    at: float
    value: float | datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """Paths in the coordinates of a `WIDTH` × `HEIGHT` picture; empty where there is nothing to draw.

    `rate` are the error rates of single points, `band` the bounds of the whole stage so far, `holes` the left edge and
    width of each span that could not be measured.
    """

    rate: str
    baseline: str
    band: str
    limit: float
    holes: tuple[tuple[float, float], ...]
    rates: tuple[Mark, ...]
    times: tuple[Mark, ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


def chart(points: Sequence[Point], limit: float) -> Chart | None:
    """The chart of a stage; None where no point has a rate."""
    if not any(point.here is not None and point.here.value is not None for point in points):
        return None
    start, end = points[0].start, points[-1].end
    step = _nice(_highest(points, limit) / _LINES)
    top = step * _LINES

    def x(moment: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((moment - start) / (end - start)), 1)

    def y(rate: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(rate / top, 1.0), 1)

    return Chart(
        rate=_line(points, x, lambda each: None if each.here is None else _at(each.here.value, y)),
        baseline=_line(points, x, lambda each: None if each.baseline is None else _at(each.baseline.value, y)),
        band=_band(points, x, y),
        limit=y(limit),
        holes=tuple((x(each.start), round(x(each.end) - x(each.start), 1)) for each in points if each.here is None),
        rates=tuple(Mark(y(step * index), step * index) for index in range(_LINES + 1)),
        times=tuple(Mark(x(moment), moment) for moment in _moments(start, end)),
    )


def _highest(points: Sequence[Point], limit: float) -> float:
    rates = [each.value for point in points for each in (point.here, point.baseline) if each is not None]
    return max(1.5 * limit, *(rate for rate in rates if rate is not None))


def _nice(step: float) -> float:
    """The smallest round number that is at least `step`."""
    size = 10.0 ** math.floor(math.log10(step))
    return next(each * size for each in _STEPS if each * size >= step * (1 - 1e-9))


def _at(rate: float | None, y: Callable[[float], float]) -> float | None:
    return None if rate is None else y(rate)


def _line(points: Sequence[Point], x: Callable[[datetime], float], height: Callable[[Point], float | None]) -> str:
    """A line in steps, broken where nothing was measured: between two points nothing is known."""
    parts: list[str] = []
    drawing = False
    for point in points:
        at = height(point)
        if at is None:
            drawing = False
            continue
        parts.append(f"{'L' if drawing else 'M'}{x(point.start):g} {at:g}H{x(point.end):g}")
        drawing = True
    return "".join(parts)


def _band(points: Sequence[Point], x: Callable[[datetime], float], y: Callable[[float], float]) -> str:
    bounded = [
        (x(each.end), y(each.upper), y(each.lower))
        for each in points
        if each.lower is not None and each.upper is not None
    ]
    if len(bounded) < 2:
        return ""
    there = "L".join(f"{at:g} {upper:g}" for at, upper, _ in bounded)
    back = "L".join(f"{at:g} {lower:g}" for at, _, lower in reversed(bounded))
    return f"M{there}L{back}Z"


def _moments(start: datetime, end: datetime) -> Iterator[datetime]:
    """Round times of day in UTC, few enough that their labels do not touch."""
    span = next((each for each in _SPANS if (end - start) / each <= _CLOCK_TICKS), _SPANS[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + -(-(start - midnight) // span) * span
    while moment <= end:
        yield moment
        moment += span
