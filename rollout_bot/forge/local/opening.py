"""Finds the repository that a folder belongs to, and its base branch."""

from __future__ import annotations

from pathlib import Path

from rollout_bot.forge.git import Git, GitFailed, shown
from rollout_bot.forge.interface import NotFound, Unusable

BASE = "rolloutbot.base"
"""Key in git's configuration that names the base branch of a repository whose HEAD wanders."""


def discover(folder: Path, base_branch: str | None) -> tuple[Path, str]:
    """The common git directory and the base branch's name.

    Raises NotFound where there is no repository, Unusable for a shallow clone or where no base branch can be told.
    """
    if not folder.is_dir():
        raise NotFound(f"{shown(str(folder))} is no folder; give the path of a git repository")
    git = Git(folder)
    try:
        answer = git.line("rev-parse", "--path-format=absolute", "--is-shallow-repository", "--git-common-dir")
    except GitFailed as error:
        raise NotFound(
            f"{shown(str(folder))} is no usable git repository: {error.reason}; give the path of one, or run `git init`"
        ) from None
    shallow, _, common = answer.partition("\n")
    if shallow == "true":
        raise Unusable(
            f"{shown(str(folder))} is a shallow clone, which does not tell when a stage was entered; "
            "run `git fetch --unshallow` (in a workflow: fetch-depth: 0)"
        )
    return Path(common), base_branch or git.maybe("config", "--get", BASE) or _head(git)


def _head(git: Git) -> str:
    name = git.maybe("symbolic-ref", "--quiet", "HEAD")
    if name is None or not name.startswith("refs/heads/"):
        raise Unusable("HEAD is detached, so the base branch is unknown; check a branch out, or name the base branch")
    return name.removeprefix("refs/heads/")
