"""Who belongs to a share: everybody at 100 %, nobody at 0 %, and in between a fair draw that only grows."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.enforcer.share import Share

NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,62}\Z")
PERCENTAGES = st.integers(0, 100)
KEYS = 20_000
ONE_IN_A_MILLION = {3: 30.7, 19: 63.7}
"""Quantiles of the chi-square distribution at 1 − 10⁻⁶, by degrees of freedom."""


@given(NAMES, st.binary(), PERCENTAGES, PERCENTAGES)
def test_it_only_grows(rollout: str, key: bytes, one: int, other: int) -> None:
    lower, higher = sorted((one, other))
    assert (key in Share(rollout, lower)) <= (key in Share(rollout, higher))


@given(NAMES, st.binary())
def test_both_ends_are_exact(rollout: str, key: bytes) -> None:
    assert key not in Share(rollout, 0)
    assert key in Share(rollout, 100)
    # No key is known whose place is the last of all.
    assert Share(rollout, 100)._below == 2**64


@pytest.mark.parametrize(
    "key",
    [
        lambda number: f"user-{number}".encode(),
        lambda number: str(number).encode(),
        lambda number: UUID(int=number << 64 | number).bytes,
        lambda number: f"{number}@example.com".encode(),
        lambda number: b"\0" * number,
    ],
    ids=["user-7", "7", "uuid", "7@example.com", "zeros"],
)
def test_the_draw_is_uniform(key: Callable[[int], bytes]) -> None:
    """Pearson's test over twenty bins of five per cent each."""
    keys = [key(number) for number in range(2_000 if key(3) == b"\0\0\0" else KEYS)]
    within = [sum(each in share for each in keys) for share in (Share("guardian", 5 * step) for step in range(21))]
    expected = len(keys) / 20
    bins = (high - low for low, high in pairwise(within))
    assert sum((found - expected) ** 2 / expected for found in bins) < ONE_IN_A_MILLION[19]


@pytest.mark.parametrize(("one", "other"), [("guardian", "checkout"), ("a", "b"), ("a", "aa"), ("new-1", "new-2")])
@pytest.mark.parametrize("percentage", [10, 50])
def test_rollouts_are_independent(one: str, other: str, percentage: int) -> None:
    """Pearson's test of the table in, out × in, out."""
    first, second = Share(one, percentage), Share(other, percentage)
    table = dict.fromkeys([(a, b) for a in (True, False) for b in (True, False)], 0)
    for number in range(KEYS):
        key = f"user-{number}".encode()
        table[key in first, key in second] += 1
    share = {True: percentage / 100, False: 1 - percentage / 100}
    expected = {cell: KEYS * share[cell[0]] * share[cell[1]] for cell in table}
    # Three cells are free: the margins come from the percentage, not from the counts.
    assert sum((table[cell] - expected[cell]) ** 2 / expected[cell] for cell in table) < ONE_IN_A_MILLION[3]


@given(NAMES, st.binary(), PERCENTAGES)
def test_other_languages_can_do_the_same(rollout: str, key: bytes, percentage: int) -> None:
    place = int.from_bytes(blake2b(rollout.encode() + b"\0" + key, digest_size=8).digest(), "big")
    assert (key in Share(rollout, percentage)) == (place < percentage * 2**64 // 100)
