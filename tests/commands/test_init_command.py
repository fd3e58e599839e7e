"""`rollout-bot init`: writes what is missing and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repositories import Repository, make

from rollout_bot import read_state
from rollout_bot.cli import main
from rollout_bot.core.model.state import Approval
from rollout_bot.files.approval import read_approval
from rollout_bot.files.scaffold import policy_template

POLICY, STATE = "rollout-state/checkout/policy.yaml", "rollout-state/checkout/state.yaml"
LINES = """\
/rollout-state/*/state.yaml
/.github/CODEOWNERS            @alice
/rollout-state/*/approvals/    @alice
/rollout-state/*/policy.yaml   @alice
"""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make(tmp_path / "service", owners=None)


def init(repository: Repository, *arguments: str, name: str = "checkout") -> int:
    return main(["init", name, "--repository", str(repository.path), *arguments])


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".git/" not in str(path))
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_new_rollout_is_valid_at_once(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(repository, "--owner", "@alice") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"wrote  {POLICY}\nwrote  {STATE}\nwrote  .github/CODEOWNERS\n")
    assert "rollout-bot validate" in out
    assert (repository.path / ".github/CODEOWNERS").read_text() == LINES
    assert main(["validate", "--repository", str(repository.path)]) == 0
    assert main(["percentage", "checkout", "--repository", str(repository.path)]) == 0
    assert capsys.readouterr().out == "checkout: valid\n10\n"


def test_the_default_policy_has_the_stages_of_the_specification(repository: Repository) -> None:
    from rollout_bot.files.policy import read_policy

    assert init(repository, "--owner", "@alice") == 0
    policy = read_policy((repository.path / POLICY).read_bytes(), POLICY)
    hours = [(stage.name, stage.percentage, stage.duration.total_seconds() / 3600) for stage in policy.stages]
    assert hours == [("canary", 10, 24), ("quarter", 25, 24), ("half", 50, 48), ("most", 75, 24), ("full", 100, 0)]
    assert [stage.max_error_rate for stage in policy.stages] == pytest.approx([0.005, 0.004, 0.003, 0.002, 0.002])
    assert [stage.requires_approval for stage in policy.stages] == [False, True, True, False, True]


def test_a_second_run_writes_nothing(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    init(repository, "--owner", "@alice")
    before = files(repository.path)
    capsys.readouterr()
    assert init(repository, "--owner", "@bob", "--at", "off") == 0
    assert capsys.readouterr().out == "everything is there already; nothing was written\n"
    assert files(repository.path) == before


def test_what_people_wrote_stays_byte_for_byte(repository: Repository) -> None:
    init(repository, "--owner", "@alice")
    edited = (repository.path / POLICY).read_bytes().replace(b"\n", b"\r\n") + b"# by hand, no newline at the end"
    (repository.path / POLICY).write_bytes(edited)
    (repository.path / STATE).unlink()
    assert init(repository, "--owner", "@alice") == 0
    assert (repository.path / POLICY).read_bytes() == edited
    assert (repository.path / STATE).exists()


@pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"])
@pytest.mark.parametrize("content", [b"* @org/all\n", b"# no newline \xff\n* @a", b"* @a\r\n/x @b\r\n", b""])
def test_code_owners_are_kept_and_added_to(repository: Repository, place: str, content: bytes) -> None:
    path = repository.path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert init(repository, "--owner", "@alice", "--owner", "@org/team") == 0
    after = path.read_bytes()
    assert after.startswith(content)
    added = after[len(content) :].decode().split()
    assert added[:1] + added[-3:] == [
        "/rollout-state/*/state.yaml",
        "/rollout-state/*/policy.yaml",
        "@alice",
        "@org/team",
    ]
    assert (b"\r\n" in content) == (b"\r" in after)
    places = [
        each for each in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS") if (repository.path / each).exists()
    ]
    assert places == [place]


def test_lines_that_a_later_one_undoes_are_written_again(repository: Repository) -> None:
    path = repository.path / ".github/CODEOWNERS"
    path.parent.mkdir()
    path.write_text(LINES + "* @org/all\n")
    assert init(repository, "--owner", "@alice") == 0
    assert path.read_text() == LINES + "* @org/all\n" + LINES


def test_a_rollout_may_start_at_off(repository: Repository) -> None:
    assert init(repository, "--owner", "@alice", "--at", "off") == 0
    assert 'stage: "off"\npercentage: 0\n' in (repository.path / STATE).read_text()


@pytest.mark.parametrize(
    ("options", "stage", "marked"),
    [((), "off", False), (("--at", "off"), "off", False), (("--at", "canary"), "canary", True)],
)
def test_a_first_stage_that_requires_approval_is_started_with_one_or_at_off(
    repository: Repository, options: tuple[str, ...], stage: str, marked: bool
) -> None:
    policy = policy_template("checkout").replace("requires_approval: false", "requires_approval: true", 1)
    (repository.path / POLICY).parent.mkdir(parents=True)
    (repository.path / POLICY).write_text(policy)
    assert init(repository, "--owner", "@alice", *options) == 0
    marker = repository.path / "rollout-state/checkout/approvals/canary.yaml"
    assert marker.exists() is marked
    assert read_state(repository.path / STATE).stage == stage
    if marked:
        assert read_approval(marker.read_bytes(), "x") == Approval("checkout", "canary", 1)
    assert main(["validate", "--repository", str(repository.path)]) == 0


def test_it_starts_nowhere_else(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(repository, "--owner", "@alice", "--at", "half") == 2
    assert "--at 'half': a rollout starts at off or canary" in capsys.readouterr().err
    assert not (repository.path / "rollout-state").exists()


def test_a_dry_run_writes_nothing(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(repository.path)
    assert init(repository, "--owner", "@alice", "--dry-run") == 0
    assert f"would write  {POLICY}" in capsys.readouterr().out
    assert files(repository.path) == before


@pytest.mark.parametrize("owner", ["@alice", "@org/team", "alice@example.com", "@a.b-c_d"])
def test_owners_are_users_teams_or_addresses(repository: Repository, owner: str) -> None:
    assert init(repository, "--owner", owner) == 0
    assert f"approvals/    {owner}\n" in (repository.path / ".github/CODEOWNERS").read_text()


@pytest.mark.parametrize("owner", ["alice", "@", "@a b", "@a\n* @mallory", "@a/b/c", "", "a@b@c", "@ä"])
def test_nothing_else_owns_files(repository: Repository, capsys: pytest.CaptureFixture[str], owner: str) -> None:
    assert init(repository, "--owner", owner) == 2
    assert "allowed: @user, @org/team or an e-mail address" in capsys.readouterr().err
    assert not (repository.path / ".github").exists()


def test_without_an_owner_it_is_who_git_says(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.git("config", "user.name", "Ada Lovelace")
    assert init(repository) == 0
    assert "@Ada-Lovelace" in (repository.path / ".github/CODEOWNERS").read_text()


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "Checkout", "1st", "-x", "a b", "a\n", "ä", "a" * 64, "a_b", "a.b", "\udcff"]
)
def test_hostile_names_are_refused(repository: Repository, capsys: pytest.CaptureFixture[str], name: str) -> None:
    before = files(repository.path)
    assert main(["init", "--repository", str(repository.path), "--owner", "@alice", "--", name]) == 2
    assert "cannot name a rollout" in capsys.readouterr().err
    assert files(repository.path) == before


def test_a_folder_without_git_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "checkout", "--owner", "@alice", "--repository", str(tmp_path)]) == 2
    assert "git init" in capsys.readouterr().err
    assert main(["init", "checkout", "--repository", str(tmp_path / "nowhere")]) == 3
    assert "is no folder" in capsys.readouterr().err


def test_an_invalid_policy_is_not_built_upon(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    path = repository.path / POLICY
    path.parent.mkdir(parents=True)
    path.write_bytes(b"stages: \xff")
    assert init(repository, "--owner", "@alice") == 3
    assert POLICY in capsys.readouterr().err
    assert not (repository.path / STATE).exists()
