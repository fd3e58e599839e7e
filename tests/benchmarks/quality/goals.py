"""The goals, each with what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from .cells import Cell, percent
from .figures import OURS, Figures, Mean, Share

Results: TypeAlias = Mapping[Cell, Mapping[str, Figures]]


@dataclass(frozen=True)
class Goal:
    """`limit` in the unit of `figure`, which is what was measured; `measured` says it for people."""

    what: str
    goal: str
    limit: float
    figure: float
    measured: str

    @property
    def met(self) -> bool:
        return self.figure <= self.limit


def goals(results: Results, microseconds: float) -> Iterator[Goal]:
    """What the bot's own rule is held to. `microseconds` is the time of one decision for each interval."""
    ours = {cell: found[OURS] for cell, found in results.items()}
    bad = {cell: figures for cell, figures in ours.items() if not cell.good}
    early = {cell: figures.early for cell, figures in ours.items() if cell.fair}
    yield _share("good rollouts rolled back, worst cell of all", 0.01, early)
    known = {cell: share for cell, share in early.items() if cell.usual}
    yield _share("good rollouts rolled back, worst cell of a service that was seen for a day before", 0.01, known)
    advanced = {cell: figures.advanced for cell, figures in bad.items()}
    in_time = {cell: share for cell, share in advanced.items() if cell.telling}
    yield _share("bad rollouts advanced, worst cell that leaves time for twice the bound", 0.001, in_time)
    yield _share("bad rollouts advanced, worst cell of all", 0.001, advanced)
    followed = {cell: figures for cell, figures in bad.items() if figures.delay.value > 0 and cell.bound < math.inf}
    yield _ratio("delay ÷ bound, worst quiet cell, rate at least twice the limit", 2.5, followed, _clear)
    yield _ratio("delay ÷ bound, worst quiet cell of all", 6, followed, lambda cell: not cell.noisy)
    yield _ratio("delay ÷ bound, worst noisy cell, rate at least twice the limit", 4, followed, _clear_through_noise)
    late = "+1 point at 2,000/h, limit 0.5 %, from hour 20: intervals to the rollback"
    step = Cell(2_000, 0.005, 0.001, 0.01, starts=20)
    yield _mean(f"{late}, 10 % enforced, with baseline", 2.5, ours[replace(step, share=0.1)].delay)
    yield _mean(f"{late}, without baseline (the bound is {step.bound:.1f})", 2.5, ours[step].delay)
    total = Cell(20, 0.005, 0.001, 0.5, starts=0)
    yield _mean("+50 points at 20/h, limit 0.5 %: failed requests before the rollback", 4, ours[total].excess)
    yield _hours("hours to healthy, 2,000/h, 0.05 % against 0.5 %", 0.75, ours[Cell(2_000, 0.005, 0.0005)])
    beside = Cell(2_000, 0.002, 0.002, share=0.1)
    healthy = "hours to healthy, 2,000/h, 0.2 % against 0.2 %"
    yield _hours(f"{healthy}, 10 % enforced, with baseline", 8, ours[beside])
    yield _hours(f"{healthy}, half enforced, with baseline", 8, ours[replace(beside, share=0.5)])
    yield Goal("time of one decision, an interval", "30 µs", 30, microseconds, f"{microseconds:.0f} µs")


def ratio(cell: Cell, figures: Figures) -> float:
    """Mean delay in units of the bound."""
    return figures.delay.value / cell.bound


def at_least(share: Share) -> str:
    """Marks a mean that holds what was not found with the time simulated."""
    return "≥ " if share.hits < share.number else ""


def _clear(cell: Cell) -> bool:
    return not cell.noisy and cell.rate >= 2 * cell.within


def _clear_through_noise(cell: Cell) -> bool:
    return cell.noisy and cell.rate >= 2 * cell.within


def _share(what: str, limit: float, shares: Mapping[Cell, Share]) -> Goal:
    cell = max(shares, key=lambda each: shares[each].value)
    worst = shares[cell]
    if not worst.hits:
        rollouts = sum(each.number for each in shares.values())
        return Goal(what, percent(limit), limit, 0.0, f"none of {rollouts:,} rollouts in {len(shares)} cells")
    missed = sum(each.value > limit for each in shares.values())
    measured = f"{percent(worst.value, 2)} ± {percent(worst.error, 1)} ({cell.text}){_missed(missed, len(shares))}"
    return Goal(what, percent(limit), limit, worst.value, measured)


def _ratio(what: str, limit: float, found: Mapping[Cell, Figures], chosen: Callable[[Cell], bool]) -> Goal:
    ratios = {cell: ratio(cell, figures) for cell, figures in found.items() if chosen(cell)}
    cell = max(ratios, key=ratios.__getitem__)
    missed = sum(each > limit for each in ratios.values())
    worst = f"{at_least(found[cell].found)}{ratios[cell]:.1f} ± {found[cell].delay.error / cell.bound:.1f}"
    return Goal(what, f"{limit:g}", limit, ratios[cell], f"{worst} ({cell.text}){_missed(missed, len(ratios))}")


def _missed(number: int, cells: int) -> str:
    return f"; over it in {number} of {cells} cells" if number else f"; {cells} cells"


def _mean(what: str, limit: float, mean: Mean) -> Goal:
    return Goal(what, f"{limit:g}", limit, mean.value, f"{mean.value:.2f} ± {mean.error:.2f}")


def _hours(what: str, limit: float, figures: Figures) -> Goal:
    hours, share = figures.hours, figures.certified
    complete = share.hits == share.number
    measured = f"{hours.value:.2f} ± {hours.error:.2f}"
    if not complete:
        measured += f" where it got there within two days, {math.floor(share.value * 100)} % of rollouts"
    return Goal(what, f"{limit:g}", limit, hours.value if complete else math.inf, measured)
