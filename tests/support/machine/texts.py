"""Policies and states as people write them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import strategies as st

from rollout_bot.core.model.repository import approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, ChangeKind, State
from rollout_bot.files.approval import write_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.state import write_state
from support.repositories import START
from support.rollouts import change

NAMES = ("checkout", "search")
"""The rollouts; the second one may wait for the first."""

STAGES = st.tuples(st.integers(1, 100), st.integers(0, 5), st.booleans())
LADDERS = st.lists(STAGES, min_size=1, max_size=4, unique_by=lambda each: each[0]).map(sorted)
"""Percentage, hours, and whether an owner has to approve, of each stage."""

Ladder = list[tuple[int, int, bool]]

_HOURS = st.sampled_from([["00:00-12:00"], ["20:00-08:00"], ["09:00-12:00", "13:00-24:00"]])
_WINDOW = st.fixed_dictionaries(
    {"zone": st.sampled_from(["UTC", "Europe/Berlin"]), "hours": _HOURS},
    optional={"days": st.just(["mon", "tue", "wed", "thu", "fri"])},
)
FIELDS = st.fixed_dictionaries(
    {
        "rollback_on_error": st.sampled_from([True, True, True, False]),
        "cooldown": st.integers(0, 12).map("{}h".format),
        "cooldown_backoff": st.sampled_from([1, 2, 3.5]),
        "max_rollbacks": st.integers(0, 3),
        "merge_on_approval": st.booleans(),
        "window": st.none() | st.none() | _WINDOW,
    }
)
"""What of a policy may change on the way."""

BROKEN = (b"", b"\xff\x00", b"<<<<<<< HEAD\n", b"rollout: elsewhere\n", b"stages: []\n")
"""What is no policy, and no state either."""

UNKNOWN_SOURCE = "metrics: {source: oracle}"


def policy_text(name: str, ladder: Ladder, fields: Mapping[str, object], query: int, after: str | None) -> bytes:
    """A policy that asks the feed of its own name; another `query` is another question with the same answer."""
    asks = f"source: web, url: '${{STATS}}/{name}?query={query}', rows: rows, time: at, total: total, failed: failed"
    stages = "".join(
        f"  - {{name: s{percentage}, percentage: {percentage}, duration: {hours}h, max_error_rate: 0.5%, "
        f"requires_approval: {str(owner).lower()}}}\n"
        for percentage, hours, owner in ladder
    )
    more = {**fields, "after": [after] if after else None}
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items() if value is not None)
    return (
        f"schema_version: 1\nrollout: {name}\nmetrics: {{{asks}, scrape_delay: 0s}}\n{lines}stages:\n{stages}"
    ).encode()


def begun(name: str, policy: bytes) -> dict[str, bytes]:
    """The files of a rollout at its first stage, with the marker that this may require."""
    stage = read_policy(policy, "policy.yaml").stages[0]
    first = State(name, stage.name, stage.percentage, 1, 1, change(ChangeKind.START, None, by="init", at=START))
    marker = write_approval(Approval(name, stage.name, 1)).encode()
    return {
        policy_path(name): policy,
        state_path(name): write_state(first).encode(),
        **({approval_path(name, stage.name): marker} if stage.requires_approval else {}),
    }
