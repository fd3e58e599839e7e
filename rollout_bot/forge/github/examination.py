"""What is right, weak, wrong or unknowable about a repository on GitHub. Reads only; what cannot be read is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.model.repository import GATE, PullState
from rollout_bot.forge.github import owners, protection, schedule
from rollout_bot.forge.github.bearer import Bearer, Kind
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import Purpose, Unanswered
from rollout_bot.forge.github.queries import PAGE
from rollout_bot.forge.interface import ForgeError

_REPOSITORY = Purpose("look at the repository's settings", "metadata: read")
_RULES = Purpose("look at the rules of the base branch", "metadata: read")
_BRANCH = Purpose("look at the base branch", "contents: read")
_ACTIONS = Purpose("look at the settings of GitHub Actions", "administration: read")
_APP = Purpose("look up the id of the App", "metadata: read")

_PAGES = 10
_SWITCH = "“Allow GitHub Actions to create and approve pull requests”"
_PLACE = "Settings → Actions → General → Workflow permissions"
_MERGING = "Settings → General → Pull Requests"
_NEEDS = "contents, pull requests and commit statuses (actions too, where a policy has a deploy_workflow)"


def examine(desk: Desk, rollouts: Sequence[str]) -> Iterator[Finding]:
    """Everything. Raises ForgeError only where the repository cannot be read at all."""
    snapshot = desk.view.snapshot
    place = f"{desk.place}, base branch {snapshot.base_branch}, acting as {snapshot.actor}"
    yield Finding(Level.RIGHT, "repository", place)
    bearer = _bearer(desk)
    settings = _settings(desk)
    yield from _token(bearer, settings)
    if bearer.kind is Kind.ACTIONS:
        yield _may_open(desk)
    yield from _merging(settings)
    yield from _rules(desk, bearer)
    yield _own_branches(desk, bearer)
    yield from owners.examine(desk, rollouts)
    yield from schedule.examine(desk)
    yield from _waiting(desk)


def _bearer(desk: Desk) -> Bearer:
    name, kind = desk.view.snapshot.actor.removesuffix("[bot]"), desk.transport.kind
    if kind is not Kind.APP:
        return Bearer(name, kind)
    kind = Kind.ACTIONS if name == "github-actions" else kind
    try:
        found = desk.transport.get(f"/apps/{quote(name, safe='')}", _APP)
    except ForgeError:
        return Bearer(name, kind)
    app = found.get("id") if isinstance(found, dict) else None
    return Bearer(name, kind, app if isinstance(app, int) else None)


def _settings(desk: Desk) -> dict[str, Any] | ForgeError:
    try:
        found = desk.transport.get(desk.place.path, _REPOSITORY)
    except ForgeError as error:
        return error
    return found if isinstance(found, dict) else {}


def _token(bearer: Bearer, settings: dict[str, Any] | ForgeError) -> Iterator[Finding]:
    subject = "token"
    if bearer.kind is Kind.PERSON:
        text = f"it is {bearer.name}'s own: the bot can do all that {bearer.name} can, and {bearer.name} cannot approve"
        fix = "let a GitHub App act, see docs/github.md, Tokens; GITHUB_TOKEN does for a start"
        yield Finding(Level.WEAK, subject, text, fix)
        given = settings.get("permissions") if isinstance(settings, dict) else None
        if isinstance(given, dict) and given.get("push") is False:
            text = f"{bearer.name} has no write access, so the bot can neither open nor merge anything"
            yield Finding(Level.WRONG, subject, text, f"give {bearer.name} the role write, or use another token")
            return
    elif bearer.kind is Kind.ACTIONS:
        text = "it is a GITHUB_TOKEN: what the bot opens and merges starts no other workflow"
        yield Finding(Level.WEAK, subject, text, "name deployments as deploy_workflow in the policy, or let an App act")
    elif bearer.kind is Kind.APP:
        yield Finding(Level.RIGHT, subject, f"it is that of the App {bearer.name}")
    else:
        text = "its beginning tells no kind that GitHub gives out today"
        yield Finding(Level.UNKNOWN, subject, text, "use a GitHub App's token, or GITHUB_TOKEN")
    yield Finding(Level.RIGHT, subject, "it can read contents and pull requests")
    text = "whether it may write cannot be told without writing"
    yield Finding(Level.UNKNOWN, subject, text, f"{_granted(bearer.kind)} has to grant write for {_NEEDS}")


def _granted(kind: Kind) -> str:
    return {
        Kind.ACTIONS: "`permissions:` of the job",
        Kind.APP: "the App's installation, and `permission-…` of the step that mints the token,",
    }.get(kind, "whoever made the token")


def _may_open(desk: Desk) -> Finding:
    try:
        found = desk.transport.get(f"{desk.place.path}/actions/permissions/workflow", _ACTIONS)
    except ForgeError:
        found = None
    may = found.get("can_approve_pull_request_reviews") if isinstance(found, dict) else None
    if may is True:
        return Finding(Level.RIGHT, "GitHub Actions", "may create pull requests")
    if may is False:
        text = "may not create pull requests, so the bot opens none"
        return Finding(Level.WRONG, "GitHub Actions", text, f"{_PLACE} → {_SWITCH}, or let an App act")
    text = "whether it may create pull requests is told to administrators only"
    return Finding(Level.UNKNOWN, "GitHub Actions", text, f"{_PLACE}: {_SWITCH} has to be on")


def _merging(settings: dict[str, Any] | ForgeError) -> Iterator[Finding]:
    subject = "merging"
    if isinstance(settings, ForgeError):
        yield Finding(Level.UNKNOWN, subject, str(settings), f"{_MERGING}: squash merging has to be allowed")
        return
    squash, auto = settings.get("allow_squash_merge"), settings.get("allow_auto_merge")
    if squash is True:
        yield Finding(Level.RIGHT, subject, "squash merges are allowed")
    elif squash is False:
        text = "squash merges are not allowed, and the bot makes no other"
        yield Finding(Level.WRONG, subject, text, f"{_MERGING} → Allow squash merging")
    else:
        text = "which merges are allowed is told to those only who may write contents"
        yield Finding(Level.UNKNOWN, subject, text, f"{_MERGING}: squash merging has to be allowed")
    if auto is False:
        text = "auto-merge is not allowed: what cannot be merged at once waits for the next tick"
        yield Finding(Level.WEAK, subject, text, f"{_MERGING} → Allow auto-merge")
    if settings.get("archived") is True:
        text = "the repository is archived: nothing can be written"
        yield Finding(Level.WRONG, subject, text, "Settings → General → Unarchive this repository")


def _rules(desk: Desk, bearer: Bearer) -> Iterator[Finding]:
    try:
        found = _listed(desk)
    except ForgeError as error:
        yield Finding(Level.UNKNOWN, protection.SUBJECT, str(error), "Settings → Rules → Rulesets shows them")
        return
    if found:
        yield from protection.judge(found, bearer)
    else:
        yield _unruled(desk)


def _own_branches(desk: Desk, bearer: Bearer) -> Finding:
    """Whether others may push where the bot does: GitHub tells the rules of a branch that is not there as well."""
    try:
        found = [_listed(desk, branch) for branch in protection.OWN]
    except ForgeError as error:
        return Finding(Level.UNKNOWN, protection.BRANCHES, str(error), "Settings → Rules → Rulesets shows them")
    return protection.judge_own(found, bearer)


def _listed(desk: Desk, branch: str | None = None) -> list[protection.Rule]:
    """The active rules of every ruleset that holds for a branch (None: the base), the organisation's too."""
    path = f"{desk.place.path}/rules/branches/{quote(branch or desk.base, safe='')}"
    rules: list[protection.Rule] = []
    for page in range(1, _PAGES + 1):
        found = desk.transport.get(path, _RULES, per_page=str(PAGE), page=str(page))
        if not isinstance(found, list) or not all(isinstance(rule, dict) for rule in found):
            raise Unanswered(f"cannot {_RULES.what}: GitHub's answer lists none")
        rules += found
        if len(found) < PAGE:
            break
    return rules


def _unruled(desk: Desk) -> Finding:
    """No ruleset: then the older branch protection may hold, which tells its rules to administrators only."""
    try:
        found = desk.transport.get(f"{desk.place.path}/branches/{quote(desk.base, safe='')}", _BRANCH)
    except ForgeError:
        found = None
    if isinstance(found, dict) and found.get("protected") is True:
        text = f"{desk.base} has no ruleset but branch protection, which is shown to administrators only"
        return Finding(Level.UNKNOWN, protection.SUBJECT, text, f"{protection.PRINTED} in its place")
    text = f"{desk.base} has none, so anybody with write access can push state and approvals"
    return Finding(Level.WRONG, protection.SUBJECT, text, protection.PRINTED)


def _waiting(desk: Desk) -> Iterator[Finding]:
    for pull in desk.view.snapshot.pulls:
        if pull.state is PullState.OPEN and pull.gate is None:
            text = f"#{pull.number} has no {GATE} yet"
            yield Finding(Level.WEAK, "pull requests", text, "the next tick sets it; if not, its log says why")
