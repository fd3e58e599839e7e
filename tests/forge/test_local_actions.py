"""What the local forge does, and refuses to do."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.forges import BRANCH, GREEN, MARKER, STATE, full_plan, opening
from support.repositories import START, Repository, make

from rollout_bot.core.decision.actions import ClosePull, DeleteBranch, FinishPull, MergePull, SetGate, UpdatePull
from rollout_bot.core.model.repository import GateState, GateStatus, PullState
from rollout_bot.forge.interface import Conflict, ForgeError, NotFound, NotMergeable
from rollout_bot.forge.local import LocalForge

OTHER = "rollout/guardian/2-most"


def opened(repository: Repository, forge: LocalForge, *, owned: bool = False, green: bool = True) -> str:
    """Opens the pull request of a plan; the head."""
    pull = forge.apply(opening(repository.head(), owned=owned)).pull
    assert pull is not None
    if green:
        forge.apply(SetGate(BRANCH, pull.head, GREEN))
    return pull.head


def merging(head: str | None = None) -> MergePull:
    return MergePull(BRANCH, head, "Advance", "Healthy.")


def test_a_whole_plan_lands_as_one_commit(repository: Repository, forge: LocalForge) -> None:
    forge.now = START + timedelta(days=1)
    base = repository.head()
    for action in full_plan(base):
        assert forge.apply(action).changed
    assert repository.log() == ["guardian: quarter → half", "Begin"]
    assert repository.git("log", "-1", "--format=%an <%ae> %ct %B") == (
        f"rollout-bot <rollout-bot@localhost> {int(forge.now.timestamp())} "
        "guardian: quarter → half\n\nHealthy for 24 h.\n\nPull-request: #1\n"
    )
    assert (repository.path / STATE).read_text() == "stage: half\n"
    assert repository.git("status", "--porcelain") == ""
    assert repository.branches() == ["main"]
    pull = forge.pull(1)
    assert (pull.state, pull.closed_by, pull.closed_at) == (PullState.MERGED, "rollout-bot", forge.now)
    assert forge.snapshot().history[STATE][0].pull == 1
    for action in full_plan(base):
        assert not forge.apply(action).changed
    assert repository.fsck() == ""


def test_opening_leaves_the_work_tree_and_the_index_alone(repository: Repository, forge: LocalForge) -> None:
    (repository.path / "README.md").write_text("edited")
    (repository.path / "new").write_text("staged")
    repository.git("add", "new")
    before = repository.git("status", "--porcelain")
    opened(repository, forge)
    assert repository.git("status", "--porcelain") == before


def test_an_open_pull_with_another_content_conflicts(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    with pytest.raises(Conflict, match="another content"):
        forge.apply(opening(repository.head(), text="most"))
    with pytest.raises(Conflict, match="another content"):
        forge.apply(opening(repository.head(), owned=True))
    repository.commit({"extra": "x"}, START, branch=BRANCH)
    with pytest.raises(Conflict, match="another content"):
        forge.apply(opening(repository.head()))


def test_a_closed_pull_the_plan_did_not_know_conflicts(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    forge.close(1, "alice", "not now")
    assert forge.comments(1)[0].text == "not now"
    assert repository.branches() == ["main"]
    with pytest.raises(Conflict, match="closed meanwhile"):
        forge.apply(opening(repository.head()))
    again = forge.apply(opening(repository.head(), after=1)).pull
    assert again is not None
    assert again.number == 2
    assert not forge.apply(ClosePull(1, "again")).changed
    assert BRANCH in repository.branches()


def test_the_base_may_move_on_elsewhere_only(repository: Repository, forge: LocalForge) -> None:
    base = repository.head()
    repository.commit_on_main({"README.md": "other"}, START)
    for action in full_plan(base):
        forge.apply(action)
    assert (repository.path / "README.md").read_text() == "other"
    with pytest.raises(Conflict, match=r"state\.yaml has changed on main"):
        forge.apply(opening(base, branch=OTHER))
    orphan = repository.commit({STATE: "z"}, START, branch="orphan")
    with pytest.raises(Conflict, match="not part of main"):
        forge.apply(opening(orphan, branch=OTHER))


def test_a_leftover_branch_is_replaced_unless_somebody_works_on_it(repository: Repository, forge: LocalForge) -> None:
    repository.commit({STATE: "left over"}, START, branch=BRANCH)
    repository.git("checkout", "-q", BRANCH)
    on_main = LocalForge(repository.path, now=START, base_branch="main")
    with pytest.raises(Conflict, match="checked out"):
        on_main.apply(opening(repository.head()))
    repository.git("checkout", "-q", "main")
    assert forge.apply(opening(repository.head())).changed
    assert repository.show(STATE, BRANCH) == "stage: half"


def test_a_branch_that_a_cut_off_run_left_is_shown_until_it_is_gone(
    repository: Repository, forge: LocalForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    forge.apply(opening(repository.head()))
    with monkeypatch.context() as patch:
        patch.setattr(LocalForge, "_delete", lambda *_: False)
        forge.apply(ClosePull(1, "regressed"))
    left = forge.snapshot().left
    assert left == {BRANCH: repository.head(BRANCH)}
    repository.git("checkout", "-q", BRANCH)
    assert LocalForge(repository.path, now=START, base_branch="main").snapshot().left == {}
    repository.git("checkout", "-q", "main")
    assert forge.apply(DeleteBranch(BRANCH, left[BRANCH])).changed
    assert forge.snapshot().left == {}
    assert repository.branches() == ["main"]


def test_a_branch_on_which_somebody_went_on_is_not_left_over(repository: Repository, forge: LocalForge) -> None:
    forge.apply(opening(repository.head()))
    forge.apply(ClosePull(1, "regressed"))
    repository.commit({"app.py": "mine\n"}, START, branch=BRANCH)
    assert forge.snapshot().left == {}


def test_what_cannot_become_a_branch_is_refused(repository: Repository, forge: LocalForge) -> None:
    base = repository.head()
    with pytest.raises(ForgeError, match="base branch"):
        forge.apply(opening(base, branch="main"))
    with pytest.raises(Conflict, match="change nothing"):
        forge.apply(opening(base, text="quarter"))
    with pytest.raises(ForgeError, match="git update-ref"):
        forge.apply(opening(base, branch="a..b"))
    with pytest.raises(ForgeError, match="holds a NUL"):
        forge.apply(opening(base, branch="a\0b"))
    for path in ("../x", ".git/config", "a\0b"):
        with pytest.raises(ForgeError, match=r"git ls-tree|cannot be a path"):
            forge.apply(replace(opening(base), files={path: "y"}))
    assert forge.pulls() == ()


@pytest.mark.parametrize("branch", ["-leading", "rollout/é/1-ü", "rollout/$(touch>x)/1"])
def test_hostile_names_are_only_names(repository: Repository, forge: LocalForge, branch: str) -> None:
    files = {"rollout-state/a b/state.yaml": "x\n", "-rf": "x\n", "ü/\n/y": "x\n"}
    action = replace(opening(repository.head(), branch=branch), files=files, title="a\nb\0", message="x\udc00\x1b[0m")
    assert forge.apply(action).changed
    assert not forge.apply(action).changed
    forge.apply(SetGate(branch, None, GREEN))
    forge.apply(MergePull(branch, None, "\0", ""))
    for path, content in files.items():
        assert (repository.path / path).read_text() == content
    assert repository.log()[0] == "Change"
    assert repository.fsck() == ""


def test_modes_are_kept(repository: Repository, forge: LocalForge) -> None:
    (repository.path / STATE).chmod(0o755)
    repository.git("commit", "-qam", "Mode", when=START)
    opened(repository, forge)
    assert repository.git("ls-tree", BRANCH, STATE).startswith("100755")


def test_a_text_can_be_replaced(repository: Repository, forge: LocalForge) -> None:
    head = opened(repository, forge)
    assert forge.apply(UpdatePull(1, "T", "B")).changed
    assert not forge.apply(UpdatePull(1, "T", "B")).changed
    pull = forge.pull(1)
    assert (pull.title, pull.body, pull.head) == ("T", "B", head)
    forge.apply(ClosePull(1, ""))
    with pytest.raises(Conflict, match="closed, not open"):
        forge.apply(UpdatePull(1, "T", "C"))
    with pytest.raises(NotFound):
        forge.apply(UpdatePull(9, "T", "C"))


def test_a_status_counts_for_its_head_only(repository: Repository, forge: LocalForge) -> None:
    head = opened(repository, forge)
    assert not forge.apply(SetGate(BRANCH, head, GREEN)).changed
    tip = repository.commit({STATE: "z"}, START, branch=BRANCH)
    with pytest.raises(NotMergeable, match="rollout/gate is missing"):
        forge.apply(merging(tip))
    assert forge.apply(SetGate(BRANCH, tip, GateStatus(GateState.FAILURE, "regressed"))).changed
    with pytest.raises(NotMergeable, match="failure: regressed"):
        forge.apply(merging(tip))
    with pytest.raises(Conflict, match="judged was"):
        forge.apply(merging(head))
    forge.apply(ClosePull(1, "no"))
    with pytest.raises(Conflict, match="is closed"):
        forge.apply(SetGate(BRANCH, tip, GREEN))
    with pytest.raises(Conflict, match="was closed"):
        forge.apply(merging(tip))
    with pytest.raises(NotFound):
        forge.apply(SetGate("rollout/none/1", None, GREEN))


def test_owned_paths_need_an_owner(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge, owned=True)
    with pytest.raises(NotMergeable, match=r"half\.yaml needs the approval of @alice.*pulls approve 1"):
        forge.apply(merging())
    stranger = forge.approve(1, "mallory")
    assert not stranger.counts
    assert "does not count" in stranger.message
    with pytest.raises(NotMergeable):
        forge.merge(1, "alice")
    given = forge.approve(1, "@Alice")
    assert given.counts
    assert forge.approve(1, "alice").pull.approvers == ("Alice",)
    assert forge.missing(1) == ()
    forge.merge(1, "bob")
    pull = forge.pull(1)
    assert (pull.closed_by, pull.approvers) == ("bob", ("Alice",))
    assert "Approved-by: Alice" in repository.git("log", "-1", "--format=%B")
    assert repository.git("log", "-1", "--format=%an %cn") == "rollout-bot bob"
    assert forge.snapshot().history[STATE][0].approvers == ("Alice",)
    assert forge.missing(1) == ()


def test_an_approval_is_for_one_head(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge, owned=True)
    forge.approve(1, "alice")
    tip = repository.commit({MARKER: "stage: full"}, START, branch=BRANCH)
    forge.apply(SetGate(BRANCH, tip, GREEN))
    assert forge.pull(1).approvers == ()
    with pytest.raises(NotMergeable, match="needs the approval"):
        forge.apply(merging(tip))


def test_nobody_approves_their_own(repository: Repository) -> None:
    hers = LocalForge(repository.path, now=START, actor="alice")
    hers.apply(opening(repository.head(), owned=True))
    for name in ("alice", "@ALICE"):
        with pytest.raises(NotMergeable, match="own"):
            hers.approve(1, name)
    with pytest.raises(NotMergeable):
        LocalForge(repository.path, now=START).approve(1, "rollout-bot")


@pytest.mark.parametrize("name", ["", " ", "a b", "org/team", "a\x1b", "a,b"])
def test_what_is_no_name_is_refused(repository: Repository, forge: LocalForge, name: str) -> None:
    opened(repository, forge)
    for act in (forge.approve, forge.merge, forge.close):
        with pytest.raises(ForgeError, match="no user name"):
            act(1, name)


def test_a_member_of_an_owning_team_approves(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {STATE: "a"}, owners="* @org/team\n")
    repository.git("config", "--add", "rolloutbot.team", "org/team=carol,erin")
    forge = LocalForge(repository.path, now=START)
    opened(repository, forge)
    assert not forge.approve(1, "dave").counts
    assert forge.approve(1, "erin").counts


def test_a_broken_codeowners_stops_merges_and_nothing_else(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", {STATE: "a"}, owners="* @alice\n[x @alice\n")
    forge = LocalForge(repository.path, now=START)
    opened(repository, forge)
    assert not forge.snapshot().pulls[0].owners_approved
    with pytest.raises(NotMergeable, match=r"\.github/CODEOWNERS:2"):
        forge.merge(1, "alice")


def test_the_same_path_changed_on_both_sides_conflicts(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    repository.commit_on_main({STATE: "stage: off\n"}, START)
    with pytest.raises(Conflict, match=r"state\.yaml was changed on the base"):
        forge.apply(merging())
    repository.commit_on_main({STATE: "stage: half\n"}, START)
    assert forge.apply(merging()).changed


def test_a_path_is_deleted_by_a_merge(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    tip = repository.commit({"README.md": None}, START, branch=BRANCH)
    forge.apply(SetGate(BRANCH, tip, GREEN))
    assert "-A service" in forge.diff(1)
    forge.apply(merging(tip))
    assert not (repository.path / "README.md").exists()


def test_a_branch_without_common_history_can_be_seen_and_closed(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    tree = repository.git("rev-parse", "main:")
    orphan = repository.git("commit-tree", tree, "-m", "orphan")
    repository.git("update-ref", f"refs/heads/{BRANCH}", orphan)
    assert "README.md" in forge.snapshot().pulls[0].paths
    assert forge.apply(ClosePull(1, "no")).changed


def test_unrelated_edits_survive_a_merge_and_edits_in_its_way_stop_it(
    repository: Repository, forge: LocalForge, tmp_path: Path
) -> None:
    opened(repository, forge)
    state = repository.path / STATE
    (repository.path / "README.md").write_text("edited")
    state.write_text("edited")
    base = repository.head()
    with pytest.raises(ForgeError, match="commit or stash"):
        forge.apply(merging())
    assert (repository.head(), state.read_text()) == (base, "edited")
    assert forge.pull(1).state is PullState.OPEN
    repository.git("checkout", "--", STATE)
    forge.apply(merging())
    assert state.read_text() == "stage: half\n"
    assert (repository.path / "README.md").read_text() == "edited"
    assert repository.git("status", "--porcelain") == " M README.md"


def test_a_linked_work_tree_on_the_base_follows(repository: Repository, forge: LocalForge, tmp_path: Path) -> None:
    repository.git("checkout", "-q", "--detach")
    repository.git("worktree", "add", "-q", str(tmp_path / "l i"), "main")
    opened(repository, forge)
    forge.apply(merging())
    assert (tmp_path / "l i" / STATE).read_text() == "stage: half\n"
    assert (repository.path / STATE).read_text() == "stage: quarter\n"


def test_a_merged_pull_cannot_be_closed(repository: Repository, forge: LocalForge) -> None:
    for action in full_plan(repository.head()):
        forge.apply(action)
    with pytest.raises(Conflict, match="merged"):
        forge.apply(ClosePull(1, "late"))
    with pytest.raises(Conflict, match="is merged; a status"):
        forge.apply(SetGate(BRANCH, "0" * 40, GREEN))


def test_a_branch_somebody_works_on_is_not_deleted(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    repository.git("checkout", "-q", BRANCH)
    forge.apply(ClosePull(1, "no"))
    assert repository.branches() == ["main", BRANCH]


def test_pulls_to_another_base_are_not_shown(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    repository.git("branch", "release")
    other = LocalForge(repository.path, now=START, base_branch="release")
    assert other.snapshot().pulls == ()
    with pytest.raises(NotFound):
        other.pull(1)


def test_a_bare_repository_merges_too(tmp_path: Path) -> None:
    repository = make(tmp_path / "bare.git", {STATE: "a"}, bare=True)
    forge = LocalForge(repository.path, now=START)
    for action in full_plan(repository.head()):
        forge.apply(action)
    assert repository.show(STATE) == "stage: half"
    assert forge.requests == 0


def test_an_authors_approval_does_not_count_however_it_got_there(repository: Repository) -> None:
    hers = LocalForge(repository.path, now=START, actor="alice")
    pull = hers.apply(opening(repository.head(), owned=True)).pull
    assert pull is not None
    path = repository.path / ".git/rollout-bot/pulls/1.json"
    record = json.loads(path.read_text())
    record["approvals"] = [{"by": "Alice", "head": pull.head, "at": START.isoformat()}]
    path.write_text(json.dumps(record))
    assert hers.pull(1).approvers == ()
    assert not hers.pull(1).owners_approved


def test_reviewers_and_labels_are_kept_and_added_once(repository: Repository, forge: LocalForge) -> None:
    asked = forge.apply(replace(opening(repository.head()), reviewers=("@alice",))).pull
    assert asked is not None
    assert (asked.labels, asked.reviewers) == (("rollout",), ("@alice",))
    finish = FinishPull(1, ("rollout", "late"), ("@org/team",))
    assert forge.apply(finish).changed
    assert not forge.apply(finish).changed
    pull = forge.snapshot().pulls[0]
    assert (pull.labels, pull.reviewers) == (("rollout", "late"), ("@alice", "@org/team"))


def test_a_record_of_before_reviewers_is_read(repository: Repository, forge: LocalForge) -> None:
    opened(repository, forge)
    path = repository.path / ".git" / "rollout-bot" / "pulls" / "1.json"
    record = json.loads(path.read_text())
    del record["reviewers"]
    path.write_text(json.dumps(record))
    assert forge.pull(1).reviewers == ()


def test_a_branch_is_deleted_at_its_head_alone(repository: Repository, forge: LocalForge) -> None:
    head = opened(repository, forge)
    assert not forge.apply(DeleteBranch(BRANCH, "0" * 40)).changed
    assert forge.apply(DeleteBranch(BRANCH, head)).changed
    assert not forge.apply(DeleteBranch(BRANCH, head)).changed
    assert repository.branches() == ["main"]
