"""What `export` writes for NGINX, in a real one: the share is counted, and nobody changes sides as it grows."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path

import pytest
from support.guardian import guardian
from support.nginx import running

from rollout_bot.export.interface import UnfitSetting
from rollout_bot.export.registry import FORMATS

STAGES = {"off": 0, "canary": 10, "quarter": 25, "half": 50, "most": 75, "full": 100}
KEYS = 1500


def enforced(folder: Path, stage: str) -> set[int]:
    """The users, by number, whom nginx sends the way of the change."""
    http = FORMATS["nginx"].text(guardian(stage), {"key": "$cookie_user"})
    with running(folder, http, 'location / { return 200 "$guardian_enforced"; }') as connection:
        found = set()
        for user in range(KEYS):
            connection.request("GET", "/", headers={"Cookie": f"user=user-{user}"})
            answer = connection.getresponse().read()
            assert answer in (b"0", b"1")
            if answer == b"1":
                found.add(user)
        return found


def test_the_share_is_right_and_only_grows(tmp_path: Path) -> None:
    before: set[int] = set()
    for stage, percentage in STAGES.items():
        now = enforced(tmp_path / stage, stage)
        share = percentage / 100
        assert abs(len(now) - KEYS * share) <= 4 * sqrt(KEYS * share * (1 - share)), stage
        assert before <= now, stage
        before = now


def test_users_of_two_rollouts_are_drawn_apart(tmp_path: Path) -> None:
    other = FORMATS["nginx"].text(replace(guardian("half"), rollout="new-search"), {"key": "${cookie_user}"})
    one = FORMATS["nginx"].text(guardian("half"), {"key": "$cookie_user"})
    place = 'location / { return 200 "$guardian_enforced$new_search_enforced"; }'
    with running(tmp_path / "nginx", one + other, place) as connection:
        both = 0
        for user in range(KEYS):
            connection.request("GET", "/", headers={"Cookie": f"user=user-{user}"})
            both += connection.getresponse().read() == b"11"
    assert abs(both - KEYS / 4) <= 4 * sqrt(KEYS * 3 / 16)


@pytest.mark.parametrize("key", ["", "user", "$", "$cookie_user;", '$a"', "$a $b", "$a\n", "${a", "$A", "$a#"])
def test_a_key_that_would_break_the_configuration_is_refused(key: str) -> None:
    with pytest.raises(UnfitSetting, match=r"allowed, for example: key='\$cookie_user'"):
        FORMATS["nginx"].text(guardian(), {"key": key})


def test_a_key_may_have_several_parts() -> None:
    text = FORMATS["nginx"].text(guardian(), {"key": "${remote_addr}-$http_x_tenant"})
    assert 'split_clients "guardian:${remote_addr}-$http_x_tenant" $guardian_enforced {' in text
