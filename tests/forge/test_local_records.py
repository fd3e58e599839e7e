"""The local forge's records of pull requests, which anybody can edit: read, or named as damaged."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollout_bot.forge.interface import ForgeError
from rollout_bot.forge.local.pulls import PullStore, Record

TIME = "2026-03-02T09:00:00+00:00"
RECORD: dict[str, Any] = {
    "version": 1,
    "number": 1,
    "base": "main",
    "branch": "rollout/checkout/2-half",
    "head": "0" * 40,
    "author": "bot",
    "title": "T",
    "body": "B",
    "state": "open",
    "opened_at": TIME,
    "message": "M",
    "labels": ["a"],
    "approvals": [{"by": "alice", "head": "0" * 40, "at": TIME}],
    "statuses": {"0" * 40: {"state": "success", "description": "d"}},
    "comments": [{"by": "alice", "at": TIME, "text": "t"}],
    "closed_at": TIME,
    "closed_by": None,
    "merge_commit": None,
    "approvers": [],
    "reviewers": [],
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-03-02", 1e999, 10**400]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["by", "at", "head", "state"]), inner),
    max_leaves=6,
)  # fmt: skip


def read(folder: Path, content: bytes) -> tuple[Record, ...]:
    (folder / "1.json").write_bytes(content)
    return PullStore(folder).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pulls")


def test_a_sound_record_is_read(folder: Path) -> None:
    (record,) = read(folder, json.dumps(RECORD).encode())
    assert record.opened_at == datetime(2026, 3, 2, 9, tzinfo=UTC)


@example(key="opened_at", value="0001-01-01T00:00:00+23:59", inner=False)
@given(key=st.sampled_from(sorted(RECORD)), value=ODD, inner=st.booleans())
def test_any_value_is_read_or_named(folder: Path, key: str, value: object, inner: bool) -> None:
    record = copy.deepcopy(RECORD)
    held = record[key]
    first = held[0] if inner and isinstance(held, list) and held else None
    if isinstance(first, dict):
        first[min(first)] = value
    else:
        record[key] = value
    try:
        found = read(folder, json.dumps(record).encode())
    except ForgeError as error:
        said = str(error)
        assert "1.json: damaged" in said
        assert said.isprintable()
    else:
        assert [each.number for each in found] == [1]


@given(content=st.binary(max_size=50))
@example(content=b"[" * 100_000)
def test_any_bytes_are_named(folder: Path, content: bytes) -> None:
    with pytest.raises(ForgeError, match=r"1\.json: damaged"):
        read(folder, content)
