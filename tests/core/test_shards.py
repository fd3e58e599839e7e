"""Shards: every rollout in exactly one, few move when their number changes, and always the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.model.shards import MOST, WHOLE, Shard, parse_shard

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,40}", fullmatch=True)
MANY = [f"rollout-{index:04}" for index in range(2_000)]


def home(name: str, of: int) -> int:
    """The number of the one shard that holds a rollout; fails if there are more, or none."""
    (found,) = [number for number in range(1, of + 1) if Shard(number, of).holds(name)]
    return found


@given(NAMES, st.integers(1, 40))
def test_each_rollout_is_in_exactly_one(name: str, of: int) -> None:
    assert 1 <= home(name, of) <= of


@given(NAMES, st.integers(1, 40))
def test_one_more_shard_takes_rollouts_and_shuffles_none(name: str, of: int) -> None:
    assert home(name, of + 1) in (home(name, of), of + 1)


@pytest.mark.parametrize("of", [1, 2, 3, 4, 9])
def test_about_as_many_move_as_have_to(of: int) -> None:
    moved = sum(home(name, of) != home(name, of + 1) for name in MANY) / len(MANY)
    assert moved == pytest.approx(1 / (of + 1), abs=0.04)


@pytest.mark.parametrize("of", [2, 4, 8])
def test_shards_are_about_as_large_as_each_other(of: int) -> None:
    sizes = [sum(Shard(number, of).holds(name) for name in MANY) for number in range(1, of + 1)]
    assert sum(sizes) == len(MANY)
    # Five standard deviations of a fair draw.
    assert all(abs(size - len(MANY) / of) < 5 * (len(MANY) / of) ** 0.5 for size in sizes)


def test_where_a_rollout_belongs_never_changes() -> None:
    """What is deployed in several versions at once, or on several machines, must agree."""
    assert [home(name, 4) for name in ("guardian", "checkout", "search", "payments", "mail")] == [3, 4, 2, 3, 1]


def test_the_only_one_holds_everything() -> None:
    assert WHOLE.whole
    assert WHOLE.first
    assert all(WHOLE.holds(name) for name in MANY)


@pytest.mark.parametrize(
    ("text", "shard"), [("1/1", WHOLE), ("2/4", Shard(2, 4)), (f"{MOST}/{MOST}", Shard(MOST, MOST))]
)
def test_is_written_as_one_of_many(text: str, shard: Shard) -> None:
    assert parse_shard(text) == shard
    assert str(shard) == text


@pytest.mark.parametrize(
    "text", ["", "1", "1/", "/4", "0/4", "5/4", "-1/4", "1/257", "1/0", "1 / 4", "1/4\n", "١/٤", "9" * 99]
)
def test_names_what_is_allowed_for_anything_else(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: K/N with 1 ≤ K ≤ N ≤ 256"):
        parse_shard(text)
