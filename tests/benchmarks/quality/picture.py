"""The picture of all cells: one dot for each cell and rule."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .figures import OURS, RULES
from .goals import Results, ratio

_OURS, _OTHERS, _LINE = "#0b6e4f", "#8a8f98", "#c0392b"
_TITLE = "Every dot is one cell: one kind of rollout, simulated hundreds of times"
_LEAST, _MOST = 0.1, 100.0
"""Delays, in bounds: what is beyond is drawn there."""


def draw(results: Results, path: Path) -> None:
    """Writes a PNG that is the same, byte for byte, for the same figures."""
    mpl.rcParams["font.size"] = 9
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    _strip(left, {rule: _early(results, rule) for rule in RULES}, "good rollouts rolled back (%)")
    _strip(middle, {rule: _advanced(results, rule) for rule in RULES}, "bad rollouts advanced (%)")
    _strip(right, {rule: _delays(results, rule) for rule in RULES}, "delay of a rollback ÷ what is possible")
    left.get_yticklabels()[0].set_fontweight("bold")
    for axes, goal in ((left, 1.0), (middle, 0.1)):
        axes.set_xscale("symlog", linthresh=0.1, linscale=0.6)
        axes.set_xlim(-0.05, 130)
        axes.set_xticks([0, 0.1, 1, 10, 100], ["0", "0.1", "1", "10", "100"])
        axes.axvline(goal, color=_LINE, linewidth=1, linestyle="--")
        axes.text(goal, -0.62, f" goal ≤ {goal:g}", color=_LINE, fontsize=8, va="center")
    right.set_xscale("log")
    right.set_xlim(0.08, 130)
    right.set_xticks([0.1, 1, 2, 5, 10, 100], ["≤ 0.1", "1", "2", "5", "10", "≥ 100"])
    right.minorticks_off()
    right.axvline(1, color=_LINE, linewidth=1, linestyle="--")
    right.text(1, -0.62, " the bound for 1 % false rollbacks", color=_LINE, fontsize=8, va="center")
    figure.suptitle(_TITLE, fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def _strip(axes: Axes, values: dict[str, list[float]], title: str) -> None:
    rng = np.random.default_rng(0)
    for row, rule in enumerate(RULES):
        colour = _OURS if rule == OURS else _OTHERS
        rows = row + rng.uniform(-0.28, 0.28, len(values[rule]))
        axes.scatter(values[rule], rows, s=15, color=colour, linewidths=0, alpha=0.6)
    axes.set_yticks(range(len(RULES)), RULES)
    axes.set_ylim(len(RULES) - 0.5, -0.9)
    axes.set_xlabel(title)
    axes.grid(axis="x", color="#e3e5e8", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _early(results: Results, rule: str) -> list[float]:
    shares = [found[rule].early.value for cell, found in results.items() if rule in found and cell.fair]
    return [100 * share for share in shares]


def _advanced(results: Results, rule: str) -> list[float]:
    found = [each[rule].advanced for cell, each in results.items() if rule in each and not cell.good]
    return [100 * share.value for share in found if share.number]


def _delays(results: Results, rule: str) -> list[float]:
    found = {cell: each[rule] for cell, each in results.items() if rule in each and cell.bound < math.inf}
    ratios = [ratio(cell, each) for cell, each in found.items() if each.found.number]
    return [min(_MOST, max(_LEAST, each)) for each in ratios]
