"""Whatever comes from outside, where no other test throws it: nothing is raised, and it approves nothing."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support.repositories import START

from rollout_bot.core.model.repository import PullRequest, PullState
from rollout_bot.forge.codeowners import read_owners
from rollout_bot.runner import Runner
from rollout_bot.tick.proposed import head_of

NASTY = st.sampled_from(
    ["\u2028", "\x0b", "\0", "\ufeff", "*", "**", "[", "!", "\\ ", "#", "@a", "/", "\r\n", "\n", "?"]
)
LINES = st.lists(st.one_of(NASTY, st.text(max_size=8)), max_size=30).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
ENVIRONMENT = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/shop", "GITHUB_ACTOR": "bob"}


@given(st.one_of(LINES.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=200)), st.text())
def test_any_codeowners_is_read_or_leaves_nobody_who_can_approve(content: bytes, path: str) -> None:
    owners = read_owners("CODEOWNERS", content)
    assert isinstance(owners.of(path), tuple)
    if owners.fault is not None:
        assert not owners.approved([path], ["alice"])
        assert "\n" not in owners.fault
    elif owners.of(path):
        assert not owners.approved([path], [])


@given(
    st.one_of(st.fixed_dictionaries({"pull_request": JSON, "inputs": JSON}), JSON),
    st.sampled_from(["pull_request", "workflow_dispatch", "schedule", "repository_dispatch"]),
)
def test_any_event_is_read(payload: object, event: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "event.json")
        path.write_bytes(json.dumps(payload).encode("utf-8", "surrogatepass"))
        found = Runner.from_environment({**ENVIRONMENT, "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(path)})
    assert found is not None
    assert found.pull is None or found.pull > 0


@given(st.text(), st.text(), st.dictionaries(st.sampled_from(["state", "policy", "approvals/half"]), st.binary()))
def test_any_pull_request_of_the_bots_branch_holds_a_state_or_none(
    title: str, body: str, files: dict[str, bytes]
) -> None:
    changes = {f"rollout-state/checkout/{name}.yaml": content for name, content in files.items()}
    pull = PullRequest(1, "rollout/checkout/2-half", "0" * 40, "bot", title, body, PullState.OPEN, START, (), changes)
    assert head_of(pull, "checkout") == (None, None)
