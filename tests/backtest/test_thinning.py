"""Thinned traffic is what a share of the requests would have been."""

from __future__ import annotations

import math
import statistics
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from support.replays import BEGIN, QUARTER, SHORT

from rollout_bot.backtest.thinning import Thinned, binomial
from rollout_bot.core.samples import Counts, Sample


@given(trials=st.integers(0, 10**12), chance=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_draw_is_between_none_and_all(trials: int, chance: float, seed: int) -> None:
    assert 0 <= binomial(Random(seed), trials, chance) <= trials
    assert binomial(Random(seed), trials, 1.0) == trials


def test_draws_have_the_mean_the_spread_and_the_shape_of_a_binomial_count() -> None:
    random, trials, chance, draws = Random(5), 40, 0.25, 20_000
    found = [binomial(random, trials, chance) for _ in range(draws)]
    assert abs(statistics.mean(found) - trials * chance) < 4 * math.sqrt(trials * chance * 0.75 / draws)
    assert abs(statistics.variance(found) / (trials * chance * 0.75) - 1) < 4 * math.sqrt(2 / draws)
    for count in (5, 10, 15):
        share = math.comb(trials, count) * chance**count * (1 - chance) ** (trials - count)
        assert abs(found.count(count) / draws - share) < 4 * math.sqrt(share / draws)


def test_an_interval_is_drawn_alike_whoever_asks_and_unlike_its_neighbours() -> None:
    samples = [Sample(BEGIN + n * QUARTER, BEGIN + (n + 1) * QUARTER, Counts(1000.0, 100.0)) for n in range(200)]
    thinned = [Thinned(1)(each, SHORT[0]).enforced for each in samples]
    assert thinned == [Thinned(1)(each, SHORT[0]).enforced for each in samples]
    assert thinned != [Thinned(2)(each, SHORT[0]).enforced for each in samples]
    assert len(set(thinned)) > 100
    assert abs(sum(each.total for each in thinned) / 200_000 - 0.1) < 0.003
    assert abs(sum(each.failed for each in thinned) / 20_000 - 0.1) < 0.01
    assert Thinned(1)(samples[0], SHORT[2]) == samples[0]
    assert samples[0].end - samples[0].start == timedelta(minutes=15)
