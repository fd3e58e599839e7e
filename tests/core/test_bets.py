"""The betting machinery against a naive computation, and against what a test martingale must be."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.analysis.bets import CLOSE, OVER, UNDER, Effects, Mixture, against_baseline, against_limit
from rollout_bot.core.samples import Counts

DAY = 96.0
LIMIT = 0.005

intervals = st.lists(
    st.tuples(st.integers(0, 800), st.floats(0, 1), st.sampled_from([0.0, 0.2, 1.5, 8.0])), min_size=1, max_size=30
)
requests = st.floats(0, 1e12)
shares = st.floats(0, 1)


def naive_log(ratio: float, limit: float, n: float, k: float, f: float) -> float:
    """The factor as the method's description has it."""
    q = ratio * limit
    if f == 0 or ratio < 1:
        return (k * math.log(q / limit) - n * (q - limit)) / (1 + f)
    z = q * (1 + f) / (limit + q * f)
    return k * math.log(z) + n * limit * math.log(z * limit / q) / f


def naive_share(effects: Effects, t: int) -> float:
    s = effects.at_once
    return s if t == 0 else (1 - s) * DAY / ((t + DAY - 1) * (t + DAY))


def naive_capital(effects: Effects, data: list[tuple[float, float, float]]) -> float:
    """Every size and every beginning on its own: the share placed then, times all factors since."""
    total = 0.0
    for ratio, weight in zip(effects.ratios, effects.weights, strict=True):
        logs = [naive_log(ratio, LIMIT, *each) for each in data]
        total += sum(naive_share(effects, t) * weight * math.exp(sum(logs[t:])) for t in range(len(data)))
    return total


def played(effects: Effects, data: list[tuple[float, float, float]], cap: float = math.inf) -> Mixture:
    mixture = Mixture(effects, per_day=DAY, cap=cap)
    for each in data:
        mixture.play(against_limit(effects.ratios, LIMIT, *each))
    return mixture


def log_negative_binomial(mean: float, excess: float, count: int) -> float:
    size = mean / excess
    log = math.lgamma(count + size) - math.lgamma(size) - math.lgamma(count + 1)
    return log - size * math.log1p(excess) + count * math.log(excess / (1 + excess))


@pytest.mark.parametrize("effects", [OVER, UNDER])
@given(data=intervals)
def test_capital_is_the_sum_over_sizes_and_beginnings(effects: Effects, data: list[tuple[int, float, float]]) -> None:
    # Rates near the limit, where no factor is steep enough to be bounded.
    mild = [(float(n), round(share * n * 0.02), f) for n, share, f in data]
    assert played(effects, mild).capital == pytest.approx(naive_capital(effects, mild), rel=1e-9)


@pytest.mark.parametrize("effects", [OVER, UNDER])
def test_the_whole_stake_is_one(effects: Effects) -> None:
    assert sum(effects.weights) == pytest.approx(1)
    idle = Mixture(effects, per_day=DAY, cap=math.inf)
    for _ in range(200_000):
        idle.play([0.0] * len(effects.weights))
    assert idle.capital == pytest.approx(1, abs=5e-4)
    assert idle.capital < 1


def log_poisson(mean: float, count: int) -> float:
    return count * math.log(mean) - mean - math.lgamma(count + 1) if mean else (0.0 if count == 0 else -math.inf)


def clumps_of(size: int, mean: float, most: int = 600) -> list[float]:
    """Chances of counts whose failures come in clumps of that size, up to a most improbable one."""
    chances = [0.0] * (most + 1)
    for clumps in range(most // size + 1):
        chances[clumps * size] = math.exp(log_poisson(mean / size, clumps))
    return chances


def mean_power(chances: list[float], log: float) -> float:
    """The mean of e^(log · count)."""
    return sum(math.exp(math.log(chance) + log * count) for count, chance in enumerate(chances) if chance > 0)


def negative_binomial(mean: float, excess: float, most: int = 600) -> list[float]:
    return [math.exp(log_negative_binomial(mean, excess, count)) for count in range(most + 1)]


@pytest.mark.parametrize("excess", [0.0, 0.4, 3.0])
@pytest.mark.parametrize("ratio", [0.02, 0.65, 1.15, 2.0, 6.0])
def test_a_bet_is_fair_at_the_limit(ratio: float, excess: float) -> None:
    n = 700.0
    chances = negative_binomial(n * LIMIT, excess) if excess else clumps_of(1, n * LIMIT)
    zero, one = (against_limit([ratio], LIMIT, n, k, excess)[0] for k in (0.0, 1.0))
    expectation = mean_power(chances, one - zero) * math.exp(zero)
    # Below the limit a bet has to stand worse clumps than these.
    assert expectation <= 1 + 1e-9
    if ratio > 1 or not excess:
        assert expectation == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("ratio", [0.02, 0.3, 0.65])
def test_a_bet_below_the_limit_is_fair_with_clumps_of_one_size(ratio: float, size: int) -> None:
    n = 2800.0
    zero, one = (against_limit([ratio], LIMIT, n, k, size - 1.0)[0] for k in (0.0, 1.0))
    expectation = mean_power(clumps_of(size, n * LIMIT), one - zero) * math.exp(zero)
    assert expectation == pytest.approx(1, rel=1e-9)


COHORTS = [(300.0, 300.0), (450.0, 50.0), (50.0, 450.0), (4.0, 1.0)]
"""Requests of the enforced cohort and of the baseline in one interval."""


def expected_factor(
    ratio: float, margin: float, sizes: tuple[float, float], chances: tuple[list[float], list[float]], excess: float
) -> float:
    """The mean of an interval's factor against the baseline, by summation over all that both cohorts may count."""
    factors = [
        against_baseline([ratio], Counts(sizes[0], k), Counts(sizes[1], j), excess)
        for k, j in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    ]
    zero, own, other = (each[0][0] for each in factors)
    assert zero == 0
    return mean_power(chances[0], own) * mean_power(chances[1], other) * math.exp(-margin * factors[0][1][0])


@pytest.mark.parametrize("rate", [0.0, 0.002, 0.03])
@pytest.mark.parametrize("sizes", COHORTS)
@pytest.mark.parametrize("ratio", [*OVER.ratios[:5], *CLOSE.ratios])
def test_a_bet_against_the_baseline_is_fair_at_any_rate_of_both(
    ratio: float, sizes: tuple[float, float], rate: float
) -> None:
    chances = clumps_of(1, sizes[0] * rate), clumps_of(1, sizes[1] * rate)
    assert expected_factor(ratio, 0.0, sizes, chances, 0.0) == pytest.approx(1, rel=1e-6)
    worse = clumps_of(1, sizes[0] * (rate + 0.001)), chances[1]
    assert expected_factor(ratio, 0.001, sizes, worse, 0.0) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("sizes", COHORTS)
@pytest.mark.parametrize("ratio", [1.15, 2.0, 3.2, *CLOSE.ratios])
def test_clumps_are_no_advantage_against_the_baseline(ratio: float, sizes: tuple[float, float], size: int) -> None:
    excess = size - 1.0
    means = sizes[0] * 0.01, sizes[1] * 0.01
    equal = clumps_of(size, means[0]), clumps_of(size, means[1])
    spread = negative_binomial(means[0], excess), negative_binomial(means[1], excess)
    for own in (equal[0], spread[0]):
        for other in (equal[1], spread[1]):
            assert expected_factor(ratio, 0.0, sizes, (own, other), excess) <= 1 + 1e-6
    # The worst of them is fair: the bet gives nothing away.
    worst = (spread[0], equal[1]) if ratio > 1 else (equal[0], spread[1])
    assert expected_factor(ratio, 0.0, sizes, worst, excess) == pytest.approx(1, rel=1e-6)


@given(n=st.floats(0, 1e12), c=st.floats(1e-3, 1e12), own=shares, other=shares, excess=st.floats(0, 1e12))
def test_no_baseline_overflows(n: float, c: float, own: float, other: float, excess: float) -> None:
    for ratios in (OVER.ratios, CLOSE.ratios):
        logs, costs = against_baseline(ratios, Counts(n, own * n), Counts(c, other * c), excess)
        assert all(math.isfinite(each) for each in (*logs, *costs))


@given(own=st.integers(0, 30), other=st.integers(0, 30))
def test_a_small_excess_leads_smoothly_to_none_against_a_baseline_too(own: int, other: int) -> None:
    given_counts = Counts(500.0, float(own)), Counts(300.0, float(other))
    for ratios in (OVER.ratios, CLOSE.ratios):
        smooth, plain = against_baseline(ratios, *given_counts, 1e-9), against_baseline(ratios, *given_counts, 0.0)
        assert smooth[0] == pytest.approx(plain[0], abs=1e-5)
        assert smooth[1] == pytest.approx(plain[1], rel=1e-5)


@given(n=st.integers(0, 2000), failed=shares, rate=st.floats(0, LIMIT), ratio=st.sampled_from(OVER.ratios))
def test_a_bet_against_health_loses_when_the_rate_is_lower(n: int, failed: float, rate: float, ratio: float) -> None:
    # The mean of the factor of n independent requests, in closed form.
    log_mean = n * math.log1p(rate * (ratio - 1)) + against_limit([ratio], LIMIT, n, 0.0, 0.0)[0]
    assert log_mean <= 1e-9


def test_a_small_excess_leads_smoothly_to_none() -> None:
    smooth = against_limit(OVER.ratios, LIMIT, 500.0, 7.0, 1e-12)
    assert smooth == pytest.approx(against_limit(OVER.ratios, LIMIT, 500.0, 7.0, 0.0))


@given(n=requests, share=shares, limit=st.floats(1e-6, 1), excess=st.floats(0, 1e12))
def test_nothing_overflows(n: float, share: float, limit: float, excess: float) -> None:
    for effects in (OVER.within(limit), UNDER.within(limit)):
        mixture = Mixture(effects, per_day=DAY, cap=1e8)
        for _ in range(3):
            mixture.play(against_limit(effects.ratios, limit, n, share * n, excess))
        assert math.isfinite(mixture.capital)
        assert 0 <= mixture.capital <= 1e8 * (1 + 1e-9)


@given(data=intervals, at=st.integers(0, 29), more=st.integers(1, 5))
def test_more_failures_raise_one_bet_and_lower_the_other(
    data: list[tuple[int, float, float]], at: int, more: int
) -> None:
    few = [(float(n), round(share * n * 0.02), f) for n, share, f in data]
    many = list(few)
    n, k, f = many[at % len(many)]
    many[at % len(many)] = (n, k + more, f)
    assert played(OVER, many).capital >= played(OVER, few).capital
    assert played(UNDER, many).capital <= played(UNDER, few).capital


@given(n=st.floats(0, 1e6), k=st.floats(0, 1e3), cut=shares)
def test_splitting_an_interval_changes_nothing_for_independent_requests(n: float, k: float, cut: float) -> None:
    whole = against_limit(OVER.ratios, LIMIT, n, k, 0.0)
    first = against_limit(OVER.ratios, LIMIT, n * cut, k * cut, 0.0)
    second = against_limit(OVER.ratios, LIMIT, n - n * cut, k - k * cut, 0.0)
    assert [a + b for a, b in zip(first, second, strict=True)] == pytest.approx(whole, rel=1e-6, abs=1e-6)


@given(data=intervals, seed=st.randoms())
def test_order_does_not_matter_to_a_bet_placed_at_once(data: list[tuple[int, float, float]], seed: object) -> None:
    at_once = Effects(OVER.ratios, OVER.weights, at_once=1.0)
    mild = [(float(n), round(share * n * 0.02), f) for n, share, f in data]
    mixed = list(mild)
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    assert played(at_once, mixed).capital == pytest.approx(played(at_once, mild).capital, rel=1e-9)


def test_each_effect_size_has_a_cap_of_its_own() -> None:
    good = [(500.0, 1.0, 0.0)]
    capped = played(UNDER, good * 40, cap=9.0)
    # Its part is that of the stake; the third size has not got there.
    parts = [min(9.0 * one.weights[0], played(one, good * 40).capital) for one in single(UNDER)]
    assert capped.capital == pytest.approx(sum(parts))
    assert parts[0] < 1e-3
    assert parts[1:] == [9.0 * 0.4, 9.0 * 0.25]


def single(effects: Effects) -> list[Effects]:
    """The same as one bet for each size, with its share of the stake."""
    pairs = zip(effects.ratios, effects.weights, strict=True)
    return [Effects((ratio,), (weight,), effects.at_once) for ratio, weight in pairs]


def test_after_a_restart_it_is_as_new() -> None:
    mixture = played(UNDER, [(500.0, 0.0, 0.0)] * 5)
    mixture.restart()
    assert mixture.capital == 0
    mixture.play(against_limit(UNDER.ratios, LIMIT, 500.0, 1.0, 0.0))
    assert mixture.capital == pytest.approx(naive_capital(UNDER, [(500.0, 1.0, 0.0)]))


def test_no_bet_expects_more_than_nine_in_ten_nor_crosses_its_limit() -> None:
    assert OVER.within(0.1).ratios == (1.15, 1.4, 2.0, 3.2, 6.0, 9.0, 9.0)
    assert OVER.within(0.95).ratios == (1.0,) * 7
    assert OVER.within(1.0).ratios == (1.0,) * 7
    assert UNDER.within(1.0) == UNDER


@given(ratio=st.floats(0.02, 0.9))
def test_half_of_a_stake_may_expect_what_is_usual(ratio: float) -> None:
    usual = UNDER.expecting(ratio)
    assert usual.ratios == (ratio, *UNDER.ratios)
    assert sum(usual.weights) == pytest.approx(1)
    assert usual.weights[0] == 0.5
