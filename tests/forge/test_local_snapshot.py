"""What the local forge shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from support.forges import BRANCH, GREEN, MARKER, POLICY, STATE, full_plan, opening
from support.repositories import OWNERS, START, Repository, make

from rollout_bot.core.decision.actions import ClosePull, SetGate
from rollout_bot.core.model.repository import LARGEST, PullState
from rollout_bot.forge.git import Git, _next_object
from rollout_bot.forge.interface import ForgeError, NotFound, Unusable
from rollout_bot.forge.local import LocalForge
from rollout_bot.forge.local.objects import REVISIONS
from rollout_bot.forge.local.reading import UNREAD

WEEK = timedelta(days=7)


def test_files_and_history_are_those_of_the_base_commit(repository: Repository, forge: LocalForge) -> None:
    later = repository.commit_on_main({STATE: "stage: half\n", "rollout-state/note.txt": "hi"}, START + WEEK)
    repository.commit_on_main({"README.md": "other"}, START + 2 * WEEK)
    snapshot = forge.snapshot()
    assert (snapshot.base, snapshot.base_branch, snapshot.actor) == (repository.head(), "main", "rollout-bot")
    assert snapshot.files == {STATE: b"stage: half\n", POLICY: b"stages: []\n", "rollout-state/note.txt": UNREAD}
    newest = snapshot.history[STATE][0]
    assert (newest.commit, newest.merged_at) == (later, START + WEEK)
    assert [one.content for one in snapshot.history[STATE]] == [b"stage: half\n", b"stage: quarter\n"]
    assert len(snapshot.history[POLICY]) == 1
    assert snapshot.pulls == ()


@pytest.mark.parametrize("how", ["--no-ff", "--squash"])
def test_a_branch_counts_from_its_merge(repository: Repository, forge: LocalForge, how: str) -> None:
    repository.commit({STATE: "stage: half\n"}, START + timedelta(hours=1), branch="feature")
    repository.commit_on_main({"README.md": "other"}, START + timedelta(hours=2))
    merge = repository.merge("feature", START + WEEK, how=how)
    assert (forge.snapshot().history[STATE][0].commit, forge.snapshot().history[STATE][0].merged_at) == (
        merge,
        START + WEEK,
    )


def test_a_deleted_state_is_a_revision_without_content(repository: Repository, forge: LocalForge) -> None:
    repository.commit_on_main({STATE: None}, START + WEEK)
    assert forge.snapshot().history[STATE][0].content is None
    assert STATE not in forge.snapshot().files


def test_only_regular_files_are_shown_and_large_ones_are_not_read(repository: Repository, forge: LocalForge) -> None:
    repository.commit_on_main({POLICY: b"x" * (10 << 20), "rollout-state/é b/state.yaml": "y"}, START)
    (repository.path / STATE).unlink()
    (repository.path / STATE).symlink_to("/etc/passwd")
    repository.git("commit", "-qam", "Link", when=START)
    files = forge.snapshot().files
    assert STATE not in files
    assert files[POLICY] == bytes(LARGEST + 1)
    assert files["rollout-state/é b/state.yaml"] == b"y"
    assert forge.snapshot().history[STATE][0].content is None


def test_a_path_that_is_not_utf_8_can_be_printed(repository: Repository, forge: LocalForge) -> None:
    repository.commit_on_main({"rollout-state/\udcff/state.yaml": "y"}, START)
    assert forge.snapshot().files["rollout-state/\\xff/state.yaml"] == b"y"


def test_only_the_newest_revisions_are_kept(repository: Repository, forge: LocalForge) -> None:
    ends = [
        f"commit refs/heads/main\ncommitter A <a@b> {1_800_000_000 + n} +0000\ndata 1\nx"
        + ("\nfrom refs/heads/main^0" if n == 0 else "")
        + f"\nM 100644 inline {STATE}\ndata 3\n{n:03}\n"
        for n in range(REVISIONS + 5)
    ]
    repository.git("fast-import", "--quiet", stdin="".join(ends).encode())
    contents = [one.content for one in forge.snapshot().history[STATE]]
    assert len(contents) == REVISIONS
    assert contents[0] == f"{REVISIONS + 4:03}".encode()


def test_a_date_that_no_calendar_has_lies_in_the_future(repository: Repository, forge: LocalForge) -> None:
    tree = repository.git("rev-parse", "HEAD:")
    text = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 9999999999999 +0000\n\nx\n"
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode())
    repository.git("update-ref", "refs/heads/main", commit)
    assert forge.snapshot().history[STATE][0].merged_at == datetime(9999, 1, 1, tzinfo=UTC)


def test_an_unchanged_repository_costs_one_process(
    repository: Repository, forge: LocalForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.apply(opening(repository.head()))
    first = forge.snapshot()
    calls: list[tuple[str, ...]] = []
    run = Git.run

    def count(self: Git, *arguments: str, **rest: object) -> bytes:
        calls.append(arguments)
        return run(self, *arguments, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Git, "run", count)
    assert forge.snapshot() == first
    assert len(calls) == 1


def test_the_newest_closed_pull_of_a_branch_is_shown(repository: Repository, forge: LocalForge) -> None:
    for after in (0, 1):
        forge.apply(opening(repository.head(), after=after))
        forge.apply(ClosePull(after + 1, "no"))
    (pull,) = forge.snapshot().pulls
    assert (pull.number, pull.state, pull.closed_by) == (2, PullState.CLOSED, "rollout-bot")
    assert pull.changes == {STATE: b"stage: half\n"}
    assert [pull.number for pull in forge.pulls(PullState.CLOSED)] == [1, 2]


def test_the_head_is_the_branch_as_it_is_now(repository: Repository, forge: LocalForge) -> None:
    opened = forge.apply(opening(repository.head())).pull
    assert opened is not None
    forge.apply(SetGate(BRANCH, opened.head, GREEN))
    head = repository.commit({"src/x": "1", MARKER: "x"}, START, branch=BRANCH)
    (pull,) = forge.snapshot().pulls
    assert (pull.head, pull.gate, pull.owners_approved) == (head, None, False)
    assert set(pull.paths) == {STATE, MARKER, "src/x"}
    assert set(pull.changes) == {STATE, MARKER}


def test_a_pull_whose_branch_was_deleted_is_closed(repository: Repository, forge: LocalForge) -> None:
    forge.apply(opening(repository.head()))
    repository.git("branch", "-D", BRANCH)
    assert forge.snapshot().pulls[0].state is PullState.CLOSED
    assert forge.apply(opening(repository.head(), after=1)).changed
    assert [pull.state for pull in forge.pulls()] == [PullState.CLOSED, PullState.OPEN]


def test_a_branch_set_back_to_the_base_is_closed_not_merged(repository: Repository, forge: LocalForge) -> None:
    forge.apply(opening(repository.head()))
    repository.git("branch", "-f", BRANCH, "main")
    assert forge.snapshot().pulls[0].state is PullState.CLOSED


def test_objects_of_a_closed_pull_may_be_gone(repository: Repository, forge: LocalForge) -> None:
    forge.apply(opening(repository.head()))
    forge.apply(ClosePull(1, "no"))
    repository.git("update-ref", "-d", "refs/rollout-bot/pulls/1")
    repository.git("reflog", "expire", "--expire=now", "--all")
    repository.git("gc", "--quiet", "--prune=now")
    (pull,) = LocalForge(repository.path, now=START).snapshot().pulls
    assert (pull.state, pull.paths) == (PullState.CLOSED, ())


@pytest.mark.parametrize("how", ["--no-ff", "--ff-only"])
def test_a_persons_own_merge_is_recognised(repository: Repository, forge: LocalForge, how: str) -> None:
    forge.apply(opening(repository.head()))
    landed = repository.merge(BRANCH, START + WEEK, how=how)
    assert forge.snapshot().pulls == ()
    assert not forge.apply(opening(repository.head())).changed
    assert forge.pull(1).state is PullState.MERGED
    (revision, _) = forge.snapshot().history[STATE]
    assert (revision.commit, revision.pull) == (landed, 1)
    repository.commit_on_main({"README.md": "more"}, START + 2 * WEEK)
    assert forge.snapshot().history[STATE][0].pull == 1


@pytest.mark.parametrize("place", ["CODEOWNERS", "docs/CODEOWNERS"])
def test_owners_are_found_where_github_looks(tmp_path: Path, place: str) -> None:
    repository = make(tmp_path / "r", {STATE: "a", place: OWNERS}, owners=None)
    pull = LocalForge(repository.path, now=START).apply(opening(repository.head(), owned=True)).pull
    assert pull is not None
    assert not pull.owners_approved


def test_without_codeowners_nothing_is_owned(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {STATE: "a"}, owners=None)
    pull = LocalForge(repository.path, now=START).apply(opening(repository.head(), owned=True)).pull
    assert pull is not None
    assert pull.owners_approved


def test_a_linked_codeowners_leaves_nobody(repository: Repository, forge: LocalForge) -> None:
    owners = repository.path / ".github/CODEOWNERS"
    owners.unlink()
    owners.symlink_to("../README.md")
    repository.git("commit", "-qam", "Link", when=START)
    *before, merge = full_plan(repository.head())
    for action in before:
        forge.apply(action)
    with pytest.raises(ForgeError, match="not a regular file"):
        forge.apply(merge)


def test_a_bare_repository_a_subfolder_and_a_linked_work_tree_serve(tmp_path: Path) -> None:
    bare = make(tmp_path / "bare.git", {STATE: "a"}, bare=True)
    assert LocalForge(bare.path, now=START).snapshot().files == {STATE: b"a"}
    tree = make(tmp_path / "tree", {STATE: "a"})
    assert LocalForge(tree.path / "rollout-state", now=START).snapshot().files == {STATE: b"a"}
    tree.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    linked = LocalForge(tmp_path / "side", now=START, base_branch="main")
    for action in full_plan(tree.head()):
        linked.apply(action)
    assert (tree.path / STATE).read_text() == "stage: half\n"
    assert (tmp_path / "side" / STATE).read_text() == "a"
    tree.git("config", "rolloutbot.base", "main")
    assert LocalForge(tmp_path / "side", now=START).base_branch == "main"


def test_a_shallow_clone_is_refused(repository: Repository, tmp_path: Path) -> None:
    repository.commit_on_main({"README.md": "x"}, START)
    repository.git("clone", "-q", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow"))
    with pytest.raises(Unusable, match="git fetch --unshallow"):
        LocalForge(tmp_path / "shallow", now=START)


def test_what_is_no_repository_is_refused(tmp_path: Path, repository: Repository) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(NotFound):
            LocalForge(path, now=START)
    with pytest.raises(Unusable, match="no commits"):
        LocalForge(repository.path, now=START, base_branch="absent").snapshot()
    repository.git("checkout", "-q", "--detach")
    with pytest.raises(Unusable, match="detached"):
        LocalForge(repository.path, now=START)


def test_missing_git_is_told(repository: Repository, monkeypatch: pytest.MonkeyPatch, forge: LocalForge) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unusable, match="install git"):
        LocalForge(repository.path, now=START)
    with pytest.raises(Unusable, match="install git"):
        Git(repository.path).blobs(["0" * 40], 1)


def test_a_damaged_record_is_named(repository: Repository, forge: LocalForge) -> None:
    forge.apply(opening(repository.head()))
    record = repository.path / ".git/rollout-bot/pulls/1.json"
    good = record.read_text()
    for bad in (
        "{",
        "[]",
        "{}",
        good.replace('"version": 1', '"version": 9'),
        good.replace('"number": 1', '"number": 2'),
        good.replace('"author": "rollout-bot"', '"author": 1'),
        good.replace("+00:00", ""),
        good.replace('"approvers": []', '"approvers": 1'),
    ):
        assert bad != good
        record.write_text(bad)
        with pytest.raises(ForgeError, match=r"pulls/1\.json: damaged"):
            forge.snapshot()


def test_a_missing_object_is_told(repository: Repository) -> None:
    with pytest.raises(ForgeError, match="is missing"):
        Git(repository.path).blobs(["0" * 40], 1)


def test_an_object_that_ends_too_early_is_told() -> None:
    with pytest.raises(ForgeError, match="ends too early"):
        _next_object(BytesIO(b"0 blob 9\nabc"), "0", bytes(100))


def test_a_git_that_may_not_be_started_is_told(repository: Repository) -> None:
    with pytest.raises(Unusable, match="cannot be started"):
        Git(repository.path / "absent").run("status")
