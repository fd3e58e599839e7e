"""The smaller actions: text, status, closing, starting a workflow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from rollout_bot.core.decision.actions import ClosePull, DeleteBranch, SetGate, StartWorkflow, UpdatePull
from rollout_bot.core.model.repository import GATE, GateStatus, PullRequest, PullState
from rollout_bot.forge.github import queries
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import Purpose, Unanswered
from rollout_bot.forge.github.opening import body, headline
from rollout_bot.forge.interface import Applied, Conflict, ForgeError, NotFound

DESCRIPTION = 140
"""Characters of a status' description, GitHub's limit."""

_ROLES = ("admin", "maintain", "write", "triage", "read", "none")


def update_pull(desk: Desk, action: UpdatePull) -> Applied:
    """Replaces the text. Raises Conflict where the pull request is not open any more."""
    pull = desk.pull(action.number)
    if pull.state is not PullState.OPEN:
        raise Conflict(f"#{pull.number} is {pull.state}, not open")
    title, text = headline(action.title), body(action.body)
    if (pull.title, pull.body) == (title, text):
        return Applied(changed=False, pull=pull)
    purpose = Purpose(f"change the text of #{pull.number}", "pull-requests: write")
    desk.transport.write(
        "PATCH", f"{desk.place.path}/pulls/{pull.number}", purpose, {"title": title, "body": text}, again=True
    )
    return Applied(changed=True, pull=desk.keep(replace(pull, title=title, body=text)))


def set_gate(desk: Desk, action: SetGate) -> Applied:
    """Sets the status if it differs: GitHub takes a thousand for each commit. Raises Conflict where it is of no use."""
    pull = desk.newest(action.branch)
    head = action.head or desk.made.get(action.branch, pull.head)
    if pull.state is not PullState.OPEN:
        if pull.state is PullState.MERGED and head == pull.head:
            return Applied(changed=False, pull=pull)
        raise Conflict(f"#{pull.number} of {action.branch} is {pull.state}; a status is of no use there")
    status = GateStatus(action.status.state, _short(action.status.description))
    ours = pull.gate_by in (desk.view.people.actor, None)
    if head == pull.head and pull.gate == status and ours:
        return Applied(changed=False, pull=pull)
    purpose = Purpose(f"set {GATE} on #{pull.number}", "statuses: write")
    content = {"state": str(status.state), "context": GATE, "description": status.description}
    desk.transport.write("POST", f"{desk.place.path}/statuses/{quote(head)}", purpose, content, again=True)
    return Applied(
        changed=True, pull=desk.keep(replace(pull, gate=status, gate_by=None)) if head == pull.head else pull
    )


def note(desk: Desk, commit: str, topic: str, text: str) -> None:
    """Sets a status of its own on a commit of the base branch; always a success, which keeps nobody from anything."""
    purpose = Purpose(f"note on {commit[:9]} what people were told", "statuses: write")
    content = {"state": "success", "context": topic, "description": _short(text)}
    desk.transport.write("POST", f"{desk.place.path}/statuses/{quote(commit)}", purpose, content, again=True)


def close_pull(desk: Desk, action: ClosePull) -> Applied:
    """Comments, closes and deletes the branch, in one request. Raises Conflict where it is merged."""
    pull = desk.pull(action.number)
    if pull.state is PullState.MERGED:
        raise Conflict(f"#{pull.number} is merged; it cannot be closed")
    if pull.state is PullState.CLOSED:
        return _closed_before(desk, pull)
    try:
        _close(desk, pull, action.comment)
    except Unanswered:
        found = desk.obstacles(pull.number)["pullRequest"]
        if found["state"] == "MERGED":
            raise Conflict(f"#{pull.number} is merged; it cannot be closed") from None
        if found["state"] == "OPEN":
            _close(desk, desk.remember(found), action.comment)
        else:
            return replace(_closed_before(desk, desk.remember(found)), changed=True)
    closed = replace(pull, state=PullState.CLOSED, closed_at=desk.now, closed_by=desk.view.people.actor)
    return Applied(changed=True, pull=desk.keep(closed))


def start_workflow(desk: Desk, action: StartWorkflow) -> Applied:
    """Starts a workflow on the base branch. Raises NotFound where there is none of that name."""
    name = action.workflow.removeprefix(".github/workflows/")
    purpose = Purpose(f"start the workflow {name}", "actions: write")
    content: dict[str, Any] = {"ref": desk.base, "inputs": dict(action.inputs)}
    desk.transport.write(
        "POST", f"{desk.place.path}/actions/workflows/{quote(name, safe='')}/dispatches", purpose, content
    )
    return Applied(changed=True)


def delete_branch(desk: Desk, action: DeleteBranch) -> Applied:
    """Deletes what a merge left behind, unless the branch has moved. It may stay: nothing depends on it."""
    note = desk.delete(action.branch, action.head)
    return Applied(changed=note is None, note=note)


def role(desk: Desk, person: str) -> str:
    """A collaborator's role; one that an organisation made itself counts as the standard role it is based on.

    Raises Unanswered where the answer names none at all.
    """
    purpose = Purpose(f"look up the role of {person}", "metadata: read")
    try:
        found = desk.transport.get(f"{desk.place.path}/collaborators/{quote(person, safe='')}/permission", purpose)
    except NotFound:
        return "none"
    if not isinstance(found, dict) or not (found.get("role_name") or found.get("permission")):
        raise Unanswered(f"cannot {purpose.what}: GitHub's answer names no role")
    name, permission = str(found.get("role_name")), str(found.get("permission"))
    return name if name in _ROLES else permission if permission in _ROLES else "none"


def _close(desk: Desk, pull: PullRequest, comment: str) -> None:
    handle = desk.handle(pull)
    said = bool(comment.strip())
    variables: dict[str, Any] = {"close": {"pullRequestId": handle.id}}
    if said:
        variables["comment"] = {"subjectId": handle.id, "body": body(comment)}
    ours = handle.branch_id is not None and ":" not in pull.branch
    if ours:
        variables["branch"] = {"refId": handle.branch_id}
    answer = desk.transport.mutate(
        queries.closing(comment=said, close=True, branch=ours),
        variables,
        Purpose(f"close #{pull.number}", "pull-requests: write"),
    )
    closed = (answer.data.get("closePullRequest") or {}).get("pullRequest") or {}
    if closed.get("state") == "MERGED":
        raise Conflict(f"#{pull.number} is merged; it cannot be closed")
    if not closed:
        raise answer.error or Unanswered(f"cannot close #{pull.number}: GitHub's answer does not say that it is closed")


def _closed_before(desk: Desk, pull: PullRequest) -> Applied:
    """A run that was killed may have left the branch; somebody's newer work on it stays."""
    found = desk.branch(pull.branch)
    newest = found.pulls and found.pulls[0]["number"] == pull.number
    if found.id is not None and found.head == pull.head and newest:
        document = queries.closing(comment=False, close=False, branch=True)
        purpose = Purpose(f"delete the branch {pull.branch}", "contents: write")
        try:
            desk.transport.mutate(document, {"branch": {"refId": found.id}}, purpose)
        except ForgeError:
            return Applied(changed=False, pull=pull)
    return Applied(changed=False, pull=pull)


def _short(text: str) -> str:
    return text if len(text) <= DESCRIPTION else text[: DESCRIPTION - 1] + "…"
