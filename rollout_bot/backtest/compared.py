"""Which policies to replay side by side: that of the work tree, and the one it is held against."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rollout_bot.checkout import Checkout
from rollout_bot.core.model.policy import Policy
from rollout_bot.core.model.repository import policy_path
from rollout_bot.files.problems import NotThere
from rollout_bot.forge.git import Git, GitFailed
from rollout_bot.forge.local.opening import BASE
from rollout_bot.tick.reading import check_policy

BASE_BRANCH = "base"
"""What stands for the base branch in place of a file."""

Labelled = tuple[str, Policy]


def pairs(
    repository: Path, names: Sequence[str], against: str | None, environment: Mapping[str, str] = os.environ
) -> Iterator[tuple[str, list[Labelled]]]:
    """Each rollout with one policy, or two where there is another to compare with.

    Without names, every rollout; against the base branch, those alone whose policy differs. Raises InvalidFile.
    """
    checkout = Checkout(repository)
    for name in names or checkout.rollouts():
        content = checkout.content(policy_path(name), name)
        policy = check_policy(content, policy_path(name))
        if against is None:
            yield name, [("this policy", policy)]
        elif against != BASE_BRANCH:
            yield name, [("this policy", policy), (Path(against).name, _file(Path(against)))]
        else:
            revision, base = base_revision(checkout.root, environment)
            other = _committed(checkout.root, revision, policy_path(name))
            if other is None:
                yield name, [("this policy", policy)]
            elif names or other != content:
                held_against = check_policy(other, f"{base}:{policy_path(name)}")
                yield name, [("this policy", policy), (f"base ({base})", held_against)]


def base_revision(root: Path, environment: Mapping[str, str]) -> tuple[str, str]:
    """The base branch as git finds it, and its name for people.

    For a run of a pull request the branch that it goes to, or the first parent of its merge; else the branch that
    git's configuration names, the default branch of `origin`, or what is committed here.
    """
    git = Git(root)
    asked, configured = environment.get("GITHUB_BASE_REF", ""), git.maybe("config", "--get", BASE)
    candidates: dict[str, str] = {}
    if asked:
        candidates |= {f"refs/remotes/origin/{asked}": asked, "HEAD^1": asked}
    if configured:
        candidates[f"refs/heads/{configured}"] = configured
    candidates["refs/remotes/origin/HEAD"] = "origin"
    for revision, name in candidates.items():
        try:
            git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        except GitFailed:
            continue
        return revision, name
    return "HEAD", "HEAD"


def _committed(root: Path, revision: str, path: str) -> bytes | None:
    try:
        return Git(root).run("cat-file", "blob", f"{revision}:{path}")
    except GitFailed:
        return None


def _file(path: Path) -> Policy:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NotThere(f"{path} cannot be read: {error.strerror}; give a file, or base") from None
    return check_policy(content, str(path))
