"""What `export` writes for flag engines, evaluated by the engines' own code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from math import sqrt
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldclient import Context, LDClient
from ldclient.config import Config
from ldclient.integrations import Files
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from support.guardian import guardian
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache

from rollout_bot.core.model.policy import Stage
from rollout_bot.core.model.state import moved
from rollout_bot.export.registry import FORMATS

NAME = "guardian"
KEYS = [f"user-{number}" for number in range(2000)]
PERCENTAGES = (0, 1, 10, 25, 50, 75, 99, 100)

Enforced = Callable[[int], set[str]]
"""The users who get the change at a percentage."""


def exported(name: str, percentage: int, **settings: str) -> Any:
    at = guardian()
    stage = Stage("any", percentage, timedelta(0), 0.01, False)
    return json.loads(FORMATS[name].text(moved(at, stage, at.change, None), settings))


def flagd(percentage: int) -> Callable[[str | None], bool]:
    """Whether a user gets the change, from flagd's own evaluator; None is one without a targeting key."""
    core = FlagdCore()
    core.set_flags(exported("flagd", percentage))

    def evaluate(user: str | None) -> bool:
        # The opposite of the flag's own default, so that a flag that does not resolve would be seen.
        return core.resolve_boolean_value(NAME, percentage < 50, EvaluationContext(user)).value

    return evaluate


@pytest.fixture(scope="module")
def unleash(tmp_path_factory: pytest.TempPathFactory) -> Enforced:
    strategy = {
        "name": "flexibleRollout",
        "parameters": {"rollout": "33", "stickiness": "default", "groupId": NAME},
        "constraints": [],
    }

    def enforced(percentage: int) -> set[str]:
        patched = jsonpatch.apply_patch(strategy, exported("unleash", percentage))
        feature = {"name": NAME, "type": "release", "enabled": True, "strategies": [patched]}
        folder = tmp_path_factory.mktemp(f"unleash-{percentage}")
        cache = FileCache("shop", directory=str(folder))
        cache.bootstrap_from_dict({"version": 2, "features": [feature]})
        client = UnleashClient(
            "http://127.0.0.1:9",
            "shop",
            cache=cache,
            disable_metrics=True,
            disable_registration=True,
            multiple_instance_mode=2,  # type: ignore[arg-type]
        )
        client.initialize_client(fetch_toggles=False)
        try:
            return {user for user in KEYS if client.is_enabled(NAME, {"userId": user})}
        finally:
            client.destroy()

    return enforced


@pytest.fixture(scope="module")
def launchdarkly(tmp_path_factory: pytest.TempPathFactory) -> Enforced:
    # As the REST API shows a flag.
    flag = {
        "key": NAME,
        "variations": [{"value": True}, {"value": False}],
        "environments": {"production": {"on": True, "salt": "2f1", "version": 7, "fallthrough": {"variation": 1}}},
    }

    def enforced(percentage: int) -> set[str]:
        patched = jsonpatch.apply_patch(flag, exported("launchdarkly", percentage, environment="production"))
        # As the SDKs are given it.
        served = {**patched["environments"]["production"], "key": NAME, "variations": [True, False], "offVariation": 1}
        path = tmp_path_factory.mktemp(f"launchdarkly-{percentage}") / "flags.json"
        path.write_text(json.dumps({"flags": {NAME: served}}))
        source = Files.new_data_source(paths=[str(path)])
        client = LDClient(Config("key", update_processor_class=source, send_events=False))
        try:
            # The opposite of what most users get, so that a flag that does not resolve would be seen.
            return {user for user in KEYS if client.variation(NAME, Context.create(user), percentage < 50)}
        finally:
            client.close()

    return enforced


def assert_share_is_right_and_only_grows(enforced: Enforced, percentages: Iterable[int] = PERCENTAGES) -> None:
    before: set[str] = set()
    for percentage in percentages:
        now = enforced(percentage)
        share = percentage / 100
        assert abs(len(now) - len(KEYS) * share) <= 4 * sqrt(len(KEYS) * share * (1 - share)), percentage
        assert before <= now, percentage
        before = now


def test_flagd_share_is_right_and_only_grows() -> None:
    def enforced(percentage: int) -> set[str]:
        decide = flagd(percentage)
        return {user for user in KEYS if decide(user)}

    assert_share_is_right_and_only_grows(enforced)


@given(st.text(min_size=1), st.integers(0, 100), st.integers(0, 100))
def test_flagd_keeps_everybody_as_the_share_grows(user: str, one: int, other: int) -> None:
    lower, higher = sorted((one, other))
    assert flagd(lower)(user) <= flagd(higher)(user)


@pytest.mark.parametrize(("percentage", "expected"), [(0, False), (50, False), (100, True)])
def test_flagd_decides_for_users_without_a_key_too(percentage: int, expected: bool) -> None:
    assert flagd(percentage)(None) is expected


def test_flagd_hashes_nobody_at_either_end() -> None:
    assert "targeting" in exported("flagd", 1)["flags"][NAME]
    assert not any("targeting" in exported("flagd", end)["flags"][NAME] for end in (0, 100))


def test_a_flagd_flag_says_where_it_comes_from() -> None:
    assert exported("flagd", 25)["flags"][NAME]["metadata"] == {"stage": "any", "generation": 3}


def test_unleash_share_is_right_and_only_grows(unleash: Enforced) -> None:
    assert_share_is_right_and_only_grows(unleash)


def test_launchdarkly_share_is_right_and_only_grows(launchdarkly: Enforced) -> None:
    assert_share_is_right_and_only_grows(launchdarkly)
