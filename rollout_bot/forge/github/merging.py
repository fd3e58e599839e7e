"""Merges a pull request at the head that was judged, or says what stands in the way."""

from __future__ import annotations

from dataclasses import replace

from rollout_bot.core.decision.actions import MergePull
from rollout_bot.core.model.repository import PullRequest, PullState
from rollout_bot.forge.github import queries
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import Purpose, Unanswered
from rollout_bot.forge.github.opening import headline, message
from rollout_bot.forge.github.reading import Node
from rollout_bot.forge.interface import Applied, Conflict, ForgeError, NotMergeable

PAUSES = (0.5, 1.5, 2.5)
"""Seconds before each further try while GitHub still works out whether a pull request can be merged."""

_SILENT = ("not mergeable", "base branch was modified")
"""GitHub's words where it may just not have made up its mind; a rule that forbids the merge it names."""

_UNDECIDED = ("CLEAN", "HAS_HOOKS", "UNSTABLE", "UNKNOWN")
_REFUSALS = (
    ("auto merge is not allowed", "allow it in Settings → General → Allow auto-merge"),
    ("auto-merge is not allowed", "allow it in Settings → General → Allow auto-merge"),
    ("clean status", "it can be merged by now; the next tick does"),
    ("unstable status", "a check that is not required has failed or runs still; the next tick tries again"),
    ("protected branch rules", "no rule protects the base branch; create the ruleset that `init --github` prints"),
    ("draft", "mark it as ready for review"),
)


def merge_pull(desk: Desk, action: MergePull) -> Applied:
    """Squash-merges. Raises Conflict where head or base moved, NotMergeable with what a rule still asks for.

    The branch stays: unless GitHub deletes it by itself, a tick that has nothing else to do will.
    """
    pull = desk.newest(action.branch)
    head = action.head or desk.made.get(action.branch, pull.head)
    _check(pull, head)
    if pull.state is PullState.MERGED:
        return Applied(changed=False, pull=pull)
    for attempt, pause in enumerate((*PAUSES, None)):
        try:
            _put(desk, action, pull, head)
        except (NotMergeable, Unanswered) as error:
            if attempt != 1 and pause is not None and _silent(error):
                # Mostly GitHub is just working it out; asking what stands in the way would cost a request.
                desk.transport.wait(pause)
                continue
            found = desk.obstacles(pull.number)
            node: Node = found["pullRequest"]
            current = desk.remember(node)
            _check(current, head)
            if current.state is PullState.MERGED:
                return Applied(changed=isinstance(error, Unanswered), pull=current)
            if pause is None or not _undecided(found, node, error):
                raise _obstacle(desk, action, found, error) from None
            desk.transport.wait(pause)
        else:
            break
    merged = replace(pull, state=PullState.MERGED, closed_at=desk.now, closed_by=desk.view.people.actor)
    return Applied(changed=True, pull=desk.keep(merged))


def _check(pull: PullRequest, head: str) -> None:
    if pull.state is PullState.CLOSED:
        raise Conflict(f"#{pull.number} of {pull.branch} was closed; it is not merged")
    if pull.head != head:
        raise Conflict(f"#{pull.number} is at {pull.head[:9]} now, judged was {head[:9]}; the next tick judges anew")


def _put(desk: Desk, action: MergePull, pull: PullRequest, head: str) -> None:
    content = {
        "sha": head,
        "merge_method": "squash",
        "commit_title": f"{headline(action.title)} (#{pull.number})",
        "commit_message": message(action.message),
    }
    purpose = Purpose(f"merge #{pull.number}", "contents: write")
    desk.transport.write("PUT", f"{desk.place.path}/pulls/{pull.number}/merge", purpose, content)


def _silent(error: ForgeError) -> bool:
    return isinstance(error, NotMergeable) and any(words in str(error).lower() for words in _SILENT)


def _undecided(found: Node, node: Node, error: ForgeError) -> bool:
    """Whether it may be merged in a moment: GitHub has not made up its mind, or the base moved just now."""
    if isinstance(error, Unanswered):
        return True
    if found["mergeQueue"] is not None or node["isDraft"]:
        return False
    return node["mergeable"] == "UNKNOWN" or (
        node["mergeable"] == "MERGEABLE" and node["mergeStateStatus"] in _UNDECIDED
    )


def _obstacle(desk: Desk, action: MergePull, found: Node, error: ForgeError) -> ForgeError:
    """What stands in the way, with the way out. Where only the rules do, auto-merge is armed."""
    node: Node = found["pullRequest"]
    what = f"#{node['number']} cannot be merged"
    if isinstance(error, Unanswered):
        return error
    if found["mergeQueue"] is not None or node["isInMergeQueue"]:
        return NotMergeable(
            f"{what}: {desk.base} has a merge queue, which delays rollbacks and ignores what was judged; "
            "leave the queue out for this branch, or merge by hand"
        )
    if node["isDraft"]:
        return NotMergeable(f"{what}: it is a draft; mark it as ready for review")
    if node["mergeable"] == "CONFLICTING":
        return Conflict(
            f"{what}: its files were changed on {desk.base} as well; close it and let the next tick open anew"
        )
    if node["mergeStateStatus"] == "BEHIND":
        return NotMergeable(
            f"{what}: the ruleset wants branches up to date, which delays rollbacks; switch that off (strict: false)"
        )
    return _arm(desk, action, node, f"#{node['number']} is not merged yet: {_waiting(node, error)}")


def _waiting(node: Node, error: ForgeError) -> str:
    decision = {"REVIEW_REQUIRED": "a review is missing", "CHANGES_REQUESTED": "somebody asked for changes"}
    return decision.get(str(node.get("reviewDecision")), str(error))


def _arm(desk: Desk, action: MergePull, node: Node, what: str) -> NotMergeable:
    """Lets GitHub merge as soon as its rules are met, but only where `rollout/gate` is one of them.

    Otherwise it would merge what a later tick has judged to be wrong.
    """
    commits = (node["checked"] or {}).get("nodes") or ()
    context = ((commits[0]["commit"].get("status") or {}).get("context") or {}) if commits else {}
    if not context.get("isRequired"):
        return NotMergeable(f"{what}; the status rollout/gate is not required there, so nothing is left to GitHub")
    if node["autoMergeRequest"] is not None:
        return NotMergeable(f"{what}; auto-merge is armed: GitHub merges it as soon as its rules are met")
    asked = {
        "pullRequestId": node["id"],
        "expectedHeadOid": node["headRefOid"],
        "mergeMethod": "SQUASH",
        "commitHeadline": f"{headline(action.title)} (#{node['number']})",
        "commitBody": message(action.message),
    }
    purpose = Purpose(f"arm auto-merge of #{node['number']}", "contents: write")
    try:
        refused = desk.transport.mutate(queries.AUTO_MERGE, {"input": asked}, purpose).error
    except ForgeError as error:
        refused = error
    if refused is None:
        return NotMergeable(f"{what}; auto-merge is armed now: GitHub merges it as soon as its rules are met")
    said = str(refused)
    way_out = next((fix for part, fix in _REFUSALS if part in said.lower()), "")
    return NotMergeable(f"{what}; and {said}" + (f": {way_out}" if way_out else ""))
