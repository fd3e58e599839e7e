"""GitHub's answers as values, without a network."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.core.model.repository import GateState, PullState
from rollout_bot.forge.codeowners import Owners, read_owners
from rollout_bot.forge.github import reading
from rollout_bot.forge.github.history import revisions, window
from rollout_bot.forge.github.reading import LATEST, UNREADABLE, People

PEOPLE = People("bot[bot]", "B1")
USERS = read_owners("CODEOWNERS", b"/a @alice\n/b @bob\n/free\n")
TEAMS = read_owners("CODEOWNERS", b"/a @org/team\n/b @bob\n/m someone@example.com\n")


def blob(content: bytes, **more: Any) -> dict[str, Any]:
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - git's own
    return {
        "oid": oid,
        "byteSize": len(content),
        "isBinary": False,
        "isTruncated": False,
        "text": content.decode("utf-8", "replace"),
        **more,
    }


@given(st.binary(max_size=50))
def test_a_blob_is_itself_or_unreadable(content: bytes) -> None:
    assert reading.blob(blob(content)) in (content, UNREADABLE)


@given(st.text(max_size=50))
def test_text_is_read_as_it_is(text: str) -> None:
    assert reading.blob(blob(text.encode())) == text.encode()


def test_sha256_repositories_are_read_too() -> None:
    oid = hashlib.sha256(b"blob 1\0x").hexdigest()
    assert reading.blob(blob(b"x", oid=oid)) == b"x"


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        blob(b"", text=None),
        blob(b"", isBinary=True),
        blob(b"", isTruncated=True),
        blob(b"x", text="y"),
    ],
)
def test_what_github_does_not_hand_out_is_unreadable(found: Any) -> None:
    assert reading.blob(found) == UNREADABLE


@pytest.mark.parametrize("text", ["a", "\ufeffa"])
def test_a_mark_at_the_beginning_is_kept(text: str) -> None:
    assert reading.blob(blob(b"\xef\xbb\xbfa", text=text)) == b"\xef\xbb\xbfa"


@pytest.mark.parametrize("text", [None, "", "soon", "0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z"])
def test_a_time_that_is_none_lies_in_the_future(text: str | None) -> None:
    assert reading.moment(text) == LATEST


def test_links_submodules_and_what_lies_too_deep_are_left_out() -> None:
    tree = {
        "entries": [
            {"name": "link", "mode": 0o120000, "object": blob(b"x")},
            {"name": "module", "mode": 0o160000, "object": None},
            {"name": "deep", "mode": 0o040000, "object": {}},
            {"name": "run.sh", "mode": 0o100755, "object": blob(b"x")},
        ]
    }
    assert reading.files(tree) == {"rollout-state/run.sh": b"x"}


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ({"login": "bot", "__typename": "Bot"}, "bot[bot]"),
        ({"login": "bot[bot]", "__typename": "User", "id": "U9"}, "bot[bot]"),
        ({"login": "renamed", "__typename": "Bot", "id": "B1"}, "bot[bot]"),
        ({"login": "bot", "__typename": "User", "id": "U9"}, "bot"),
        ({"login": "alice", "__typename": "User"}, "alice"),
        (None, None),
    ],
)
def test_names(account: Any, name: str | None) -> None:
    assert PEOPLE.name(account) == name


def owning(**entries: Any) -> tuple[Owners, bool]:
    return reading.owners({"owners0": None, "owners1": None, "owners2": None, **entries})


def test_codeowners_is_looked_for_in_three_places() -> None:
    assert owning() == (Owners(), False)
    first = {"mode": 0o100644, "object": blob(b"* @alice\n")}
    second = {"mode": 0o100644, "object": blob(b"* @bob\n")}
    assert owning(owners0=first, owners2=second)[0].of("x") == ("@alice",)
    assert owning(owners2=second)[0].of("x") == ("@bob",)


@pytest.mark.parametrize(("mode", "found"), [(0o120000, blob(b"x")), (0o100644, blob(b"x", isBinary=True))])
def test_codeowners_that_cannot_be_read_approve_nothing(mode: int, found: Any) -> None:
    owners, there = owning(owners1={"mode": mode, "object": found})
    assert there
    assert owners.fault is not None
    assert owners.fault.startswith("CODEOWNERS:1: not a ")


def review(login: str, state: str = "APPROVED", oid: str = "h", kind: str = "User") -> dict[str, Any]:
    return {"state": state, "author": {"login": login, "__typename": kind}, "commit": {"oid": oid}}


def test_only_people_who_approved_this_head_count() -> None:
    reviews = [
        review("alice"),
        review("bob", "CHANGES_REQUESTED"),
        review("carol", oid="old"),
        review("dave"),
        review("robot", kind="Bot"),
        review("bot[bot]"),
        {"state": "APPROVED", "author": None, "commit": None},
        {"state": "APPROVED", "author": {"login": "erin", "__typename": "User"}, "commit": None},
    ]
    assert reading.approving({"nodes": reviews}, "h", "dave", PEOPLE) == ("alice",)
    assert reading.approving(None, "h", "dave", PEOPLE) == ()


@pytest.mark.parametrize(
    ("decision", "given", "paths", "owners", "by", "enough"),
    [
        (None, (), ("/free",), USERS, (), True),
        (None, ("alice",), ("a",), USERS, ("alice",), True),
        (None, ("alice",), ("a", "b"), USERS, ("alice",), False),
        (None, ("bob",), ("a",), USERS, (), False),
        ("APPROVED", ("alice", "bob"), ("a", "b"), USERS, ("alice", "bob"), True),
        # The rules ask for anybody's approval, which is not the owner's.
        ("APPROVED", ("bob",), ("a",), USERS, (), False),
        ("REVIEW_REQUIRED", ("alice",), ("a",), USERS, ("alice",), False),
        ("CHANGES_REQUESTED", ("alice",), ("a",), USERS, ("alice",), False),
        # Who is in a team only GitHub knows.
        (None, ("carol",), ("a",), TEAMS, (), False),
        ("APPROVED", ("carol",), ("a",), TEAMS, ("carol",), True),
        ("APPROVED", (), ("a",), TEAMS, (), False),
        ("APPROVED", ("carol",), ("a", "b"), TEAMS, ("carol",), False),
        ("APPROVED", ("carol",), ("m",), TEAMS, ("carol",), True),
        ("APPROVED", ("alice",), ("a",), Owners(fault="broken"), (), False),
    ],
)
def test_approvals(
    decision: str | None,
    given: tuple[str, ...],
    paths: tuple[str, ...],
    owners: Owners,
    by: tuple[str, ...],
    enough: bool,
) -> None:
    assert reading.approval(decision, given, paths, owners) == reading.Approval(by, enough)


NODE = {
    "number": 7,
    "title": "T",
    "body": "B",
    "state": "OPEN",
    "createdAt": "2026-03-02T09:00:00Z",
    "closedAt": None,
    "isCrossRepository": True,
    "headRefName": "rollout/guardian/2-half",
    "headRefOid": "h",
    "headRepositoryOwner": None,
    "author": None,
}


def test_a_branch_of_a_fork_is_nobodys_branch_here() -> None:
    found = reading.pull(NODE, PEOPLE)
    assert (found.branch, found.author, found.owners_approved) == ("unknown:rollout/guardian/2-half", "ghost", False)
    owned = reading.pull({**NODE, "headRepositoryOwner": {"login": "eve"}}, PEOPLE)
    assert owned.branch == "eve:rollout/guardian/2-half"


def test_a_closed_one_tells_who_closed_it_if_anybody_knows() -> None:
    closed = {**NODE, "state": "CLOSED", "closedAt": "2026-03-02T10:00:00Z"}
    assert reading.pull(closed, PEOPLE).closed_by is None
    events = {"nodes": [{"actor": {"login": "bob", "__typename": "User"}}]}
    found = reading.pull({**closed, "timelineItems": events}, PEOPLE)
    assert (found.state, found.closed_by, found.closed_at) == (
        PullState.CLOSED,
        "bob",
        datetime(2026, 3, 2, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("SUCCESS", GateState.SUCCESS),
        ("PENDING", GateState.PENDING),
        ("EXPECTED", GateState.PENDING),
        ("ERROR", GateState.FAILURE),
        ("FAILURE", GateState.FAILURE),
    ],
)
def test_the_gate_of_the_present_head(state: str, expected: GateState) -> None:
    status = {"context": {"state": state, "description": None}}
    found = reading.gate({**NODE, "commits": {"nodes": [{"commit": {"oid": "h", "status": status}}]}})
    assert found is not None
    assert found.state is expected
    assert reading.gate({**NODE, "commits": {"nodes": [{"commit": {"oid": "old", "status": status}}]}}) is None


def commit(oid: str, *parents: str, day: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "oid": oid,
        "committedDate": f"2026-03-{day:02}T09:00:00Z",
        "parents": {"nodes": [{"oid": parent} for parent in parents]},
        **more,
    }


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 9, tzinfo=UTC)


def test_a_side_branch_lands_with_the_merge_that_brought_it() -> None:
    seen = window(
        "m2",
        [
            commit("m2", "m1", "s2", day=9),
            commit("m1", "b", "s1", day=8),
            commit("s2", "s1", day=3),
            commit("s1", "b", day=2),
            commit("b", "older", day=1),
        ],
    )
    assert {oid: (at.commit, at.at.day) for oid, at in seen.landings.items()} == {
        "m2": ("m2", 9),
        "m1": ("m1", 8),
        "b": ("b", 1),
        "s1": ("m1", 8),
        "s2": ("m2", 9),
    }
    assert seen.landing(commit("ancient", day=5)).at == day(5)


def changed(oid: str, content: bytes | None, at: int, pull: dict[str, Any] | None = None) -> dict[str, Any]:
    entry = None if content is None else {"mode": 0o100644, "object": blob(content)}
    pulls = {"nodes": [pull] if pull else []}
    return commit(oid, day=at, file=entry, associatedPullRequests=pulls)


def pull(number: int, merge: str, parents: int, at: int, base: str = "main") -> dict[str, Any]:
    return {
        "number": number,
        "baseRefName": base,
        "mergedAt": f"2026-03-{at:02}T09:00:00Z",
        "headRefOid": "h",
        "author": None,
        "mergeCommit": {"oid": merge, "parents": {"totalCount": parents}},
        "latestOpinionatedReviews": {"nodes": [review("alice")]},
    }


def read(*nodes: dict[str, Any]) -> list[tuple[str, int, bytes | None, int | None]]:
    found = revisions(nodes, "main", window("", ()), PEOPLE)
    return [(one.commit, one.merged_at.day, one.content, one.pull) for one in found]


def test_what_a_merge_commit_brought_is_one_revision() -> None:
    merged = pull(7, "m", 2, 9)
    assert read(changed("c2", b"2", 3, merged), changed("c1", b"1", 2, merged), changed("b", b"0", 1)) == [
        ("m", 9, b"2", 7),
        ("b", 1, b"0", None),
    ]
    assert read(changed("c2", b"2", 3, merged), changed("m", b"both", 9, merged)) == [("m", 9, b"both", 7)]


def test_what_a_rebase_brought_stays_apart_and_old_commits_that_landed_late_come_first() -> None:
    rebased = pull(7, "c2", 1, 9)
    assert read(changed("d", None, 8), changed("c2", b"2", 3, rebased), changed("c1", b"1", 2, rebased)) == [
        ("c2", 9, b"2", 7),
        ("c1", 9, b"1", 7),
        ("d", 8, None, None),
    ]


def test_a_pull_request_to_another_branch_says_nothing_about_this_one() -> None:
    assert read(changed("c", b"1", 2, pull(7, "c", 1, 9, base="release"))) == [("c", 2, b"1", None)]


def test_a_link_in_history_is_no_file() -> None:
    node = changed("c", b"1", 2)
    node["file"]["mode"] = 0o120000
    assert read(node) == [("c", 2, None, None)]
    (found,) = revisions([changed("c", b"1", 2, pull(7, "c", 1, 9))], "main", window("", ()), PEOPLE)
    assert found.approvers == ("alice",)
