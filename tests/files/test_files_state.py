"""States and approvals: what is written can be read, by us and by every other reader of YAML."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.model.state import Approval, BaselineEvidence, Change, ChangeKind, Evidence, Hold, Override, State
from rollout_bot.core.verdict import Outcome
from rollout_bot.files.approval import read_approval, write_approval
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state, write_state

NOW = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)

tricky = st.sampled_from(
    [
        "off",
        "yes",
        "No",
        "1e3",
        "0x1F",
        "010",
        "null",
        "~",
        "",
        "a: b",
        "- a",
        "# b",
        "2026-01-31",
        "1:20",
        "<<",
        "=",
        "a\nb\r\n c ",
        "\u2028\x85\ufeff",
        "'\"\\",
        "${HOME}",
        "é☺😀",
        "\x00\x1b[31m",
        " x",
        "x " * 200,
        "true",
        ".inf",
        "!!str",
        "&a",
        "*a",
    ]
)
texts = tricky | st.text(st.characters(exclude_categories=["Cs"]))
names = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True) | st.sampled_from(["off", "no", "y", "null", "true"])
times = st.integers(-(10**10), 10**10).map(lambda seconds: NOW + timedelta(seconds=seconds)) | st.builds(
    lambda micros: NOW - timedelta(microseconds=micros), st.integers(0, 10**16)
)
fractions = st.floats(0, 1)
counts = st.floats(0, allow_infinity=False)
whole = st.integers(1, 10**12)
changes = st.builds(Change, st.sampled_from(ChangeKind), names, texts, texts, times)
increases = st.none() | st.floats(-1, 1)
baselines = st.builds(
    BaselineEvidence, counts, counts, st.none() | fractions, fractions, increases, increases, increases
)
evidence = st.builds(
    Evidence,
    st.sampled_from(Outcome),
    fractions,
    counts,
    counts,
    st.none() | fractions,
    st.none() | fractions,
    st.none() | fractions,
    st.none() | times,
    st.none() | times,
    times,
    texts,
    st.dictionaries(texts, texts, max_size=3).map(MappingProxyType),
    st.none() | baselines,
)
holds = st.none() | st.builds(Hold, texts, texts)
states = st.builds(State, names, names, st.integers(0, 100), whole, whole, changes, holds, st.none() | evidence)
overrides = st.builds(
    Override, st.lists(names, min_size=1, max_size=5).map(tuple), texts.filter(bool), texts.filter(bool)
)
approvals = st.builds(Approval, names, names, whole, st.none() | overrides)

EXAMPLE = State(
    "guardian",
    "off",
    0,
    2,
    7,
    Change(ChangeKind.ROLL_BACK, "canary", "12 of 400 failed: over 0.5 %", "rollout-bot", NOW),
    Hold("release freeze", "alice"),
    Evidence(
        Outcome.REGRESSED,
        0.005,
        400.0,
        12.0,
        0.03,
        1.6e-05,
        None,
        NOW - timedelta(hours=1),
        NOW,
        NOW,
        "prometheus",
        {"total": 'requests_total{cohort="enforced"}'},
    ),
)
TEXT = """\
# The state of this rollout: which share of traffic gets the change, and why.
# Only the pull requests of rollout-bot change this file; deployments read `percentage` from it.
schema_version: 1
rollout: guardian
stage: "off"
percentage: 0
attempt: 2
generation: 7
change:
  kind: roll_back
  from: canary
  reason: "12 of 400 failed: over 0.5 %"
  by: rollout-bot
  proposed_at: "2026-01-31T09:15:00Z"
hold:
  reason: "release freeze"
  by: alice
evidence:
  outcome: regressed
  max_error_rate: 0.005
  requests: 400
  failures: 12
  error_rate: 0.03
  lower: 1.6e-05
  start: "2026-01-31T08:15:00Z"
  end: "2026-01-31T09:15:00Z"
  measured_at: "2026-01-31T09:15:00Z"
  source: prometheus
  queries:
    total: "requests_total{cohort=\\"enforced\\"}"
"""


def test_the_text_of_a_state() -> None:
    assert write_state(EXAMPLE) == TEXT
    assert read_state(TEXT.encode(), "state.yaml") == EXAMPLE


@given(states)
def test_a_state_comes_back_as_it_was(state: State) -> None:
    assert read_state(write_state(state).encode(), "state.yaml") == state


@given(approvals)
def test_an_approval_comes_back_as_it_was(approval: Approval) -> None:
    assert read_approval(write_approval(approval).encode(), "half.yaml") == approval


@given(states)
def test_readers_of_yaml_1_1_see_the_same(state: State) -> None:
    seen = yaml.safe_load(write_state(state))
    assert next(iter(seen)) == "schema_version"
    assert (seen["rollout"], seen["stage"], seen["percentage"]) == (state.rollout, state.stage, state.percentage)
    assert (seen["change"]["reason"], seen["change"]["by"]) == (state.change.reason, state.change.by)
    assert isinstance(seen["change"]["proposed_at"], str)
    if state.evidence:
        assert seen["evidence"]["max_error_rate"] == state.evidence.max_error_rate
        assert seen["evidence"].get("queries", {}) == state.evidence.queries


def test_times_are_written_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    change = Change(ChangeKind.START, None, "", "", datetime(2026, 1, 31, 11, 15, 0, 250, tzinfo=zone))
    text = write_state(State("a", "off", 0, 1, 1, change))
    assert 'proposed_at: "2026-01-31T09:15:00.000250Z"' in text
    assert "from" not in text.split("change:")[1]
    assert read_state(text.encode(), "f").change == change


def test_half_a_character_does_not_stop_a_write() -> None:
    change = Change(ChangeKind.START, None, "\ud83d", "", NOW)
    text = write_state(State("a", "off", 0, 1, 1, change))
    assert read_state(text.encode(), "f").change.reason == "?"


def test_an_absent_hold_may_be_written_null() -> None:
    head = TEXT.split("hold:")[0]
    bare = read_state(head.encode(), "f")
    assert bare.hold is None
    assert bare.evidence is None
    assert read_state((head + "hold: null\nevidence: ~\n").encode(), "f") == bare
    ended = read_state(TEXT.replace('end: "2026-01-31T09:15:00Z"', "end: null").encode(), "f")
    assert ended.evidence is not None
    assert ended.evidence.end is None


TIME = "a time of RFC 3339, such as 2026-01-31T09:15:00Z"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("percentage: 0", "percentage: 120", "6:13: percentage: found 120; allowed: a whole number from 0 to 100"),
        ("generation: 7", "generation: -1", "8:13: generation: found -1; allowed: a whole number, at least 1"),
        (
            "kind: roll_back",
            "kind: rollback",
            (
                "10:9: change.kind: found 'rollback'; "
                "allowed: start, advance, roll_back, hold, resume. Did you mean roll_back?"
            ),
        ),
        ("  from: canary\n", "", "10:3: change.from: found no stage; allowed: the stage before this change"),
        (
            "  from: canary\n",
            "  from: null\n",
            ("11:9: change.from: found no stage; allowed: the stage before this change"),
        ),
        (
            '"2026-01-31T09:15:00Z"\nhold',
            "2026-01-31\nhold",
            f"14:16: change.proposed_at: found '2026-01-31'; allowed: {TIME}",
        ),
        (
            '"2026-01-31T09:15:00Z"\nhold',
            "2026-02-31T09:15:00Z\nhold",
            f"14:16: change.proposed_at: found '2026-02-31T09:15:00Z'; allowed: {TIME}",
        ),
        (
            '"2026-01-31T09:15:00Z"\nhold',
            "0001-01-01T00:00:00+10:00\nhold",
            f"14:16: change.proposed_at: found '0001-01-01T00:00:00+10:00'; allowed: {TIME}",
        ),
        ("by: alice", "by: 7", '17:7: hold.by: found 7; allowed: a text. Put it in quotes: "7"'),
        (
            "error_rate: 0.03",
            "error_rate: 3",
            ("23:15: evidence.error_rate: found 3; allowed: a fraction from 0 to 1, such as 0.005"),
        ),
        ("requests: 400", "requests: -4", "21:13: evidence.requests: found -4; allowed: a number that is not negative"),
    ],
)
def test_what_is_wrong_with_a_state(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(InvalidFile) as caught:
        read_state(TEXT.replace(old, new, 1).encode(), "state.yaml")
    assert str(caught.value) == f"state.yaml:{message}"


def test_a_file_that_is_no_mapping() -> None:
    with pytest.raises(InvalidFile) as caught:
        read_state(b"- a\n", "state.yaml")
    assert str(caught.value) == "state.yaml:1:1: found a list; allowed: a mapping"


def test_the_text_of_an_approval() -> None:
    override = Override(("duration", "analysis"), "verified by hand", "alice")
    assert (
        write_approval(Approval("guardian", "half", 2, override))
        == """\
# Approves entering one stage, in one attempt: void after a rollback.
# Only the pull requests of rollout-bot change this file; a code owner approves them.
schema_version: 1
rollout: guardian
stage: half
attempt: 2
override:
  gates:
    - duration
    - analysis
  reason: "verified by hand"
  by: alice
"""
    )


def test_what_is_wrong_with_an_approval() -> None:
    with pytest.raises(InvalidFile) as caught:
        read_approval(
            b"schema_version: 1\nrollout: a\nstage: half\nattempt: 0\noverride: {gates: [], reason: '', bye: x}\n",
            "half.yaml",
        )
    assert str(caught.value).splitlines() == [
        "half.yaml:4:10: attempt: found 0; allowed: a whole number, at least 1",
        "half.yaml:5:11: override.by: found no such key; allowed: a text that is not empty. Add by to override",
        "half.yaml:5:19: override.gates: found an empty list; allowed: a list of 1 to 20 names of gates",
        "half.yaml:5:31: override.reason: found ''; allowed: a text that is not empty",
        "half.yaml:5:35: override.bye: found an unknown key; allowed: gates, reason, by. Did you mean by?",
    ]


def test_reading_what_is_right_does_not_import_jsonschema() -> None:
    program = (
        "import sys\nfrom rollout_bot.files.state import read_state\n"
        "read_state(sys.stdin.buffer.read(), 'f')\nassert 'jsonschema' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], input=TEXT.encode(), check=True)
