"""The document: what was simulated, the goals, and a table of every cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from .cells import Cell
from .figures import OURS, RULES, Figures, Mean, Share
from .goals import Goal, Results, at_least, ratio

_NONE = "–"

Entry = Callable[[Cell, Figures], tuple[str, float, float]]
"""Text, figure (less is better) and standard error."""


_TEXT = """\
# How good the decisions are

Written by `python tests/benchmarks/decision_quality.py{options}`, which takes a few minutes; every figure of it is
reproducible, except the time of one decision. Rollouts are simulated, {rollouts:,} of them in {cells} cells; the
bot's own rule ([analysis.md](analysis.md)) and those that people use today see the same ones, and look every 15
minutes.

![Every cell as a dot: good rollouts rolled back, bad ones advanced, and delays](images/decision-quality.png)

## The goals

{goals}

## The rules side by side

{summary}

A rule that rolls everything back is fast. So read the speed of a rule beside the good rollouts that it takes back.

## What was simulated

- A cell names the requests of the enforced cohort an hour, the stage's limit, the error rate (before → after the
  change), the hour of the change (from the start if none is named), and the share of traffic that is enforced where
  there is a baseline cohort. Good rollouts run for two days. A stage takes 24 hours: a bad rollout has *advanced*
  when the rule calls it healthy at that point or later, while it is bad.
- *Clumps*: failures come several at a time (retries). *Variance × 4*: the failure rate changes from interval to
  interval so that counts scatter as much more. *Diurnal*: traffic swings by 70 % over the day. *Incidents*: once a
  day on average, for 30 minutes, 5 points more requests fail in both cohorts. *Hiccup*: for five minutes, everything
  enforced fails. *Unseen*: there is no history to tell the noise of the service from.
- *Bound*: what no rule with 1 % false rollbacks can beat on average, max(1 interval, ln 100 ÷ (KL(rate ‖ limit) ·
  requests an interval)) after Wald (1945) and Lorden (1971). It knows the size and the moment of the change, and takes
  failures for independent. Beside a baseline a rule can be faster, since it need only tell the rollout from that.
- Not counted as false rollbacks are hiccups, and incidents without a baseline cohort: there the enforced cohort *was*
  over its limit. The tables have them.
- ± is one standard error of the simulation (where nothing was hit, that of half a hit). **Bold** is better than the
  bot by more than two of them. ≥: some were not rolled back within the time simulated, which is what they count with.
- “None left”: all were rolled back before anything was wrong. “–”: the rule needs a baseline cohort.

The other rules are written after their documentation, with the references in `tests/benchmarks/quality/rules.py`:
*last hour* is the original specification of this bot, *failed checks* Flagger, *failure limit* Argo Rollouts,
*Mann–Whitney* Kayenta, *confidence sequence* GrowthBook, and *z-test* the textbook's, repeated at every look.

## Every cell

{tables}
"""


def document(results: Results, reached: Sequence[Goal], *, seed: int, scale: float) -> str:
    """The whole page in Markdown."""
    options = f" --seed {seed}" + (f" --scale {scale:g}" if scale != 1 else "")
    return _TEXT.format(
        options=options,
        rollouts=sum(next(iter(found.values())).early.number for found in results.values()),
        cells=len(results),
        goals=goal_table(reached),
        summary=summary(results),
        tables="\n\n".join(tables(results)),
    )


def tables(results: Results) -> Iterator[str]:
    """One section for each figure, with every cell."""
    good = {cell: found for cell, found in results.items() if cell.good}
    bad = {cell: found for cell, found in results.items() if not cell.good}
    yield "### Good rollouts rolled back within two days (%)"
    yield _table(good, lambda _cell, figures: _share(figures.early))
    yield "### Hours until a good rollout is called healthy"
    yield "In brackets the share that gets there within two days, where it is not all."
    yield _table(good, _hours)
    yield "### Bad rollouts rolled back before anything was wrong (%)"
    late = {cell: found for cell, found in bad.items() if cell.starts}
    yield _table(late, lambda _cell, figures: _share(figures.early))
    yield "### Bad rollouts advanced (%)"
    yield _table(bad, lambda _cell, figures: _share(figures.advanced))
    yield "### Intervals from the change to the rollback"
    yield _table(bad, _delay, bound=True)
    yield "### Failed requests from the change to the rollback, beyond the usual"
    yield _table(bad, lambda _cell, figures: _mean(figures.excess, figures.found))


def summary(results: Results) -> str:
    """One line for each rule."""
    heads = (
        "rule",
        "good rolled back, worst cell",
        "cells over 1 %",
        "bad advanced, worst cell",
        "cells over 0.1 %",
        "delay ÷ bound, median cell",
        "worst cell",
        "faster than ours in",
    )
    return _markdown([heads, *(_line(results, rule) for rule in RULES)])


def goal_table(found: Sequence[Goal]) -> str:
    """The goals with what was measured."""
    rows = [(each.what, f"≤ {each.goal}", each.measured, "met" if each.met else "**missed**") for each in found]
    return _markdown([("figure", "goal", "measured", ""), *rows])


def _line(results: Results, rule: str) -> list[str]:
    known = {cell: found for cell, found in results.items() if rule in found}
    fair = [found[rule].early.value for cell, found in known.items() if cell.fair]
    bad = {cell: found for cell, found in known.items() if not cell.good}
    advanced = [found[rule].advanced.value for found in bad.values() if found[rule].advanced.number]
    delays = {cell: found for cell, found in bad.items() if cell.bound < math.inf and found[rule].found.number}
    ratios = sorted(ratio(cell, found[rule]) for cell, found in delays.items())
    faster = sum(_beats(_delay(cell, found[rule]), _delay(cell, found[OURS])) for cell, found in delays.items())
    return [
        f"**{rule}**" if rule == OURS else rule,
        f"{max(fair):.1%}".replace("%", " %"),
        f"{sum(each > 0.01 for each in fair)} of {len(fair)}",
        f"{max(advanced):.1%}".replace("%", " %"),
        f"{sum(each > 0.001 for each in advanced)} of {len(advanced)}",
        f"{ratios[len(ratios) // 2]:.1f}",
        f"{ratios[-1]:.1f}",
        _NONE if rule == OURS else f"{faster} of {len(delays)}",
    ]


def _table(rows: Results, entry: Entry, *, bound: bool = False) -> str:
    heads = ["cell", *(["bound"] if bound else []), *RULES]
    return _markdown([heads, *(_row(cell, found, entry, bound=bound) for cell, found in rows.items())])


def _row(cell: Cell, found: dict[str, Figures], entry: Entry, *, bound: bool) -> list[str]:
    texts = []
    ours = entry(cell, found[OURS])
    for rule in RULES:
        each = entry(cell, found[rule]) if rule in found else (_NONE, math.nan, math.nan)
        texts.append(f"**{each[0]}**" if rule != OURS and _beats(each, ours) else each[0])
    return [cell.text, *([f"{cell.bound:,.1f}"] if bound else []), *texts]


def _beats(one: tuple[str, float, float], other: tuple[str, float, float]) -> bool:
    """Better by more than two standard errors of the difference."""
    return one[1] < other[1] - 2 * math.hypot(one[2], other[2])


def _share(share: Share) -> tuple[str, float, float]:
    if not share.number:
        return "none left", math.nan, math.nan
    return f"{share.value * 100:.1f} ± {share.error * 100:.1f}", share.value, share.error


def _hours(_cell: Cell, figures: Figures) -> tuple[str, float, float]:
    share = figures.certified
    if not share.hits:
        return "never", math.inf, 0.0
    text = f"{figures.hours.value:.2f} ± {figures.hours.error:.2f}"
    if share.hits < share.number:
        # Not comparable: those that do not get there would only make the mean worse.
        return f"{text} ({share.value * 100:.0f} %)", math.inf, 0.0
    return text, figures.hours.value, figures.hours.error


def _delay(_cell: Cell, figures: Figures) -> tuple[str, float, float]:
    return _mean(figures.delay, figures.found)


def _mean(mean: Mean, found: Share) -> tuple[str, float, float]:
    if not found.number:
        return "none left", math.nan, math.nan
    digits = 0 if mean.value >= 100 else 1
    return f"{at_least(found)}{mean.value:,.{digits}f} ± {mean.error:,.{digits}f}", mean.value, mean.error


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| --- |" + " ---: |" * (len(rows[0]) - 1), *lines[1:]])
