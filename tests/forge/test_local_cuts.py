"""Runs that are killed, that meet, or that cannot write."""

from __future__ import annotations

import errno
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from support.forges import BRANCH, MARKER, STATE, full_plan, opening
from support.repositories import START, Repository, make

from rollout_bot.core.decision.actions import ClosePull
from rollout_bot.core.model.repository import PullState
from rollout_bot.forge import git
from rollout_bot.forge.git import Git
from rollout_bot.forge.interface import Conflict, ForgeError
from rollout_bot.forge.local import LocalForge, desk, pulls


class Killed(BaseException):
    """Stands for a kill: nothing in the package may catch it."""


def killing(monkeypatch: pytest.MonkeyPatch, at: int) -> Callable[[], int]:
    """Kills the run before its step number `at`, a step being a git process or a written file; counts the steps."""
    steps = 0

    def cut(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **rest: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == at:
                raise Killed
            return real(*arguments, **rest)

        return step

    monkeypatch.setattr(Git, "run", cut(Git.run))
    monkeypatch.setattr(Path, "replace", cut(Path.replace))
    monkeypatch.setattr(Path, "unlink", cut(Path.unlink))
    return lambda: steps


def story(repository: Repository) -> tuple[object, ...]:
    forge = LocalForge(repository.path, now=START)
    return (
        repository.git("rev-parse", "main:"),
        repository.log(),
        repository.branches(),
        [(pull.number, pull.state, pull.closed_by) for pull in forge.pulls()],
        forge.snapshot().history[STATE][0].pull,
        "" if repository.bare else repository.git("status", "--porcelain"),
        (repository.path / ".git/rollout-bot/merging.json").exists(),
    )


def run_plan(repository: Repository, base: str) -> None:
    forge = LocalForge(repository.path, now=START)
    for action in full_plan(base):
        forge.apply(action)


@pytest.mark.parametrize("part", range(4))
def test_killed_before_any_step_a_repeat_ends_as_if_undisturbed(
    tmp_path: Path, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = make(tmp_path / "undisturbed", {STATE: "stage: quarter\n"})
    with monkeypatch.context() as patch:
        steps = killing(patch, -1)
        run_plan(undisturbed, undisturbed.head())
        total = steps()
    expected = story(undisturbed)
    assert total > 20
    for at in range(1 + part, total + 1, 4):
        repository = make(tmp_path / str(at), {STATE: "stage: quarter\n"})
        base = repository.head()
        with monkeypatch.context() as patch:
            killing(patch, at)
            with pytest.raises(Killed):
                run_plan(repository, base)
        LocalForge(repository.path, now=START).snapshot()
        run_plan(repository, base)
        assert story(repository) == expected, f"killed before step {at} of {total}"


def test_killed_between_work_tree_and_branch_another_merge_is_not_hindered(
    repository: Repository, forge: LocalForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    *before, merge = full_plan(repository.head())
    for action in before:
        forge.apply(action)
    run = Git.run

    def kill(self: Git, *arguments: str, **rest: Any) -> bytes:
        if arguments[0] == "update-ref" and "refs/heads/main" in arguments:
            raise Killed
        return run(self, *arguments, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(Git, "run", kill)
        with pytest.raises(Killed):
            forge.apply(merge)
    assert repository.git("status", "--porcelain") == f"M  {STATE}"
    fresh = LocalForge(repository.path, now=START)
    fresh.apply(ClosePull(1, "regressed"))
    assert repository.git("status", "--porcelain") == ""
    assert (repository.path / STATE).read_text() == "stage: quarter\n"


def test_a_base_that_moves_during_the_merge_conflicts(
    repository: Repository, forge: LocalForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    *before, merge = full_plan(repository.head())
    for action in before:
        forge.apply(action)
    run = Git.run
    tree = repository.git("commit-tree", "main:", "-p", "main", "-m", "faster", when=START)

    def move(self: Git, *arguments: str, **rest: Any) -> bytes:
        if arguments[0] == "update-ref" and "refs/heads/main" in arguments:
            repository.git("update-ref", "refs/heads/main", tree)
        return run(self, *arguments, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(Git, "run", move)
        with pytest.raises(Conflict, match="moved during the merge"):
            forge.apply(merge)
    assert forge.pull(1).state is PullState.OPEN
    assert repository.head() == tree


def _race(path: Path, base: str, barrier: Any, failed: Any) -> None:
    try:
        forge = LocalForge(path, now=START)
        barrier.wait()
        for action in full_plan(base):
            forge.apply(action)
    except BaseException as error:  # noqa: BLE001 - told to the test
        failed.put(repr(error))


def test_two_runs_at_once_make_one_pull_request(repository: Repository) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, failed = context.Barrier(2), context.SimpleQueue()
    runs = [context.Process(target=_race, args=(repository.path, repository.head(), barrier, failed)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert failed.empty(), failed.get()
    forge = LocalForge(repository.path, now=START)
    assert [pull.state for pull in forge.pulls()] == [PullState.MERGED]
    assert repository.log() == ["guardian: quarter → half", "Begin"]
    assert repository.fsck() == ""
    assert repository.git("status", "--porcelain") == ""


def test_a_held_lock_is_told(repository: Repository, forge: LocalForge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "_WAIT", 0.0)
    folder = repository.path / ".git/rollout-bot"
    folder.mkdir()
    with FileLock(folder / "lock"), pytest.raises(ForgeError, match="another run has held"):
        forge.apply(opening(repository.head()))


def test_what_cannot_be_written_is_told(repository: Repository, forge: LocalForge) -> None:
    blocked = repository.path / ".git/rollout-bot"
    blocked.write_text("a file")
    with pytest.raises(ForgeError, match="cannot be locked"):
        forge.apply(opening(repository.head()))
    blocked.unlink()
    blocked.mkdir()
    (blocked / "pulls").write_text("a file")
    with pytest.raises(ForgeError, match="cannot be read"):
        forge.apply(opening(repository.head()))
    with pytest.raises(ForgeError, match="cannot be written"):
        pulls.write_json(blocked / "pulls" / "x.json", {})
    with pytest.raises(TypeError):
        pulls.write_json(blocked / "x.json", object())
    assert sorted(path.name for path in blocked.iterdir()) == ["lock", "pulls"]


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"at": "x", "approvers": []}'])
def test_a_damaged_journal_is_named(repository: Repository, forge: LocalForge, text: str) -> None:
    forge.apply(opening(repository.head()))
    (repository.path / ".git/rollout-bot/merging.json").write_text(text)
    with pytest.raises(ForgeError, match=r"merging\.json: damaged"):
        forge.snapshot()


def test_a_journal_that_cannot_be_removed_is_told_and_removed_later(
    repository: Repository, forge: LocalForge, monkeypatch: pytest.MonkeyPatch
) -> None:
    *before, merge = full_plan(repository.head())
    for action in before:
        forge.apply(action)

    def full(_: Path, **__: bool) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", full)
        with pytest.raises(ForgeError, match=r"merging\.json: cannot be removed: No space left on device"):
            forge.apply(merge)
    run_plan(repository, repository.head())
    assert forge.pull(1).state is PullState.MERGED
    assert not (repository.path / ".git/rollout-bot/merging.json").exists()


def test_a_journal_of_a_forgotten_pull_or_commit_is_dropped(repository: Repository, forge: LocalForge) -> None:
    forge.apply(opening(repository.head()))
    journal = repository.path / ".git/rollout-bot/merging.json"
    head = repository.head()
    known = {
        "number": 9,
        "base": "main",
        "head": head,
        "old": head,
        "new": head,
        "by": "a",
        "at": START.isoformat(),
        "approvers": [],
    }
    for change in ({}, {"new": "0" * 39 + "1", "old": "0" * 40}):
        pulls.write_json(journal, {**known, **change})
        forge.snapshot()
        assert not journal.exists()
    assert forge.pull(1).state is PullState.OPEN


def test_a_command_that_hangs_is_ended(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "_SECONDS", 0.0)
    with pytest.raises(ForgeError, match="no answer within"):
        Git(repository.path).run("status")
    # Silence is not git's way of saying no: a pull request would seem to change every file there is.
    with pytest.raises(ForgeError, match="no answer within"):
        Git(repository.path).maybe("merge-base", "HEAD", "HEAD")


def test_what_starts_with_a_foreign_environment_is_not_misled(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    run_plan(repository, repository.head())
    assert repository.git("status", "--porcelain") == ""


def test_hooks_do_not_run(repository: Repository) -> None:
    hook = repository.path / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    run_plan(repository, repository.head())
    assert LocalForge(repository.path, now=START).pull(1).branch == BRANCH
    assert MARKER not in LocalForge(repository.path, now=START).pull(1).paths
