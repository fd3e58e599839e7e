"""The benchmark of decisions itself: its world, the rules of others, its figures, and the page it wrote."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from benchmarks.quality.cells import DAY, Cell, cells
from benchmarks.quality.figures import OURS, RULES, Share, figures, measure
from benchmarks.quality.mann_whitney import shifted_up, significant
from benchmarks.quality.rules import HEALTHY, HOLD, ROLL_BACK, failed_checks, failure_limit, last_hour, z_test
from benchmarks.quality.world import Cohort, World, simulate

PAGE = Path(__file__).parents[2] / "docs" / "decision-quality.md"


def world(failures: list[float], *, requests: float = 500.0, cell: Cell | None = None) -> World:
    """One rollout with these failures by interval, all in its first minute."""
    cell = cell or Cell(2_000, 0.005, 0.001)
    minutes = np.zeros((2, 1, len(failures) * 15))
    minutes[0, 0, ::15] = requests
    minutes[1, 0, ::15] = failures
    return World(cell, None, Cohort(*minutes), None)


def test_the_world_is_as_the_cell_says() -> None:
    cell = Cell(2_000, 0.005, 0.004, 0.02, starts=24, share=0.25, clump=3)
    made = simulate(cell, 60, np.random.default_rng(1))
    assert made.enforced.requests.shape == (60, cell.ticks * 15)
    requests, failures = made.enforced.intervals()
    assert requests.mean() == pytest.approx(500, rel=0.02)
    assert failures[:, :DAY].sum() / requests[:, :DAY].sum() == pytest.approx(0.004, rel=0.1)
    assert failures[:, DAY:].sum() / requests[:, DAY:].sum() == pytest.approx(0.024, rel=0.05)
    # Three at a time: three times the variance of single failures.
    assert failures[:, :DAY].var() / failures[:, :DAY].mean() == pytest.approx(3, rel=0.15)
    assert made.baseline is not None
    assert made.baseline.requests.mean() / made.enforced.requests.mean() == pytest.approx(3, rel=0.02)
    assert made.baseline.failures.sum() / made.baseline.requests.sum() == pytest.approx(0.004, rel=0.1)
    assert made.history is not None
    assert made.history[0].mean() == pytest.approx(2_000, rel=0.02)


def test_rates_that_swing_scatter_as_much_as_they_say() -> None:
    made = simulate(Cell(200_000, 0.005, 0.005, swing=4), 60, np.random.default_rng(2))
    failures = made.enforced.intervals()[1]
    assert failures.var() / failures.mean() == pytest.approx(4, rel=0.1)


def test_incidents_and_hiccups_are_where_they_should_be() -> None:
    made = simulate(Cell(2_000, 0.005, 0.001, share=0.5, incidents=1), 200, np.random.default_rng(3))
    assert made.baseline is not None
    own, other = (each.intervals()[1].sum(axis=0) for each in (made.enforced, made.baseline))
    # A day has one, of half an hour at 5 points: 2,000 · 0.5 · 0.05 failures.
    assert own.sum() / 200 / 2 == pytest.approx(48 + 50, rel=0.15)
    assert other.sum() == pytest.approx(own.sum(), rel=0.05)
    together = np.corrcoef(*(each.intervals()[1].ravel() for each in (made.enforced, made.baseline)))[0, 1]
    assert together > 0.8
    hiccup = simulate(Cell(2_000, 0.005, 0.001, hiccup=True), 20, np.random.default_rng(4)).enforced
    assert ((hiccup.failures == hiccup.requests) & (hiccup.requests > 5)).sum(axis=1).tolist() == [5] * 20


def test_the_bound_is_that_of_wald() -> None:
    assert Cell(2_000, 0.005, 0.001, 0.5, starts=0).bound == 1
    slow = Cell(2_000, 0.005, 0.001, 0.01, starts=0)
    nats = 0.011 * math.log(0.011 / 0.005) + 0.989 * math.log(0.989 / 0.995)
    assert slow.bound == pytest.approx(math.log(100) / (500 * nats))
    assert Cell(2_000, 0.005, 0.001, 0.003, starts=0).bound == math.inf


def test_the_last_hour() -> None:
    # 11 of 2,000 in an hour are too many, 10 are not; silence is fine to it.
    assert last_hour(world([0, 0, 0, 10, 0, 1])).tolist() == [[HEALTHY] * 5 + [ROLL_BACK]]
    assert last_hour(world([0.0] * 3, requests=0)).tolist() == [[HEALTHY] * 3]


def test_failed_checks_and_failed_measurements_add_up() -> None:
    bad = [3.0, 0, 3, 3, 0, 3, 0, 3]
    assert failed_checks(world(bad)).tolist() == [[HOLD, HEALTHY, HOLD, HOLD, HEALTHY, HOLD, HEALTHY, ROLL_BACK]]
    assert failure_limit(world(bad))[0, 5:].tolist() == [ROLL_BACK] * 3
    assert ROLL_BACK not in failure_limit(world(bad[:5]))


def test_the_z_test() -> None:
    # (k − 2.5)/√(500 · 0.005 · 0.995) is 2.22 for 6 failures and 2.85 for 7.
    assert z_test(world([6.0])).tolist() == [[HOLD]]
    assert z_test(world([7.0])).tolist() == [[ROLL_BACK]]


def test_mann_whitney_with_ties_is_the_plain_formula() -> None:
    rng = np.random.default_rng(5)
    canary, baseline = rng.integers(0, 4, (40, 30)) / 10, rng.integers(0, 3, (40, 30)) / 10
    canary[rng.random(canary.shape) < 0.1] = np.nan
    for row, y, found in zip(canary, baseline, significant(canary, baseline), strict=True):
        x = row[~np.isnan(row)]
        u = (x[:, None] > y).sum() + (x[:, None] == y).sum() / 2
        n, m, size = len(x), len(y), len(x) + len(y)
        ties = np.unique(np.concatenate([x, y]), return_counts=True)[1].astype(float)
        deviation = math.sqrt(n * m / 12 * (size + 1 - (ties**3 - ties).sum() / (size * (size - 1))))
        assert found == ((u - n * m / 2 - 0.5) / deviation > 2.326348)
    assert 5 < significant(canary, baseline).sum() < 35


def test_mann_whitney_asks_for_a_shift_that_matters() -> None:
    rng = np.random.default_rng(6)
    baseline = rng.normal(0.01, 0.001, (1, 60))
    assert shifted_up(baseline + 0.002 + rng.normal(0, 0.0005, (1, 60)), baseline).tolist() == [True]
    assert shifted_up(baseline, baseline).tolist() == [False]
    # Most minutes have no failure: the median difference is 0, and nothing lies clearly above it.
    rare = np.zeros((1, 60))
    rare[0, :15] = 0.03
    assert significant(rare, np.zeros((1, 60))).tolist() == [True]
    assert shifted_up(rare, np.zeros((1, 60))).tolist() == [False]


def test_figures_of_a_bad_rollout() -> None:
    cell = Cell(2_000, 0.005, 0.001, 0.01, starts=1)
    made = world([0.5] * 4 + [5.5] * (cell.ticks - 4), cell=cell)
    verdicts = np.full((1, cell.ticks), HOLD, dtype=np.int8)
    verdicts[0, 6] = ROLL_BACK
    found = figures(verdicts, made)
    assert (found.early.hits, found.found.hits, found.delay.value) == (0, 1, 3.0)
    assert found.excess.value == pytest.approx(15)
    verdicts[0, 6], verdicts[0, DAY - 2] = HOLD, HEALTHY
    assert figures(verdicts, made).advanced == Share(0, 1)  # not before the day is over
    verdicts[0, DAY - 1] = HEALTHY
    late = figures(verdicts, made)
    assert (late.advanced, late.found) == (Share(1, 1), Share(0, 1))
    assert late.delay.value == cell.ticks - cell.change


def test_a_small_run_shows_what_the_page_says() -> None:
    good = measure(Cell(2_000, 0.005, 0.001, share=0.5, incidents=1), seed=7, scale=0.03)
    assert good[OURS].early.value <= 0.05
    assert good["last hour"].early.value > 0.5
    bad = measure(Cell(2_000, 0.005, 0.001, 0.05, starts=0, share=0.5), seed=7, scale=0.1)
    assert list(bad) == list(RULES)
    assert bad[OURS].found == Share(40, 40)
    assert bad[OURS].delay.value < 2
    assert measure(Cell(2_000, 0.005, 0.001), seed=7, scale=0.01) == measure(Cell(2_000, 0.005, 0.001), 7, 0.01)


def test_the_page_has_every_cell() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+/h, [^|]*) \|", text, flags=re.MULTILINE)
    for cell in cells():
        # Good ones: rolled back, hours. Bad ones: advanced, intervals, requests, and rolled back too early.
        assert rows.count(cell.text) == (2 if cell.good else 4 if cell.starts else 3), cell.text
    assert (PAGE.parent / "images" / "decision-quality.png").exists()
    assert len({cell.text for cell in cells()}) == len(cells())
