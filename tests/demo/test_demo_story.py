"""`rollout-bot demo`: whatever the seed, the story that the repository tells is lawful."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollout_bot.cli import main
from rollout_bot.demo.play import Play

COMMAND = str(Path(sys.executable).with_name("rollout-bot"))


def git(repository: Path, *arguments: str) -> str:
    run = subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True)
    return run.stdout


@dataclass(frozen=True)
class Commit:
    """One first-parent commit: what it changed, and the state and the markers after it."""

    subject: str
    paths: tuple[str, ...]
    state: dict[str, Any]
    markers: dict[str, dict[str, Any]]


def history(repository: Path) -> list[Commit]:
    """Oldest first, read with git alone."""
    root = "rollout-state/guardian"
    commits = []
    for line in git(repository, "log", "--first-parent", "--reverse", "--format=%H %s", "main").splitlines():
        commit, subject = line.split(" ", 1)
        paths = git(repository, "show", "--first-parent", "--name-only", "--format=", commit).split()
        names = git(repository, "ls-tree", "-r", "--name-only", commit, f"{root}/approvals/").split()
        markers = {Path(name).stem: yaml.safe_load(git(repository, "show", f"{commit}:{name}")) for name in names}
        state = yaml.safe_load(git(repository, "show", f"{commit}:{root}/state.yaml"))
        commits.append(Commit(subject, tuple(paths), state, markers))
    return commits


def lawful(repository: Path) -> list[Commit]:
    """Checks the whole story against the rules, knowing nothing of the bot's own code."""
    stages = yaml.safe_load((repository / "rollout-state/guardian/policy.yaml").read_text())["stages"]
    ladder = ["off", *(stage["name"] for stage in stages)]
    share = {"off": 0} | {stage["name"]: stage["percentage"] for stage in stages}
    needs = {stage["name"] for stage in stages if stage["requires_approval"]}
    commits = history(repository)
    assert (commits[0].state["attempt"], commits[0].state["generation"]) == (1, 1)
    for before, after in itertools.pairwise(commits):
        old, new = before.state, after.state
        assert new["percentage"] == share[new["stage"]], after.subject
        assert new["generation"] == old["generation"] + 1, after.subject
        climbed = ladder.index(new["stage"]) - ladder.index(old["stage"])
        assert climbed <= 1, after.subject
        assert new["attempt"] == old["attempt"] + (climbed < 0), after.subject
        if climbed > 0:
            assert_allowed(after, needs, from_off=old["stage"] == "off")
        else:
            assert after.paths == ("rollout-state/guardian/state.yaml",), after.subject
        if new["change"]["kind"] == "roll_back" and new["change"]["by"] == "rollout-bot":
            assert new["evidence"]["outcome"] == "regressed"
    return commits


def assert_allowed(commit: Commit, needs: set[str], *, from_off: bool) -> None:
    marker = commit.markers.get(commit.state["stage"], {})
    passed_over = (marker.get("override") or {}).get("gates", [])
    if commit.state["stage"] in needs or passed_over or from_off:
        assert marker["attempt"] == commit.state["attempt"], commit.subject
    assert commit.state["evidence"]["outcome"] == "healthy" or "analysis" in passed_over, commit.subject


def explored(folder: Path) -> None:
    """Checks what a reader finds in the folder beside the repository."""
    timeline = (folder / "timeline.md").read_text()
    merged = [commit.subject for commit in history(folder / "repository")[1:]]
    pulls = sorted((folder / "pulls").iterdir())
    assert [path.name for path in pulls] == [f"{number + 1:04}.md" for number in range(len(pulls))]
    titles = [path.read_text().splitlines()[0] for path in pulls]
    assert len(pulls) >= len(merged) > 0
    for subject in merged:
        title = re.sub(r" \(#\d+\)$", "", subject)
        assert any(title in each for each in titles)
        assert title in timeline
    for path in pulls:
        assert "```diff" in path.read_text()


@pytest.mark.parametrize("seed", [1, 7])
def test_every_story_is_lawful_and_its_own(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, repository = tmp_path / "story", tmp_path / "story/repository"
    command = [COMMAND, "demo", "guardian", "--seed", str(seed), "--output", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert f"git -C {folder}/repository log --first-parent" in run.stdout

    commits = lawful(repository)
    assert (commits[0].state["percentage"], commits[-1].state["percentage"]) == (10, 100)
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "fsck", "--strict", "--no-dangling") == ""
    explored(folder)
    now = re.findall(r"--now (\S+)", run.stdout)[0]
    assert main(["status", "--repository", str(repository), "--now", now]) == 0
    assert "[full 100 %]" in capsys.readouterr().out

    # The same seed begins with the same commits; another seed tells another story from the first move on.
    monkeypatch.setattr("rollout_bot.demo.play.LONGEST", timedelta(hours=30))
    told = git(repository, "log", "--first-parent", "--reverse", "--format=%H", "main").split()
    for other, same in ((seed, True), (seed + 1, False)):
        again = Play(tmp_path / f"again-{other}", "guardian", other)
        assert not again.run()
        begun = git(again.repository, "log", "--first-parent", "--reverse", "--format=%H", "main").split()
        assert (len(begun) > 1 and begun == told[: len(begun)]) is same


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("x")
    assert main(["demo", "--output", str(tmp_path)]) == 2
    assert "is not empty; name a new folder with --output" in capsys.readouterr().err
    assert main(["demo", "--output", str(tmp_path / "mine")]) == 2
    assert "is no folder; name a new folder with --output" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_name_that_cannot_be_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "../x", "--output", str(tmp_path / "new")]) == 2
    assert "cannot name a rollout" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_story_that_does_not_end_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rollout_bot.demo.play.LONGEST", timedelta(hours=1))
    assert main(["demo", "--output", str(tmp_path / "new")]) == 1
    assert "canary, 10 %." in capsys.readouterr().out
