"""Draws the pictures of `docs/statistics.md` from the code that judges: python tools/statistics_pictures.py.

The services are made up, with a fixed seed; every bet and verdict is that of `rollout_bot.core`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.noise import Noise
from rollout_bot.core.model.policy import AnalysisSettings
from rollout_bot.core.samples import Counts, Gap, Sample
from rollout_bot.core.verdict import Outcome

FOLDER = Path(__file__).parents[1] / "docs" / "images"
QUARTER = timedelta(minutes=15)
START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LIMIT = 0.005

INK, FAINT, BLUE, RED, GREEN, AMBER, GREY = "#24292f", "#d0d7de", "#0969da", "#cf222e", "#1a7f37", "#bf8700", "#8c959f"
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "rollout-bot",
}
COLOURS = {
    Outcome.HEALTHY: GREEN,
    Outcome.REGRESSED: RED,
    Outcome.INCONCLUSIVE: FAINT,
    Outcome.UNAVAILABLE: AMBER,
    Outcome.SHARED: "#8250df",
}

Pair = tuple[int, int]
"""Requests and failures of a quarter hour."""


@dataclass(frozen=True, slots=True)
class Look:
    """How a stage stood at the end of one interval; `bets` are capitals by name."""

    hour: float
    outcome: Outcome
    bets: dict[str, float]


def service(rates: Iterable[float], requests: int, seed: int) -> list[Pair]:
    """What a service of these error rates, one for each quarter hour, counts: each request fails by itself."""
    random = np.random.default_rng(seed)
    return [(requests, int(random.binomial(requests, rate))) for rate in rates]


def watched(
    stage: Sequence[Pair | None], limit: float = LIMIT, baseline: Sequence[Pair] | None = None
) -> Iterator[Look]:
    """The stage as the bot judges it, interval by interval; None is one that could not be measured."""
    course = Course(limit, QUARTER, AnalysisSettings(), Noise(), with_baseline=baseline is not None)
    others: Sequence[Pair | None] = baseline or [None] * len(stage)
    for index, (pair, other) in enumerate(zip(stage, others, strict=True)):
        start = START + index * QUARTER
        if pair is None:
            course.gap(Gap(start, start + QUARTER, "no answer"))
        else:
            course.sample(Sample(start, start + QUARTER, Counts(*pair), Counts(*other) if other else None))
        yield Look((index + 1) / 4, course.outcome, {name: bet.capital for name, bet in course.bets.items()})


def first_regressed(looks: Iterable[Look]) -> float | None:
    """The hour of the rollback, or None."""
    return next((look.hour for look in looks if look.outcome is Outcome.REGRESSED), None)


def over_last_hour(stage: Sequence[Pair], limit: float) -> float | None:
    """When "the error rate of the last hour is over the limit", looked at every quarter hour, first says so."""
    for end in range(1, len(stage) + 1):
        hour = stage[max(0, end - 4) : end]
        if sum(failed for _, failed in hour) > limit * sum(total for total, _ in hour):
            return end / 4
    return None


STAGES = {
    "healthy: 0.1 % all day": [0.001] * 96,
    "slow: from 0.1 % to 1.2 %": [0.001] * 24 + [0.001 + 0.011 * step / 72 for step in range(72)],
    "sudden: half of all requests fail": [0.001] * 48 + [0.5] * 48,
}


def draw_bets(figure: Figure) -> None:
    columns = figure.subplots(2, 3, sharex=True, sharey="row", height_ratios=[1, 1.5])
    for column, (title, rates) in enumerate(STAGES.items()):
        rate_axes, bet_axes = columns[0][column], columns[1][column]
        stage = service(rates, 500, seed=3)
        looks = list(watched(stage))
        end = first_regressed(looks) or 24.0
        shown = [look for look in looks if look.hour <= end]
        hours = [look.hour for look in shown]
        seen = [100 * failed / total for total, failed in stage[: len(shown)]]
        rate_axes.plot(hours, [min(each, 2.5) for each in seen], ".", color=BLUE, markersize=3, clip_on=False)
        rate_axes.axhline(100 * LIMIT, color=RED, linewidth=1.2)
        rate_axes.set(title=title, ylim=(0, 2.6), xlim=(0, 24))
        bet_axes.plot(hours, [look.bets["under"] for look in shown], color=GREEN, label="evidence for health")
        bet_axes.plot(hours, [look.bets["over"] for look in shown], color=RED, label="for a regression")
        for bar, colour in ((20, GREEN), (100, RED)):
            bet_axes.axhline(bar, color=colour, linewidth=1, linestyle=":")
        bet_axes.set(yscale="log", ylim=(3e-4, 3e5), xlabel="hours since the stage began")
        for axes in (rate_axes, bet_axes):
            plain(axes)
            if end < 24:
                axes.axvline(end, color=RED, linewidth=1)
        if end < 24:
            bet_axes.text(end - 0.4, 6e4, f"rolled back\nafter {end:g} h", ha="right", va="top", color=RED)
    columns[0][0].set_ylabel("failed, %")
    columns[0][2].text(12.6, 2.42, "50 %", color=BLUE, va="center")
    columns[0][0].text(23.7, 0.56, "limit", color=RED, ha="right")
    columns[1][0].set_ylabel("capital (stake 1)")
    columns[1][0].text(23.7, 180, "100: roll back", color=RED, ha="right")
    columns[1][0].text(23.7, 13, "20: healthy", color=GREEN, ha="right", va="top")
    columns[1][0].legend(loc="center left", bbox_to_anchor=(0, 0.36), frameon=False)


@dataclass(frozen=True, slots=True)
class Fair:
    """Rollouts with nothing wrong: requests a quarter hour, the true rate, the limit."""

    title: str
    requests: int
    rate: float
    limit: float


FAIR = (
    Fair("20 requests an hour, 0.1 % fail, limit 0.5 %", 5, 0.001, 0.005),
    Fair("2,000 an hour, 0.2 % fail, limit 0.2 %", 500, 0.002, 0.002),
)
NUMBER = 400


def taken_back(fair: Fair, number: int = NUMBER) -> tuple[list[float], list[float]]:
    """When good rollouts are rolled back within two days: by the error rate of the last hour, and by the bets."""
    naive, bets = [], []
    for seed in range(number):
        stage = service([fair.rate] * 192, fair.requests, seed)
        naive.append(over_last_hour(stage, fair.limit))
        bets.append(first_regressed(watched(stage, fair.limit)))
    return [each for each in naive if each], [each for each in bets if each]


def draw_peeking(figure: Figure) -> None:
    for axes, fair in zip(figure.subplots(1, 2, sharey=True), FAIR, strict=True):
        for hours, colour, name in zip(taken_back(fair), (GREY, BLUE), ("last hour over the limit", "the bets"), strict=True):  # fmt: skip # noqa: E501
            grid = np.arange(0, 48.25, 0.25)
            share = [100 * sum(hour <= at for hour in hours) / NUMBER for at in grid]
            axes.step(grid, share, where="post", color=colour, linewidth=1.8, label=name)
            axes.annotate(f"{share[-1]:.3g} %", (48, share[-1]), (4, 0), textcoords="offset points", color=colour, va="center")  # fmt: skip # noqa: E501
        axes.axhline(1, color=RED, linewidth=1, linestyle=":")
        axes.set(title=fair.title, xlabel="hours since the stage began", xlim=(0, 48), ylim=(-2, 103))
        plain(axes)
    left = figure.axes[0]
    left.set_ylabel("good rollouts taken back, %")
    left.text(47.5, 2.5, "1 % is promised", color=RED, ha="right")
    left.legend(loc="upper left", frameon=False)


def gone(stage: Sequence[Pair], zero: bool) -> list[Pair | None]:
    """From hour 7 to hour 11 nothing can be measured; read as zero failures, or as what it is."""
    return [((pair[0], 0) if zero else None) if 28 <= index < 44 else pair for index, pair in enumerate(stage)]


def draw_gaps(figure: Figure) -> None:
    stage = service([0.001] * 32 + [0.04] * 28, 500, seed=5)
    rows = figure.subplots(3, 1, sharex=True, height_ratios=[2.2, 0.5, 0.5])
    hours = [(index + 1) / 4 for index in range(len(stage))]
    seen = [index for index in range(len(stage)) if not 28 <= index < 44]
    rates = [100 * failed / total for total, failed in stage]
    rows[0].plot(hours, rates, ".", color=FAINT, markersize=5, label="what happened")
    rows[0].plot([hours[each] for each in seen], [rates[each] for each in seen], ".", color=BLUE, label="what was measured")  # fmt: skip # noqa: E501
    rows[0].axhline(100 * LIMIT, color=RED, linewidth=1.2)
    rows[0].axvspan(7, 11, color="#fff1d6", zorder=0)
    rows[0].text(9, 5.9, "no metrics", ha="center", va="top", color=AMBER)
    rows[0].set(ylabel="failed, %", ylim=(0, 6.2), xlim=(0, 15))
    rows[0].legend(loc="upper left", frameon=False)
    plain(rows[0])
    for axes, zero, name in zip(rows[1:], (False, True), ("a gap is\na gap", "a gap is\nno failures"), strict=True):
        strip(axes, list(watched(gone(stage, zero))))
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    rows[2].set_xlabel("hours since the stage began")


def cohorts() -> tuple[list[Pair], list[Pair]]:
    """With the change and without: both have trouble at hour 10, only the change has from hour 18 on."""
    shared = [0.001] * 40 + [0.03] * 8 + [0.001] * 24
    return service([*shared, *[0.02] * 24], 500, seed=8), service([*shared, *[0.001] * 24], 4500, seed=9)


def with_and_without_baseline() -> tuple[list[Look], list[Look]]:
    enforced, others = cohorts()
    return list(watched(enforced, baseline=others)), list(watched(enforced))


def draw_baseline(figure: Figure) -> None:
    enforced, others = cohorts()
    both, alone = with_and_without_baseline()
    rows = figure.subplots(4, 1, sharex=True, height_ratios=[1.5, 1.7, 0.45, 0.45])
    hours = [look.hour for look in both]
    for pairs, colour, name in ((others, GREY, "baseline"), (enforced, BLUE, "with the change")):
        rows[0].plot(hours, [100 * failed / total for total, failed in pairs], ".", color=colour, label=name)
    rows[0].axhline(100 * LIMIT, color=RED, linewidth=1.2)
    rows[0].set(ylabel="failed, %", ylim=(0, 5), xlim=(0, 24))
    rows[0].legend(loc="upper left", frameon=False, ncols=2)
    rows[1].plot(hours, [look.bets["over"] for look in both], color=GREY, label="bet “over the limit”")
    rows[1].plot(hours, [look.bets["worse"] for look in both], color=BLUE, label="bet “worse than the baseline”")
    rows[1].axhline(100, color=RED, linewidth=1, linestyle=":")
    rows[1].set(yscale="log", ylim=(1e-3, 1e9), ylabel="capital")
    rows[1].legend(loc="upper left", frameon=False)
    for axes, looks, name in zip(rows[2:], (both, alone), ("with a\nbaseline", "without"), strict=True):
        strip(axes, looks)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    rows[3].set_xlabel("hours since the stage began")
    plain(rows[0])
    plain(rows[1])


def strip(axes: Axes, looks: Sequence[Look]) -> None:
    """The verdicts as a coloured band, up to the rollback."""
    for outcome, group in itertools.groupby(looks, key=lambda look: look.outcome):
        run = list(group)
        begin, end = run[0].hour - 0.25, run[-1].hour
        axes.axvspan(begin, end, color=COLOURS[outcome], linewidth=0)
        if end - begin > 0.09 * looks[-1].hour:
            colour = INK if outcome is Outcome.INCONCLUSIVE else "white"
            axes.text((begin + end) / 2, 0.5, str(outcome), color=colour, ha="center", va="center", fontsize=8)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def plain(axes: Axes) -> None:
    axes.grid(axis="y", color=FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


PICTURES = {
    "bets": (draw_bets, (10, 4.6)),
    "peeking": (draw_peeking, (10, 3.2)),
    "gaps": (draw_gaps, (9, 3.6)),
    "baseline": (draw_baseline, (9, 5)),
}


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, (draw, size) in PICTURES.items():
            figure = Figure(figsize=size, facecolor="white", layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure)
            # Without a date in it, the same code draws the same file.
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
