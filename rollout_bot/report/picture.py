"""Backtests as a picture: error rate, limit and stage over time, one pair of panels for each policy.

Needs matplotlib, the extra `pictures`; it is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollout_bot.core.analysis.bounds import wilson
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.replay.backtest import Backtest
from rollout_bot.core.samples import Sample
from rollout_bot.core.verdict import Rate
from rollout_bot.core.wording import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 300
"""More stretches than that leave no line that can be read."""

_INK, _FAINT = "#24292f", "#d0d7de"
_RATE, _LIMIT, _STAGE, _INCIDENT = "#0969da", "#cf222e", "#54aeff", "#fff1d6"
_UP, _DOWN = "#1a7f37", "#cf222e"
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    # A dollar sign in somebody's text is no formula.
    "text.parse_math": False,
    "svg.hashsalt": "rollout-bot",
}


@dataclass(frozen=True, slots=True)
class _Point:
    """The error rate, in per cent, of a stretch around `at`, with its bounds (95 %)."""

    at: float
    value: float
    lower: float
    upper: float


def _days(at: datetime) -> float:
    """A moment as matplotlib counts: days since 1970."""
    return at.timestamp() / 86_400


def draw(backtests: Sequence[Backtest], path: Path) -> None:
    """Writes an SVG or PNG file, as its name says. Raises OSError."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 0.6 + 3.9 * len(backtests)), facecolor="white", layout="constrained")
        FigureCanvasAgg(figure)
        rows = figure.subplots(2 * len(backtests), 1, sharex=True, height_ratios=[3, 1.3] * len(backtests))
        for index, each in enumerate(backtests):
            rates, stages = rows[2 * index], rows[2 * index + 1]
            _draw_rates(rates, each)
            _draw_stages(stages, each)
            rates.set_title(one_line(_title(each)), loc="left", fontweight="bold")
        _date_axis(rows[-1], backtests)
        handles, labels = rows[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False)
        # Without a date in it, the same backtest gives the same file.
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)


def _title(backtest: Backtest) -> str:
    return f"{backtest.replay.policy.rollout}: {backtest.label}"


def _draw_rates(axes: Axes, backtest: Backtest) -> None:
    hours = max(1, -(-(backtest.replay.end - backtest.replay.start) // timedelta(hours=_POINTS)))
    points = list(_points(backtest, timedelta(hours=hours)))
    limits = [(stay, stay.stage.max_error_rate * 100) for stay in backtest.replay.stays if stay.stage != OFF]
    # Beyond it there is nothing to compare: a bad hour would press everything else to the ground.
    top = min(3.0 * max(limit for _, limit in limits), 1.15 * max([point.upper for point in points], default=1.0))
    top = max(top, 1.3 * max(limit for _, limit in limits))
    _draw_moves(axes, backtest)
    at = [point.at for point in points]
    bounds = [point.lower for point in points], [point.upper for point in points]
    axes.fill_between(at, *bounds, color=_RATE, alpha=0.18, linewidth=0, label="bounds (95 %)")
    axes.plot(at, [point.value for point in points], color=_RATE, linewidth=1.2, label=f"error rate, {hours} h each")
    beyond = [point.at for point in points if point.value > top]
    axes.plot(beyond, [top * 0.97] * len(beyond), "^", color=_RATE, markersize=5)
    for index, (stay, limit) in enumerate(limits):
        name = "limit" if index == 0 else "_"
        axes.plot([_days(stay.start), _days(stay.end)], [limit, limit], color=_LIMIT, linewidth=1.6, label=name)
    axes.set_ylim(0, top)
    axes.set_ylabel("failed requests, %")
    _plain(axes)


def _draw_stages(axes: Axes, backtest: Backtest) -> None:
    found = backtest.replay
    _draw_moves(axes, backtest)
    whole = found.end - found.start
    for stay in found.stays:
        height = [stay.stage.percentage] * 2
        axes.fill_between([_days(stay.start), _days(stay.end)], height, color=_STAGE, alpha=0.35, linewidth=0)
        axes.plot([_days(stay.start), _days(stay.end)], height, color=_STAGE, linewidth=1.6)
        name = one_line(f"{stay.stage.name} {stay.stage.percentage} %")
        if (stay.end - stay.start) / whole > 0.0065 * len(name):
            axes.annotate(
                name,
                (_days(stay.start), stay.stage.percentage),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=8,
            )
    axes.set_ylim(0, 135)
    axes.set_yticks([0, 50, 100])
    axes.set_ylabel("traffic, %")
    _plain(axes)


def _draw_moves(axes: Axes, backtest: Backtest) -> None:
    for incident in backtest.incidents:
        axes.axvspan(_days(incident.start), _days(incident.end), color=_INCIDENT, linewidth=0, zorder=0)
    names = set()
    for each in backtest.replay.transitions:
        name = "rollback" if each.down else "advance"
        label = "_" if name in names else name
        names.add(name)
        color = _DOWN if each.down else _UP
        axes.axvline(_days(each.at), color=color, linewidth=1, linestyle="--" if each.down else ":", label=label)


def _plain(axes: Axes) -> None:
    axes.grid(visible=True, axis="y", color=_FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _date_axis(axes: Axes, backtests: Sequence[Backtest]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
    start, end = min(each.replay.start for each in backtests), max(each.replay.end for each in backtests)
    axes.set_xlim(_days(start), _days(end))
    axes.set_xlabel("UTC")


def _points(backtest: Backtest, stretch: timedelta) -> Iterator[_Point]:
    found, history = backtest.replay, backtest.history
    samples = [each for each in history.entries[history.first(found.start) : history.shown(found.end)] if isinstance(each, Sample)]  # fmt: skip # noqa: E501
    stretches: dict[int, Rate] = {}
    for sample in samples:
        number = (sample.start - found.start) // stretch
        so_far = stretches.get(number, Rate(0.0, 0.0))
        stretches[number] = Rate(so_far.requests + sample.enforced.total, so_far.failures + sample.enforced.failed)
    for number, rate in stretches.items():
        bounds = wilson(rate, 1.0)
        if rate.value is not None and bounds is not None:
            at = found.start + number * stretch + stretch / 2
            yield _Point(_days(at), 100 * rate.value, 100 * bounds[0], 100 * bounds[1])
