"""Opens a pull request: a branch with one signed commit, and the pull request itself."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rollout_bot.core.decision.actions import OpenPull
from rollout_bot.core.model.repository import ROOT, PullRequest, PullState
from rollout_bot.forge.git import raw
from rollout_bot.forge.github import queries
from rollout_bot.forge.github.desk import Branch, Desk, ref_path
from rollout_bot.forge.github.errors import Purpose, Rejected, Unanswered
from rollout_bot.forge.github.finishing import finish
from rollout_bot.forge.github.reading import Handle, Node, content
from rollout_bot.forge.github.transport import Answer
from rollout_bot.forge.interface import Applied, Conflict, ForgeError, NotFound

BODY = 65_536
"""Characters of a pull request's text or a comment, GitHub's limit."""

_SKIPS = re.compile(
    r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip)\]|^skip-checks:.*$", re.IGNORECASE | re.MULTILINE
)


class _Outrun(Rejected):
    """The branch was made although somebody had opened or refused the same meanwhile."""


def open_pull(desk: Desk, action: OpenPull) -> Applied:
    """Creates first, in few requests; where something is there already, or no answer came, looks and goes on.

    Raises Conflict where somebody was faster: an open pull request with another content, a newer closed one.
    """
    _check(desk, action)
    try:
        head, branch_id = _create(desk, action)
    except (Rejected, Unanswered) as error:
        return _resume(desk, action, error)
    except NotFound as error:
        raise _shadowed(desk, action) or error from None
    return _propose(desk, action, head, branch_id)


def headline(title: str) -> str:
    """A commit's first line, without the words by which it would keep workflows from starting."""
    return " ".join(_SKIPS.sub("", "".join(sign if sign.isprintable() else " " for sign in title)).split()) or "Change"


def message(text: str) -> str:
    return _SKIPS.sub("", text).strip()


def body(text: str) -> str:
    """A text for people, cut where GitHub would refuse it."""
    return text if len(text) <= BODY else text[: BODY - 1] + "…"


def _check(desk: Desk, action: OpenPull) -> None:
    if action.branch == desk.base:
        raise ForgeError(f"{action.branch} is the base branch; a pull request needs a branch of its own")
    snapshot = desk.view.snapshot
    if action.base != snapshot.base:
        _compare(desk, action, snapshot.base)
    present = snapshot.files
    if all(present.get(path) == raw(text) for path, text in action.files.items()):
        raise Conflict(f"{action.branch} would change nothing: {desk.base} holds the same content")


def _compare(desk: Desk, action: OpenPull, tip: str) -> None:
    """The files must be as they were when the plan was made; elsewhere the base may have moved on."""
    keys = [(commit, path) for path in action.files for commit in (action.base, tip)]
    files = desk.asker.learn(tip, (), keys, ())[1]
    for path in action.files:
        if files[action.base, path] != files[tip, path]:
            raise Conflict(f"{path} has changed on {desk.base}; take a new snapshot")


def _create(desk: Desk, action: OpenPull) -> tuple[str, str | None]:
    """The new head, and the branch's id. A branch that a killed run left without a commit serves as well.

    Raises Rejected where it has another commit, or where the branch had another pull request meanwhile.
    """
    ref = {"repositoryId": desk.view.repository, "name": f"refs/heads/{action.branch}", "oid": action.base}
    variables = {"ref": ref, "commit": _commit(desk, action), "branch": action.branch}
    return _made(desk, desk.transport.mutate(queries.CREATE, variables, _creating(action)), action)


def _made(desk: Desk, answer: Answer, action: OpenPull) -> tuple[str, str | None]:
    """The new head, and the branch's id. Raises _Outrun where the branch had another pull request meanwhile."""
    committed: Node = answer.data.get("createCommitOnBranch") or {}
    if not committed.get("commit"):
        raise _uncommitted(answer.error, action)
    found = committed.get("ref") or {}
    pulls = ((found.get("repository") or {}).get("pullRequests") or {}).get("nodes") or ()
    here = (node for node in pulls if node["baseRefName"] == desk.base and not node["isCrossRepository"])
    if any(node["number"] > action.after and not desk.view.holds(node) for node in here):
        raise _Outrun(f"{action.branch} has had another pull request meanwhile; the next tick sees it")
    return str(committed["commit"]["oid"]), found.get("id")


def _uncommitted(error: ForgeError | None, action: OpenPull) -> ForgeError:
    # The branch stands elsewhere than expected: no reason to give up, but to look.
    if isinstance(error, Conflict):
        return Rejected(str(error))
    return error or Unanswered(f"cannot {_creating(action).what}: GitHub's answer holds no commit")


def _commit(desk: Desk, action: OpenPull) -> Mapping[str, Any]:
    additions = [
        {"path": path, "contents": b64encode(raw(text)).decode("ascii")} for path, text in action.files.items()
    ]
    return {
        "branch": {"repositoryNameWithOwner": str(desk.place), "branchName": action.branch},
        "expectedHeadOid": action.base,
        "fileChanges": {"additions": additions},
        "message": {"headline": headline(action.title), "body": message(action.message)},
    }


def _creating(action: OpenPull) -> Purpose:
    return Purpose(f"create the branch {action.branch}", "contents: write")


def _resume(desk: Desk, action: OpenPull, error: ForgeError) -> Applied:
    """Goes on from what a killed run, another run or a lost answer left."""
    found = desk.branch(action.branch)
    try:
        done = _known(desk, action, found)
    except Conflict:
        if isinstance(error, _Outrun):
            _drop(desk, action, found)
        raise
    if done is not None:
        if isinstance(error, _Outrun) and done.pull is not None and done.pull.state is PullState.MERGED:
            _drop(desk, action, found)
        return done
    if found.head is None:
        raise _shadowed(desk, action) or error
    if found.head != action.base:
        # Whatever is on a branch of the bot's without a pull request was not judged; it is made anew.
        content = {"sha": action.base, "force": True}
        desk.transport.write("PATCH", ref_path(desk.place, action.branch), _creating(action), content)
    variables = {"commit": _commit(desk, action), "branch": action.branch}
    try:
        head, branch_id = _made(desk, desk.transport.mutate(queries.COMMIT, variables, _creating(action)), action)
    except _Outrun as outrun:
        if isinstance(error, _Outrun):
            raise
        # Another run opened or even merged the same since the look.
        return _resume(desk, action, outrun)
    return _propose(desk, action, head, branch_id or found.id)


def _known(desk: Desk, action: OpenPull, found: Branch) -> Applied | None:
    """What the pull requests of the branch mean for opening another one."""
    for node in found.pulls:
        if node["state"] == "OPEN":
            return _same(desk, action, node)
        pull = desk.remember(node)
        if pull.state is PullState.MERGED:
            if desk.view.holds(node):
                # The plan knew what it brought: a life of the rollout before this one, or what is no rollout's.
                continue
            return Applied(changed=False, pull=pull)
        if pull.number > action.after:
            raise Conflict(f"#{pull.number} of {action.branch} was closed meanwhile; the next tick sees it")
    return None


def _shadowed(desk: Desk, action: OpenPull) -> ForgeError | None:
    """Whether another branch keeps this one from existing: git has none below another."""
    parents = itertools.accumulate(action.branch.split("/")[:-1], lambda parent, name: f"{parent}/{name}")
    for parent in parents:
        if desk.branch(parent).head is not None:
            what = f"there is a branch called {parent}, and git keeps none below another; delete or rename it"
            return ForgeError(f"cannot {_creating(action).what}: {what}")
    return None


def _drop(desk: Desk, action: OpenPull, found: Branch) -> None:
    """Deletes a branch that was created again for nothing; if that fails, it may stay."""
    if found.id is None:
        return
    document = queries.closing(comment=False, close=False, branch=True)
    try:
        desk.transport.mutate(document, {"branch": {"refId": found.id}}, _creating(action))
    except ForgeError:
        return


def _same(desk: Desk, action: OpenPull, node: Node) -> Applied:
    """An open pull request of the branch: ours, if it brings these files and no other."""
    head = str(node["headRefOid"])
    files = desk.asker.learn(action.base, (), [(head, path) for path in action.files], ())[1]
    same = all(content(files[head, path]) == raw(text) for path, text in action.files.items())
    listed = desk.asker.paths([node])[int(node["number"])]
    if not same or listed.doubtful or not set(listed.paths) <= set(action.files):
        raise Conflict(f"#{node['number']} of {action.branch} is open with another content; close it first")
    desk.made[action.branch] = head
    return Applied(changed=False, pull=desk.remember(node))


def _propose(desk: Desk, action: OpenPull, head: str, branch_id: str | None) -> Applied:
    purpose = Purpose(f"open the pull request of {action.branch}", "pull-requests: write")
    content = {
        "title": headline(action.title),
        "body": body(action.body),
        "head": action.branch,
        "base": desk.base,
        "maintainer_can_modify": False,
    }
    try:
        opened = desk.transport.write("POST", f"{desk.place.path}/pulls", purpose, content)
    except (Rejected, Unanswered) as error:
        if "no commits between" in str(error).lower():
            raise Conflict(f"{action.branch} would change nothing: {desk.base} holds the same content") from None
        done = _known(desk, action, desk.branch(action.branch))
        if done is None or done.pull is None or done.pull.head != head:
            raise
        return replace(finish(desk, done.pull, action.labels, action.reviewers), changed=True)
    pull = _opened(desk, action, head, int(opened["number"]))
    desk.keep(pull, Handle(str(opened["node_id"]), branch_id, armed=False))
    return replace(finish(desk, pull, action.labels, action.reviewers, opened), changed=True)


def _opened(desk: Desk, action: OpenPull, head: str, number: int) -> PullRequest:
    desk.made[action.branch] = head
    return PullRequest(
        number=number,
        branch=action.branch,
        head=head,
        author=desk.view.people.actor,
        title=headline(action.title),
        body=body(action.body),
        state=PullState.OPEN,
        opened_at=desk.now,
        paths=tuple(action.files),
        changes={path: raw(text) for path, text in action.files.items() if path.startswith(f"{ROOT}/")},
        owners_approved=desk.view.owners.approved(tuple(action.files), ()),
    )
