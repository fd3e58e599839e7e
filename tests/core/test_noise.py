"""The estimate of overdispersion."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.evidence import poisson

from rollout_bot.core.analysis.noise import Noise, estimate
from rollout_bot.core.samples import Counts


def day(mean: float, clump: int, seed: int, requests: float = 500.0) -> list[Counts]:
    """96 intervals in which failures come `clump` at a time."""
    rng = random.Random(seed)
    return [Counts(requests, min(requests, float(clump * poisson(rng, mean / clump)))) for _ in range(96)]


def typical(mean: float, clump: int) -> float:
    factors = sorted(estimate(day(mean, clump, seed)).factor for seed in range(101))
    return factors[50]


@pytest.mark.parametrize("mean", [0.05, 0.5, 3.0, 20.0])
def test_independent_failures_are_no_noise(mean: float) -> None:
    assert typical(mean, 1) == 1.0


@pytest.mark.parametrize("clump", [3, 6])
def test_clumps_are_seen_with_a_margin(clump: int) -> None:
    assert clump * 0.9 < typical(8.0, clump) < clump * 1.6


def test_the_figure_is_the_mean_square_of_the_calmer_residuals() -> None:
    # 20 intervals of 5 ± 4 failures, one of them replaced by an incident, which is cut off.
    failures = [1.0, 9.0] * 10
    history = [Counts(100.0, each) for each in failures]
    assert estimate(history).factor == pytest.approx(1.2 * (16 / 5) / 0.52)
    assert estimate(history).requests == 100.0


def test_an_incident_is_cut_off() -> None:
    history = day(8.0, 1, seed=3)
    calm = [Counts(500.0, 8.0 + index % 3 - 1) for index in range(len(history))]
    calm[50] = Counts(500.0, 30.0)
    assert estimate(calm).factor == 1.0


def test_sparse_failures_are_grouped() -> None:
    # One failure in each interval alternates with three: even groups of two are all alike.
    history = [Counts(100.0, 1.0 + 2 * (index % 2)) for index in range(96)]
    assert estimate(history).factor == 1.0
    # Runs of eight without and eight with failures stay visible in groups of four.
    runs = [Counts(100.0, 0.0 if index // 8 % 2 else 3.0) for index in range(96)]
    assert estimate(runs).factor == pytest.approx(1.2 * 6 / 0.52)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [Counts(0.0, 0.0)] * 96,
        [Counts(500.0, 0.0)] * 96,
        [Counts(500.0, float(index % 2) * 40) for index in range(11)],
    ],
    ids=["nothing", "no traffic", "no failures", "too few intervals"],
)
def test_too_little_to_tell_is_no_noise(history: list[Counts]) -> None:
    noise = estimate(history)
    assert noise.factor == 1.0
    assert noise.excess(500.0) == 0.0


def test_what_chance_explains_is_no_noise() -> None:
    believed = sum(estimate(day(mean, 1, seed)).factor > 1 for mean in (0.5, 3.0, 20.0) for seed in range(100))
    assert believed <= 30
    assert all(estimate(day(mean, 3, seed)).factor > 1 for mean in (3.0, 20.0) for seed in range(50))


def test_it_keeps_what_is_usual() -> None:
    history = [Counts(500.0, 1.0 + index % 2) for index in range(96)]
    assert (estimate(history).usual, estimate(history).served) == (144.0, 48_000.0)
    assert estimate(history[:4]).usual == 6.0
    assert (estimate([Counts(500.0, 0.0)] * 96).usual, estimate([Counts(500.0, 0.0)] * 96).served) == (0.0, 48_000.0)


def test_small_traffic_has_smaller_clumps() -> None:
    noise = Noise(5.0, 1600.0)
    assert noise.excess(1600.0) == 4.0
    assert noise.excess(1e9) == 4.0
    assert noise.excess(100.0) == pytest.approx(2.0)
    assert noise.excess(0.0) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1e12), st.floats(0, 1)), max_size=100))
def test_always_a_finite_factor_of_at_least_one(counts: list[tuple[float, float]]) -> None:
    noise = estimate([Counts(total, total * share) for total, share in counts])
    assert math.isfinite(noise.factor)
    assert noise.factor >= 1
    assert math.isfinite(noise.excess(123.0))
