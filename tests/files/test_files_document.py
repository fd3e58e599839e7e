"""What YAML may hold here, and what is refused before any schema is asked."""

from __future__ import annotations

import time
import tracemalloc

import pytest
import yaml

from rollout_bot.files import nodes
from rollout_bot.files.document import MAX_BYTES, parse
from rollout_bot.files.problems import InvalidFile

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_LOADER", request.param)


pytestmark = pytest.mark.usefixtures("_loader")


def refused(data: bytes | str) -> list[str]:
    try:
        document = parse(data.encode() if isinstance(data, str) else data, "f")
    except InvalidFile as error:
        return str(error).splitlines()
    return str(InvalidFile(tuple(document.problems))).splitlines()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("off", "off"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("'true'", "true"),
        ('"1"', "1"),
        ("12", 12),
        ("-0", 0),
        ("+3", 3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:00", "12:30:00"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T09:15:00Z", "2026-01-31T09:15:00Z"),
        (".inf", ".inf"),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, a]", [1, "a"]),
        ('"\\u263a"', "☺"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    document = parse(f"key: {written}".encode(), "f")
    assert document.value == {"key": value}
    assert type(document.value["key"]) is type(value)
    assert document.problems == []


def test_aliases_are_expanded() -> None:
    assert parse(b"a: &x {b: [1]}\nc: *x\n", "f").value == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b"\xef\xbb\xbfa: 1", "f").value == {"a": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            "a: 1\na: 2",
            (
                "f:2:1: a: found the key 'a' a second time, after line 1, column 1; allowed: each key once. "
                "Keep one of them"
            ),
        ),
        (
            "a: {b: {}, 'b': 1}",
            (
                "f:1:12: a.b: found the key 'b' a second time, after line 1, column 5; "
                "allowed: each key once. Keep one of them"
            ),
        ),
        (
            "a: &x {b: 1}\nc:\n  <<: *x",
            ("f:3:3: c: found the merge key <<; allowed: keys written out. Copy the keys here"),
        ),
        (
            "a: !!python/object:os.system ls",
            (
                "f:1:4: a: found the tag 'tag:yaml.org,2002:python/object:os.system'; "
                "allowed: plain YAML without tags. Remove the tag"
            ),
        ),
        ("a: !secret {}", "f:1:4: a: found the tag '!secret'; allowed: plain YAML without tags. Remove the tag"),
        ("1: a", 'f:1:1: found the key 1; allowed: keys that are texts. Put it in quotes: "1"'),
        ("? [a]\n: 1", "f:1:3: found a key that is a mapping or a list; allowed: keys that are texts"),
        ("a: &x []\n*x : 1", "f:2:1: found the key a list; allowed: keys that are texts"),
        (
            "a: 1\n---\nb: 2",
            ("f:2:1: found a second document after '---'; allowed: one document in a file. Keep one of them"),
        ),
        ("a: *x", "f:1:4: a: found the alias '*x'; allowed: aliases of what stands before, complete"),
        ("a: &x [*x]", "f:1:8: a[0]: found the alias '*x'; allowed: aliases of what stands before, complete"),
        ("", "f:1:1: found an empty file; allowed: a mapping of keys. Restore it from git, or write a new one"),
        (
            "# only this\n",
            ("f:1:1: found an empty file; allowed: a mapping of keys. Restore it from git, or write a new one"),
        ),
        ("---\n", "f:1:1: found an empty file; allowed: a mapping of keys. Restore it from git, or write a new one"),
        (
            "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n",
            (
                "f:2:1: found a conflict marker of git; "
                "allowed: a file without conflicts. Choose a side, remove the markers and commit again"
            ),
        ),
        (b"a: \x00", "f:1:1: found a binary file; allowed: YAML, a text in UTF-8"),
        ("a: ü\nb: é".encode("latin-1"), "f:1:4: found byte 0xfc, which is not UTF-8; allowed: a text in UTF-8"),
        (
            b"a: 1\nb: \x1b[31m",
            ("f:2:4: found the control character U+001B; allowed: printable text. In double quotes it can be escaped"),
        ),
        ("a: 1e999", "f:1:4: a: found a number beyond all bounds; allowed: numbers of at most 40 characters"),
        ("a: " + "9" * 41, "f:1:4: a: found a number beyond all bounds; allowed: numbers of at most 40 characters"),
        (
            b"a" * (MAX_BYTES + 1),
            ("f:1:1: found a file of more than 256 kB; allowed: at most 256 kB. Is this the right file?"),
        ),
        ("[" * 100, "f:1:33: " + "[0]" * 26 + "[… : found more than 32 levels of nesting; allowed: at most 32"),
    ],
)
def test_what_is_refused_and_how(data: bytes | str, message: str) -> None:
    assert refused(data) == [message.replace("[… :", "[…:")]


@pytest.mark.parametrize(
    ("data", "place", "hint"),
    [
        ("a: b: c", "f:1:5", '. Put a text that contains ": " in quotes'),
        ("a: @b", "f:1:4", ". Indent with spaces, and put a text that begins with @, %, ` or a tab in quotes"),
        ("a: [1\nb: 2", "f:2:", ". Look for a missing "),
        ("a\nb: 1", "f:2:2", ""),
        ('a: "b', "f:1:6", ""),
        ("a: 1\n\tb: 2", "f:2:", ". Indent with spaces"),
    ],
)
def test_broken_yaml_names_its_place(data: str, place: str, hint: str) -> None:
    (line,) = refused(data)
    assert line.startswith(place)
    assert ": found broken YAML (" in line
    assert "; allowed: well-formed YAML" + hint in line


def test_faults_of_form_come_together() -> None:
    assert [line.partition("; ")[0] for line in refused("a: !x 1\nb: 1\nb: 1\n2: 1\n")] == [
        "f:1:4: a: found the tag '!x'",
        "f:3:1: b: found the key 'b' a second time, after line 2, column 1",
        "f:4:1: found the key 2",
    ]


def test_too_many_aliases() -> None:
    text = "a: &a 1\nb: [" + "*a, " * 101 + "]"
    assert refused(text) == ["f:2:405: b[100]: found more than 100 aliases; allowed: at most 100. Write the values out"]


def _lol(levels: int) -> str:
    lines = ["a0: &a0 [" + "x, " * 9 + "]"]
    lines += [f"a{n}: &a{n} [" + f"*a{n - 1}, " * 9 + "]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "data",
    [
        _lol(9),
        "[" * 250_000,
        "{a: " * 60_000,
        "? " * 120_000,
        "- " * 120_000,
        "&a " * 80_000,
        '"' + "a\n" * 120_000,
        "a: [" + "1," * 120_000 + "]",
        "".join(f"%TAG !{n}! a\n" for n in range(15_000)) + "--- !x a",
    ],
    ids=["billion laughs", "lists", "mappings", "keys", "dashes", "anchors", "quote", "long list", "tags"],
)
def test_bombs_cost_little(data: str) -> None:
    began = time.process_time()
    refused(data)
    assert time.process_time() - began < 20  # in pure Python on a slow machine; the C loader takes milliseconds


def test_bombs_take_little_room() -> None:
    tracemalloc.start()
    try:
        refused(_lol(9))
        refused("a: [" + "1," * 21_000 + "]")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6


def test_a_bomb_of_aliases_is_stopped_by_what_it_would_become() -> None:
    assert "found more than 20,000 values; allowed: at most 20,000, aliases expanded" in refused(_lol(9))[-1]


def test_a_problem_is_one_readable_line_whatever_the_text() -> None:
    (line,) = refused('"a\\nb\\u202e\\e[31m": 1\n"a\\nb\\u202e\\e[31m": 2')
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\u202e" not in line
    (line,) = refused("k" * 500 + ": !x 1")
    assert len(line) < 250
