"""What the rules of the base branch mean for the bot: `GET /repos/{owner}/{repo}/rules/branches/{branch}` judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.model.repository import GATE, branch_name
from rollout_bot.core.wording import readable
from rollout_bot.forge.github.bearer import Bearer, Kind

SUBJECT = "branch rules"
PRINTED = "create the ruleset that `rollout-bot init NAME --github` prints"
_SETTINGS = "Settings → Rules → Rulesets"
_LOOK = f"look at the rule in {_SETTINGS}"

BRANCHES = "the bot's branches"
OWN = ("rollout", branch_name("any", 1, "any"))
"""A branch that would keep the bot's from existing, and one like the bot's."""

Rule = Mapping[str, Any]


def judge(rules: Iterable[Rule], bearer: Bearer) -> Iterator[Finding]:
    """What is right and wrong with the rules of all rulesets together; there is at least one."""
    kinds: dict[str, list[Rule]] = {}
    for rule in rules:
        given = rule.get("parameters")
        kinds.setdefault(str(rule.get("type")), []).append(given if isinstance(given, dict) else {})
    yield from _reviews(kinds.get("pull_request", []))
    yield from _statuses(kinds.get("required_status_checks", []), bearer)
    yield from _obstacles(kinds, bearer)
    for kind, what in (("non_fast_forward", "be overwritten by a force-push"), ("deletion", "be deleted")):
        if kind not in kinds:
            yield Finding(Level.WEAK, SUBJECT, f"the branch can {what}, and the rollouts' history with it", PRINTED)


def judge_own(rules: Iterable[Iterable[Rule]], bearer: Bearer) -> Finding:
    """What the rules of each of the branches in `OWN` mean."""
    kinds = [{str(rule.get("type")) for rule in each} for each in rules]
    if bearer.kind is Kind.ACTIONS and any({"creation", "update"} & each for each in kinds):
        text = "only those who may bypass the rules can push to them, and a GITHUB_TOKEN can bypass none"
        return Finding(Level.WRONG, BRANCHES, text, f"let an App act, or remove that ruleset in {_SETTINGS}")
    if all({"creation", "update", "deletion"} <= each for each in kinds):
        return Finding(Level.RIGHT, BRANCHES, "nobody can push to them but who may bypass the rules")
    text = "anybody with write access can push to them, or block them all with a branch called rollout"
    app = "ID" if bearer.app is None or bearer.kind is Kind.ACTIONS else bearer.app
    fix = f"create the second ruleset that `rollout-bot init NAME --github --app {app}` prints"
    return Finding(Level.WEAK, BRANCHES, text, fix if bearer.kind is Kind.APP else f"let an App act, and {fix}")


def _reviews(rules: Sequence[Rule]) -> Iterator[Finding]:
    if not rules:
        text = "no pull request is required, so state and approvals can be pushed past everybody"
        yield Finding(Level.WRONG, SUBJECT, text, PRINTED)
        return
    yield _switch(
        rules,
        "require_code_owner_review",
        "changes need a pull request, and the review of the code owners of what they touch",
        Finding(
            Level.WRONG,
            SUBJECT,
            "no review of code owners is required, so anybody can merge an approval",
            f"{_SETTINGS} → Require a pull request → Require review from Code Owners",
        ),
    )
    yield _switch(
        rules,
        "dismiss_stale_reviews_on_push",
        "a push to a pull request dismisses its approvals",
        Finding(
            Level.WEAK,
            SUBJECT,
            "an approval stays when something else is pushed afterwards, and then counts for it",
            f"{_SETTINGS} → Require a pull request → Dismiss stale pull request approvals",
        ),
    )
    yield from _delays(rules)


def _delays(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Reviews that even a rollback would wait for."""
    counts = [each for rule in rules if isinstance(each := rule.get("required_approving_review_count"), int)]
    if max(counts, default=0) > 0:
        text = f"every pull request needs {max(counts)} approvals, so the bot cannot merge a rollback"
        fix = f"{_SETTINGS} → Required approvals: 0; files with owners still need theirs"
        yield Finding(Level.WRONG, SUBJECT, text, fix)
    if any(rule.get("require_last_push_approval") is True for rule in rules):
        text = "the last push needs the approval of somebody else, which may hold up a rollback"
        yield Finding(Level.WEAK, SUBJECT, text, f"{_SETTINGS} → Require approval of the most recent push: off")
    if any(isinstance(each := rule.get("allowed_merge_methods"), list) and "squash" not in each for rule in rules):
        text = "the rules allow no squash merge, and the bot makes no other"
        yield Finding(Level.WRONG, SUBJECT, text, f"{_SETTINGS} → Allowed merge methods: Squash")


def _statuses(rules: Sequence[Rule], bearer: Bearer) -> Iterator[Finding]:
    lists = [each for rule in rules if isinstance(each := rule.get("required_status_checks"), list)]
    checks = [check for each in lists for check in each if isinstance(check, dict)]
    gates = [check.get("integration_id") for check in checks if check.get("context") == GATE]
    if gates:
        apps = {each for each in gates if isinstance(each, int)}
        yield from (_pinned(app, bearer) for app in sorted(apps)) if apps else (_unpinned(bearer),)
    else:
        text = f"the status {GATE} is not required, so what the bot forbids can be merged"
        yield Finding(Level.WRONG, SUBJECT, text, PRINTED)
    for name in sorted({readable(check.get("context"), 100) for check in checks} - {GATE}):
        yield _other(name, bearer)
    if any(rule.get("strict_required_status_checks_policy") is True for rule in rules):
        text = "branches must be up to date before they are merged, which delays rollbacks"
        yield Finding(Level.WEAK, SUBJECT, text, f"{_SETTINGS} → Require branches to be up to date: off")


def _pinned(app: int, bearer: Bearer) -> Finding:
    here = f"{GATE} is required, from the App {app} alone"
    if app == bearer.app:
        if bearer.kind is Kind.ACTIONS:
            text = f"{GATE} is required from GitHub Actions alone, but every workflow acts as that App"
            return Finding(Level.WEAK, SUBJECT, text, "let an App of its own act, see docs/github.md, Tokens")
        return Finding(Level.RIGHT, SUBJECT, here)
    if bearer.app is None and bearer.kind is not Kind.PERSON:
        fix = f"compare {app} with the App ID in the App's own settings"
        return Finding(Level.UNKNOWN, SUBJECT, f"{here}; whether {bearer.name} is that App cannot be told", fix)
    text = f"{here}, but {bearer.name} acts, whose status does not count"
    return Finding(Level.WRONG, SUBJECT, text, f"let the App {app} act, or pin {GATE} to the one that does")


def _unpinned(bearer: Bearer) -> Finding:
    text = f"{GATE} is required from no particular App: anybody with write access could set it"
    way = "--app ID" if bearer.app is None or bearer.kind is Kind.ACTIONS else f"--app {bearer.app}"
    return Finding(Level.WEAK, SUBJECT, text, f"let an App act, and {PRINTED} with {way}")


def _other(name: str, bearer: Bearer) -> Finding:
    if bearer.kind is Kind.ACTIONS:
        text = f"{name} is required too; a workflow that sets it does not run on what GITHUB_TOKEN opens"
        return Finding(Level.WRONG, SUBJECT, text, "let an App act, see docs/github.md, Tokens, or require it no more")
    text = f"{name} is required too, so a rollback waits for it"
    return Finding(Level.WEAK, SUBJECT, text, "require it no more, or skip what it does where only state.yaml changes")


def _obstacles(kinds: Mapping[str, object], bearer: Bearer) -> Iterator[Finding]:
    if "merge_queue" in kinds:
        text = "the branch has a merge queue, through which the bot cannot merge"
        yield Finding(Level.WRONG, SUBJECT, text, f"{_SETTINGS} → Require merge queue: off")
    if "update" in kinds:
        text = "only those who may bypass the rules can update the branch, and the bot should not be one of them"
        yield Finding(Level.WRONG, SUBJECT, text, f"{_SETTINGS} → Restrict updates: off")
    for kind, what in (("workflows", "workflows"), ("required_deployments", "deployments")):
        if kind in kinds:
            level = Level.WRONG if bearer.kind is Kind.ACTIONS else Level.WEAK
            text = f"{what} have to succeed before a merge, so a rollback waits for them, maybe for ever"
            yield Finding(level, SUBJECT, text, f"require none of the branch that holds the state, in {_SETTINGS}")


def _switch(rules: Sequence[Rule], name: str, right: str, otherwise: Finding) -> Finding:
    values = [each for rule in rules if isinstance(each := rule.get(name), bool)]
    if not values:
        return Finding(Level.UNKNOWN, SUBJECT, f"GitHub's answer does not tell `{name}`", _LOOK)
    return Finding(Level.RIGHT, SUBJECT, right) if any(values) else otherwise
