"""A real Pushgateway takes the metrics, rollout by rollout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests
from support.pushgateway import pushgateway
from support.rollouts import CANARY, HALF, HOUR, NOW, situation, state, up

from rollout_bot.core.model.history import Transition
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord
from rollout_bot.publish.interface import Unpublished
from rollout_bot.publish.pushgateway import Pushgateway

BEGUN = Transition(state(CANARY), NOW, "c")
RISEN = Transition(up(state(CANARY), HALF), NOW, "d")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pushgateway(tmp_path_factory.mktemp("gateway")) as address:
        yield address


def observed(name: str, *changes: Transition) -> Observation:
    return Observation(RolloutRecord(name, situation()), changes, NOW)


def exposed(gateway: str) -> list[str]:
    return requests.get(f"{gateway}/metrics", timeout=10).text.splitlines()


def test_each_rollout_is_a_group_that_is_replaced_as_a_whole(gateway: str) -> None:
    there = Pushgateway(gateway)
    there.publish([observed("checkout", BEGUN), observed("rate-limits", BEGUN)])
    labels = 'instance="",job="rollout-bot",rollout="checkout"'
    assert f"checkout_rollout_percentage{{{labels}}} 10" in exposed(gateway)
    assert any(line.startswith('rate_limits_rollout_percentage{instance="",job="rollout') for line in exposed(gateway))

    there.publish([observed("checkout", RISEN, BEGUN)])
    assert f"checkout_rollout_percentage{{{labels}}} 50" in exposed(gateway)
    advanced = 'checkout_rollout_advancement_total{instance="",job="rollout-bot",rollout="checkout",to_stage="half"} 1'
    assert advanced in exposed(gateway)
    assert any(line.startswith("rate_limits_rollout_percentage") for line in exposed(gateway))

    broken = replace(observed("checkout"), record=RolloutRecord("checkout", problems=("broken",)))
    there.publish([broken])
    assert not [line for line in exposed(gateway) if line.startswith("checkout_rollout_percentage")]


def test_many_rollouts_are_pushed_side_by_side(gateway: str) -> None:
    Pushgateway(gateway).publish([observed(f"r-{number}", BEGUN) for number in range(40)])
    assert len([line for line in exposed(gateway) if line.startswith("r_") and "_rollout_percentage{" in line]) == 40


def test_no_rollout_is_always_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[str] = []
    monkeypatch.setattr("prometheus_client.push_to_gateway", lambda *_, grouping_key, **__: pushed.append(
        grouping_key["rollout"]))  # fmt: skip
    monkeypatch.setattr("rollout_bot.publish.pushgateway.AT_ONCE", 1)
    names = [f"r-{number}" for number in range(10)]
    last = set()
    for hour in range(12):
        pushed.clear()
        Pushgateway("http://127.0.0.1:1").publish([replace(observed(name), now=NOW + hour * HOUR) for name in names])
        assert sorted(pushed) == sorted(names)
        last.add(pushed[-1])
    assert len(last) > 3


def test_what_the_gateway_refuses_is_told(gateway: str) -> None:
    with pytest.raises(Unpublished, match=r"^the Pushgateway did not take the metrics of 2 rollouts: the server answ"):
        Pushgateway(f"{gateway}/nowhere").publish([observed("one", BEGUN), observed("two", BEGUN)])


def test_host_and_port_are_an_address(gateway: str) -> None:
    Pushgateway(gateway.removeprefix("http://")).publish([observed("short", BEGUN)])
    assert any(line.startswith("short_rollout_percentage") for line in exposed(gateway))


def test_a_bug_is_told_like_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prometheus_client.push_to_gateway", None)
    with pytest.raises(Unpublished, match="of 1 rollout: bug in the bot"):
        Pushgateway("http://127.0.0.1:1").publish([observed("one", BEGUN)])


def test_nothing_is_pushed_for_no_rollouts() -> None:
    Pushgateway("http://127.0.0.1:1").publish([])
