"""How many values a JSON document holds, before it is read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.network.values import too_many

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=30,
)


def counted(value: object) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + sum(map(counted, inner))


@given(JSON, st.booleans())
def test_no_more_values_than_allowed_are_let_through(value: object, escaped: bool) -> None:
    document = json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    held = counted(value)
    assert held < 3 or too_many(document, held // 3)
    assert not too_many(document, 4 * held)


@pytest.mark.parametrize("text", [b',"[{' * 9, b'\\"' * 9, b"\\\\", b"[,{", "é😀".encode()])
def test_what_a_text_holds_is_no_value(text: bytes) -> None:
    written = json.dumps(text.decode()).encode()
    assert not too_many(written, 1)
    assert too_many(b"[" + written + b"," + written + b"]", 3)


@pytest.mark.parametrize(
    "document", [b'"' + b'\\"' * 500_000, b"[" * 500_000, b'"' * 500_001, b"\\" * 500_000, b'["\\']
)
def test_what_is_no_json_is_counted_soon(document: bytes) -> None:
    assert too_many(document, 10) in (True, False)
