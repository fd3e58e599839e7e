"""Circles among rollouts that wait for each other, over any number of them."""

from __future__ import annotations

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.rollouts import policy

from rollout_bot.core.model.dependencies import faults
from rollout_bot.core.model.policy import Dependency, Policy

NAMES = "abcdef"


def named(name: str, *others: str) -> Policy:
    return replace(policy(), rollout=name, after=tuple(Dependency(other, "half") for other in others))


@given(st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True) for name in NAMES}))
def test_an_entry_is_wrong_if_and_only_if_it_leads_back(after: dict[str, list[str]]) -> None:
    reach = {name: set(others) for name, others in after.items()}
    for _ in NAMES:
        reach = {name: others.union(*(reach[other] for other in others)) for name, others in reach.items()}
    policies = {name: named(name, *others) for name, others in after.items()}
    for name, others in after.items():
        found = {fault.path: fault.found for fault in faults(policies[name], NAMES, policies.get)}
        assert set(found) == {("after", n) for n, other in enumerate(others) if name in {other, *reach[other]}}
        for text in found.values():
            way = text.removeprefix("a circle: ").split(" → ")
            assert way[0] == way[-1] == name
            assert all(step in after[before] for before, step in itertools.pairwise(way))


def test_a_long_circle_is_found_and_a_long_chain_is_none() -> None:
    names = [f"r{n}" for n in range(2000)]
    chain = {name: named(name, other) for name, other in itertools.pairwise(names)}
    assert list(faults(chain["r0"], names, chain.get)) == []
    chain["r1999"] = named("r1999", "r0")
    (fault,) = faults(chain["r0"], names, chain.get)
    assert fault.found.count("→") == 2000


def test_the_nearest_names_are_shown_and_not_a_thousand() -> None:
    names = [f"service-{n}" for n in range(1000)]
    (fault,) = faults(named("service-1", "servce-7"), names, lambda _: None)
    assert fault.allowed.startswith("service-7, ")
    assert fault.allowed.count(",") == 4
