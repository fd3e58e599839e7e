"""Whatever the bytes: a model, or InvalidFile with printable lines, soon."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.files.approval import read_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile, Problem
from rollout_bot.files.scaffold import policy_template
from rollout_bot.files.state import read_state

READERS: list[Callable[[bytes, str], object]] = [read_policy, read_state, read_approval]
POLICY = policy_template("guardian")
LINES = POLICY.splitlines()
tokens = st.sampled_from(
    [
        "a",
        "rollout",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&x ",
        "*x",
        "!!python/name:os ",
        "? ",
        "<<: ",
        "'",
        '"',
        "|",
        ">",
        "---\n",
        "...\n",
        "%TAG ! a\n",
        "#",
        "\t",
        "1",
        "1e400",
        "\ufeff",
        "\u2028",
        "\x85",
        "😀",
        "\x00",
        "<<<<<<< x\n",
        ", ",
        "~",
        "5%",
    ]
)
swapped = st.lists(st.sampled_from(LINES) | tokens, max_size=40).map("\n".join)
edits = st.tuples(st.integers(0, len(POLICY)), st.integers(0, 12), st.lists(tokens, max_size=3)).map(
    lambda edit: POLICY[: edit[0]] + "".join(edit[2]) + POLICY[edit[0] + edit[1] :]
)
texts = (swapped | edits | st.lists(tokens).map("".join) | st.text()).map(str.encode)


def problems(read: Callable[[bytes, str], object], data: bytes) -> tuple[Problem, ...] | None:
    try:
        read(data, "file\x1b.yaml")
    except InvalidFile as error:
        return error.problems
    return None


@given(st.sampled_from(READERS), texts | st.binary())
def test_any_bytes(read: Callable[[bytes, str], object], data: bytes) -> None:
    found = problems(read, data)
    assert found != ()
    places = [(each.line, each.column) for each in found or ()]
    assert places == sorted(places)
    assert all(place >= (1, 1) for place in places)
    assert all(str(each).isprintable() and len(str(each)) < 1500 for each in found or ())


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("data", [b"\xff" * 10_000_000, b"a: b\n" * 2_000_000, bytes(10_000_000)])
def test_ten_megabytes(read: Callable[[bytes, str], object], data: bytes) -> None:
    with pytest.raises(InvalidFile, match="found a file of more than 256 kB"):
        read(data, "f")
