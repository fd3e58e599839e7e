"""`rollout-bot percentage`: one integer or nothing at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.repositories import START, Content, Repository, make
from support.rollouts import HALF, MOST, down, on_hold, state, up
from support.ticks import NAME, POLICY, POLICY_TEXT, STATE, initial

from rollout_bot import read_state
from rollout_bot.cli import main
from rollout_bot.core.model.repository import approval_path
from rollout_bot.core.model.state import Approval
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state

COMMAND = str(Path(sys.executable).with_name("rollout-bot"))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return make(tmp_path / "service", initial(stage="half"))


def percentage(folder: Path, name: str = NAME) -> int:
    return main(["percentage", name, "--repository", str(folder)])


def test_it_prints_one_integer(repository: Repository) -> None:
    run = subprocess.run(
        [COMMAND, "percentage", NAME], cwd=repository.path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "50\n", "")


def test_the_work_tree_counts_committed_or_not(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    (repository.path / STATE).write_text(str(initial(stage="most")[STATE]))
    folder = repository.path / "a" / "deep" / "folder"
    folder.mkdir(parents=True)
    assert percentage(folder) == 0
    assert capsys.readouterr().out == "75\n"


def test_a_shallow_clone_and_an_exported_tree_will_do(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit_on_main({"x": "y"}, START)
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.path}", str(tmp_path / "shallow"))
    assert percentage(tmp_path / "shallow") == 0
    repository.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "worktree"))
    assert percentage(tmp_path / "worktree") == 0
    (tmp_path / "worktree" / ".git").unlink()
    assert percentage(tmp_path / "worktree") == 0
    assert capsys.readouterr().out == "50\n50\n50\n"


def test_a_bare_repository_answers_for_its_base_branch(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    # Inside of another repository's folder, to see that it is not taken for that one.
    bare = repository.path / "bare"
    repository.git("clone", "--quiet", "--bare", ".", str(bare))
    repository.commit_on_main({STATE: initial(stage="most")[STATE]}, START)
    assert percentage(bare) == 0
    assert main(["validate", "--repository", str(bare)]) == 0
    assert capsys.readouterr().out == f"50\n{NAME}: valid\n"
    assert percentage(bare, "other") == 3


@pytest.mark.parametrize("name", ["other", "../checkout", "Checkout", "", "a b", "\udcff"])
def test_a_rollout_that_is_not_there_prints_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert percentage(repository.path, name) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rollout-bot: ")


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (STATE, b""),
        (STATE, b"<<<<<<< ours\npercentage: 10\n"),
        (STATE, b"\xff\x00\x01"),
        (STATE, b"percentage: 25\n" * 50_000),
        (STATE, str(initial(stage="half")[STATE]).replace("percentage: 50", "percentage: 60").encode()),
        (STATE, str(initial(stage="half")[STATE]).replace("stage: half", "stage: third").encode()),
        (STATE, str(initial(stage="half")[STATE]).replace("rollout: checkout", "rollout: other").encode()),
        (POLICY, b"stages: []\n"),
    ],
)
def test_an_invalid_file_prints_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str], path: str, content: bytes
) -> None:
    (repository.path / path).write_bytes(content)
    assert percentage(repository.path) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert path in captured.err


@pytest.mark.parametrize("path", [STATE, POLICY])
def test_a_missing_or_unreadable_file_prints_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    (repository.path / path).unlink()
    assert percentage(repository.path) == 3
    assert f"{path} is missing; write it with: rollout-bot init checkout" in capsys.readouterr().err
    (repository.path / path).mkdir()
    assert percentage(repository.path) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{path} cannot be read" in captured.err


def test_no_folder_and_no_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert percentage(tmp_path / "nowhere") == 3
    assert "is no folder; give the path of a git repository" in capsys.readouterr().err
    assert percentage(tmp_path) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("expected", "code", "out"), [("0", 0, "50\n"), ("1", 0, "50\n"), ("2", 1, "")])
def test_it_does_not_go_back_to_an_older_state(
    repository: Repository, capsys: pytest.CaptureFixture[str], expected: str, code: int, out: str
) -> None:
    call = ["percentage", NAME, "--repository", str(repository.path), "--expect-generation", expected]
    assert main(call) == code
    captured = capsys.readouterr()
    assert captured.out == out
    assert ("is at generation 1 here, older than 2, which was deployed" in captured.err) == bool(code)


@pytest.mark.parametrize("text", ["-1", "x", "", "1.0", "٣", "1" * 5000])
def test_a_generation_is_a_number(repository: Repository, capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["percentage", NAME, "--repository", str(repository.path), f"--expect-generation={text}"])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "allowed: a whole number, 0 if none was deployed" in captured.err


def test_it_imports_nothing_heavy(repository: Repository) -> None:
    snippet = (
        "import json, sys; from rollout_bot.cli import main; "
        f"main(['percentage', {NAME!r}, '--repository', {str(repository.path)!r}]); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=True)
    first, modules = run.stdout.splitlines()
    assert first == "50"
    heavy = {
        "github",
        "requests",
        "jsonschema",
        "rich",
        "filelock",
        "prometheus_client",
        "subprocess",
        "importlib.metadata",
    }
    assert heavy.isdisjoint(json.loads(modules))


# Without the approval that the stage requires

MARKER = approval_path(NAME, "half")
UP = write_state(up(state(), HALF))
GIVEN = write_approval(Approval(NAME, "half", 1))
LAX = POLICY_TEXT.replace(", requires_approval: true", "")
REFUSED = (
    f"rollout-bot: {STATE}:1:1: found stage 'half', entered without its approval; "
    f"allowed: with {MARKER} for attempt 1, which an owner adds by pull request. "
    "Or go down: rollout-bot rollback checkout --reason …\n"
)


def refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["percentage", NAME], ["export", NAME, "--format", "env"]):
        assert main([*command, "--repository", str(folder)]) == 3
        assert capsys.readouterr() == ("", REFUSED)
    assert main(["validate", NAME, "--repository", str(folder)]) == 3
    capsys.readouterr()


@pytest.mark.parametrize("marker", [None, write_approval(Approval(NAME, "half", 2)), b"\xff", "yes\n"])
def test_a_stage_entered_without_its_approval_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], marker: Content
) -> None:
    made = make(tmp_path / "r", initial())
    made.commit({STATE: UP, MARKER: marker} if marker is not None else {STATE: UP}, START)
    refused(made.path, capsys)
    shallow = tmp_path / "shallow"
    made.git("clone", "--quiet", "--depth=1", f"file://{made.path}", str(shallow))
    refused(shallow, capsys)
    (made.path / MARKER).parent.mkdir(exist_ok=True)
    (made.path / MARKER).write_text(GIVEN)
    assert percentage(made.path) == 0


def test_it_is_refused_where_git_cannot_tell_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(tmp_path / "r", initial())
    (made.path / STATE).write_text(UP)
    refused(made.path, capsys)
    (made.path / ".git").rename(tmp_path / "elsewhere")
    refused(made.path, capsys)


@pytest.mark.parametrize("since", [{POLICY: POLICY_TEXT}, {POLICY: POLICY_TEXT, "x": "y"}])
def test_a_policy_made_stricter_since_refuses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], since: dict[str, Content]
) -> None:
    """Repositories from before the gate asked for the marker; only a shallow clone cannot tell."""
    made = make(tmp_path / "r", initial(text=LAX))
    made.commit({STATE: UP}, START)
    made.commit(since, START)
    assert percentage(made.path) == 0
    assert capsys.readouterr().out == "50\n"
    shallow = tmp_path / "shallow"
    made.git("clone", "--quiet", "--depth=1", f"file://{made.path}", str(shallow))
    refused(shallow, capsys)


def test_what_is_not_committed_was_never_approved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The policy of the last commit asked for none; but that brought another state."""
    made = make(tmp_path / "r", initial(text=LAX))
    (made.path / POLICY).write_text(POLICY_TEXT)
    (made.path / STATE).write_text(UP)
    refused(made.path, capsys)


def test_a_marker_tidied_away_since_refuses_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = make(tmp_path / "r", initial())
    made.commit({STATE: UP, MARKER: GIVEN}, START)
    made.commit({MARKER: None}, START)
    bare = tmp_path / "bare"
    made.git("clone", "--quiet", "--bare", ".", str(bare))
    assert percentage(made.path) == percentage(bare) == 0
    assert capsys.readouterr().out == "50\n50\n"


@pytest.mark.parametrize("broken", [{POLICY: "stages: []\n"}, {POLICY: None}])
def test_a_policy_that_was_broken_at_the_entry_speaks_for_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: dict[str, Content]
) -> None:
    made = make(tmp_path / "r", initial())
    made.commit({STATE: UP, **broken}, START)
    made.commit({POLICY: POLICY_TEXT}, START)
    refused(made.path, capsys)


def test_where_a_rollback_led_nobody_has_to_approve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    back = down(up(up(state(), HALF), MOST), HALF)
    for committed in (back, on_hold(back)):
        made = make(tmp_path / committed.change.kind.value, initial() | {STATE: write_state(committed)})
        assert percentage(made.path) == 0
    assert capsys.readouterr().out == "50\n50\n"


def test_the_contract_for_python_needs_no_policy_and_no_marker(tmp_path: Path) -> None:
    made = make(tmp_path / "r", initial() | {STATE: UP})
    assert read_state(made.path / STATE).percentage == 50
