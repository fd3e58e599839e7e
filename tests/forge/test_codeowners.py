"""Who owns which path."""

from __future__ import annotations

import pytest

from rollout_bot.forge.codeowners import LIMIT, Owners, read_owners


def owners(text: str, **teams: str) -> Owners:
    members = {name.replace("_", "/"): frozenset(people.split(",")) for name, people in teams.items()}
    return read_owners("CODEOWNERS", text.encode(), members)


def test_the_last_matching_line_wins_and_one_without_owners_makes_unowned() -> None:
    rules = owners("* @org/all\n/rollout-state/*/state.yaml\n/rollout-state/*/approvals/ @alice bob@example.com\n")
    assert rules.of("src/main.py") == ("@org/all",)
    assert rules.of("rollout-state/a/state.yaml") == ()
    assert rules.of("rollout-state/a/approvals/half.yaml") == ("@alice", "bob@example.com")


def test_comments_name_no_owners() -> None:
    assert owners("/a @bob # was @alice").of("a") == ("@bob",)


@pytest.mark.parametrize("path", ["docs/a b/c.md", "docs/a\nb/c.md", "docs/ü/c.md", "docs/-x/c.md"])
def test_wildcards_match_hostile_names(path: str) -> None:
    assert owners("/docs/*/c.md @alice").of(path) == ("@alice",)


def test_an_escaped_space_is_part_of_the_pattern() -> None:
    assert owners("/a\\ b/ @alice").of("a b/c") == ("@alice",)


@pytest.mark.parametrize(
    ("person", "named", "owns"),
    [
        ("alice", "@alice", True),
        ("@Alice", "@alice", True),
        ("alice", "@alice2", False),
        ("bob@example.com", "bob@example.com", True),
        ("bob", "bob@example.com", False),
        ("carol", "@org/team", True),
        ("dave", "@org/team", False),
        ("org/team", "@org/team", False),
    ],
)
def test_a_person_is_an_owner_by_name_address_or_team(person: str, named: str, owns: bool) -> None:
    rules = owners(f"* {named}", org_team="carol,erin")
    assert rules.owns(person, rules.of("x")) is owns
    assert rules.approved(["x"], [person]) is owns
    assert rules.counting(["x"], [person]) == ((person,) if owns else ())


def test_every_owned_path_needs_one_of_its_own_owners() -> None:
    rules = owners("/a @alice\n/b @bob\n")
    assert rules.waiting(["a", "b", "c"], ["alice"]) == {"b": ("@bob",)}
    assert not rules.approved(["a", "b"], ["alice"])
    assert rules.approved(["a", "b", "c"], ["alice", "bob"])


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"* @alice\nfoo[bar @alice\n", "CODEOWNERS:2: "),
        (b"[Section]\n", "CODEOWNERS:1: "),
        (b"!/a @alice\n", "CODEOWNERS:1: "),
        (b"/a alice\n", "CODEOWNERS:1: 'alice' is no owner"),
        (b"* @a\n/b @alice\xff\n", "CODEOWNERS:2: not UTF-8"),
        (b"/a @alice\x0b/b\n", "CODEOWNERS:1: "),
        (b"#" * (LIMIT + 1), "CODEOWNERS: larger than"),
    ],
)
def test_what_cannot_be_read_leaves_nobody_who_can_approve(content: bytes, place: str) -> None:
    rules = read_owners("CODEOWNERS", content)
    assert rules.fault is not None
    assert rules.fault.startswith(place)
    assert not rules.approved([], ["alice"])
    assert rules.of("anything") == ()


def test_what_the_library_refuses_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(line: str) -> None:
        raise ValueError("no such pattern")

    monkeypatch.setattr("codeowners.CodeOwners", refuse)
    assert "no such pattern" in str(read_owners("CODEOWNERS", b"/a @alice").fault)
