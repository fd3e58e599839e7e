"""The rules as GitHub's rulesets show them."""

from __future__ import annotations

from typing import Any

from support.github.world import World


def rules_of(world: World) -> list[dict[str, Any]]:
    """The rules that are active on the default branch, each with where it comes from."""
    source = {"ruleset_source_type": "Repository", "ruleset_source": f"{world.owner}/{world.name}", "ruleset_id": 1}
    return [rule | source for rule in _rules(world)] if world.rules.any else []


def ruleset(world: World) -> dict[str, Any]:
    """The one ruleset of the repository."""
    return {
        "id": 1,
        "name": "base branch",
        "target": "branch",
        "source_type": "Repository",
        "source": f"{world.owner}/{world.name}",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": _rules(world),
    }


def _rules(world: World) -> list[dict[str, Any]]:
    rules = world.rules
    found: list[dict[str, Any]] = [{"type": "deletion"}, {"type": "non_fast_forward"}] if rules.keep_history else []
    if rules.pull_request or rules.code_owners or rules.approvals:
        parameters = {
            "allowed_merge_methods": sorted(rules.methods),
            "dismiss_stale_reviews_on_push": rules.dismiss_stale,
            "require_code_owner_review": rules.code_owners,
            "require_last_push_approval": False,
            "required_approving_review_count": rules.approvals,
            "required_review_thread_resolution": False,
        }
        found.append({"type": "pull_request", "parameters": parameters})
    if rules.required_checks:
        checks = [
            {"context": context} | ({"integration_id": app} if app else {})
            for context, app in rules.required_checks.items()
        ]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": rules.up_to_date}
        found.append({"type": "required_status_checks", "parameters": parameters})
    if rules.queue:
        found.append({"type": "merge_queue", "parameters": _QUEUE})
    return found


_QUEUE = {
    "check_response_timeout_minutes": 60,
    "grouping_strategy": "ALLGREEN",
    "max_entries_to_build": 5,
    "max_entries_to_merge": 5,
    "merge_method": "SQUASH",
    "min_entries_to_merge": 1,
    "min_entries_to_merge_wait_minutes": 5,
}
