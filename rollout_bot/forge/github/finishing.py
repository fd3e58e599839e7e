"""The last steps of opening a pull request: reviews are asked for, then labels are set. No rollout waits for either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rollout_bot.core.decision.actions import FinishPull
from rollout_bot.core.model.repository import PullRequest, PullState
from rollout_bot.forge.codeowners import fold
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import Overloaded, Purpose, Unanswered, understood
from rollout_bot.forge.github.reading import Node
from rollout_bot.forge.interface import Applied, BudgetSpent, ForgeError


def finish_pull(desk: Desk, action: FinishPull) -> Applied:
    """What a run cut short has left undone. Nobody is asked who was asked before, or has approved."""
    pull = desk.pull(action.number)
    if pull.state is not PullState.OPEN:
        return Applied(changed=False, pull=pull)
    return finish(desk, pull, action.labels, action.reviewers)


def finish(
    desk: Desk, pull: PullRequest, labels: Sequence[str], reviewers: Sequence[str], told: Node | None = None
) -> Applied:
    """Asks and labels; `told` is GitHub's answer to the opening, which names those that it has asked itself.

    Labels come last: while there are none the next tick tries both again, so they wait for reviews that GitHub could
    not be asked for. What it refuses for good is noted, and left.
    """
    notes, done = [], False
    try:
        with understood():
            refused = _ask(desk, pull, reviewers, told)
        if refused:
            notes.append(refused)
    except ForgeError as error:
        return Applied(changed=False, pull=pull, note=str(error))
    try:
        with understood():
            _label(desk, pull, labels)
        pull, done = desk.keep(replace(pull, labels=(*pull.labels, *labels))), True
    except ForgeError as error:
        notes.append(str(error))
    return Applied(changed=done, pull=pull, note="; ".join(notes) or None)


def _ask(desk: Desk, pull: PullRequest, reviewers: Sequence[str], told: Node | None) -> str | None:
    """Asks those who were not asked yet; answers what GitHub refuses. Raises ForgeError where asking again helps."""
    if not reviewers:
        return None
    path = f"{desk.place.path}/pulls/{pull.number}/requested_reviewers"
    purpose = Purpose(f"ask for the review of #{pull.number}", "pull-requests: write")
    if told is None:
        found = desk.transport.get(path, purpose)
        told = {"requested_reviewers": found["users"], "requested_teams": found["teams"]}
    known = {fold(str(each["login"])) for each in told.get("requested_reviewers") or ()} | set(
        map(fold, pull.approvers)
    )
    teams_known = {fold(str(each["slug"])) for each in told.get("requested_teams") or ()}
    names = {fold(each): each.removeprefix("@") for each in reviewers}.values()
    people = [name for name in names if "/" not in name and fold(name) not in known]
    teams = [slug for name in names if "/" in name and fold(slug := name.partition("/")[2]) not in teams_known]
    refused = _request(desk, path, purpose, people, teams)
    # One team that the token may not see must not keep the people from being asked.
    if refused and people and teams:
        again = _request(desk, path, purpose, people, [])
        return again or f"{refused}; the people were asked, the teams were not"
    return refused


def _request(desk: Desk, path: str, purpose: Purpose, people: list[str], teams: list[str]) -> str | None:
    content = {"reviewers": people, "team_reviewers": teams}
    asked: dict[str, Any] = {key: names for key, names in content.items() if names}
    if not asked:
        return None
    try:
        _insist(lambda: desk.transport.write("POST", path, purpose, asked))
    except (Unanswered, BudgetSpent):
        raise
    except ForgeError as error:
        return str(error)
    return None


def _label(desk: Desk, pull: PullRequest, labels: Sequence[str]) -> None:
    """GitHub makes labels that it does not know yet."""
    if not labels:
        return
    purpose = Purpose(f"label #{pull.number}", "pull-requests: write")
    path = f"{desk.place.path}/issues/{pull.number}/labels"
    _insist(lambda: desk.transport.write("POST", path, purpose, {"labels": list(labels)}))


def _insist(act: Callable[[], object]) -> None:
    """Once more after a lost answer: done twice is done once. A GitHub that is slow or down keeps no merge waiting."""
    try:
        act()
    except Overloaded:
        raise
    except Unanswered:
        act()
