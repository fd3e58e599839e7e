"""The rulesets that make a repository's rules hold for the bot as well as for people, and keep its branches its own."""

from __future__ import annotations

from typing import Any

from rollout_bot.core.model.repository import GATE

Json = dict[str, Any]


def ruleset(integration: int | None = None) -> Json:
    """The body of `POST /repos/{owner}/{repo}/rulesets` for the default branch, whatever its name.

    `integration` is the id of the GitHub App whose gate alone counts; None lets anybody with write access set it.
    An owner's review is required without a count of approvals, so that files that nobody owns need none. The status
    is not required of the newest base: a rollback must not wait for its branch to be brought up to date.
    """
    check: Json = {"context": GATE}
    if integration is not None:
        check["integration_id"] = integration
    pull_request: Json = {
        "required_approving_review_count": 0,
        "require_code_owner_review": True,
        "dismiss_stale_reviews_on_push": True,
        "require_last_push_approval": False,
        "required_review_thread_resolution": False,
        "allowed_merge_methods": ["squash"],
    }
    checks: Json = {"required_status_checks": [check], "strict_required_status_checks_policy": False}
    return {
        "name": "rollout-bot",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [
            {"type": "pull_request", "parameters": pull_request},
            {"type": "required_status_checks", "parameters": checks},
            {"type": "non_fast_forward"},
            {"type": "deletion"},
        ],
    }


def branches_ruleset(integration: int) -> Json:
    """The body of another such request: only the App of that id creates, changes and deletes the bot's branches.

    A branch called `rollout` is among them because git keeps none below it. GitHub matches with `File.fnmatch` and
    `FNM_PATHNAME`, by which `**` spans folders only before a slash.
    """
    return {
        "name": "rollout-bot branches",
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": [{"actor_id": integration, "actor_type": "Integration", "bypass_mode": "always"}],
        "conditions": {"ref_name": {"include": ["refs/heads/rollout", "refs/heads/rollout/**/*"], "exclude": []}},
        "rules": [
            {"type": "creation"},
            {"type": "update", "parameters": {"update_allows_fetch_and_merge": False}},
            {"type": "deletion"},
        ],
    }
