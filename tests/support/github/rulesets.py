"""The rules as GitHub's rulesets show them."""

from __future__ import annotations

import re
from typing import Any

from rollout_bot.files.ruleset import branches_ruleset
from support.github.world import World


def rules_of(world: World, branch: str | None = None) -> list[dict[str, Any]]:
    """The rules that are active on a branch (None: the default one), there or not, each with where it comes from."""
    source = {"ruleset_source_type": "Repository", "ruleset_source": f"{world.owner}/{world.name}"}
    found: list[dict[str, Any]] = []
    if branch in (None, world.default) and world.rules.any:
        found += [rule | source | {"ruleset_id": 1} for rule in _rules(world)]
    if world.rules.reserved and branch is not None and any(matches(each, branch) for each in _BOTS):
        found += [rule | source | {"ruleset_id": 2} for rule in branches_ruleset(APP)["rules"]]
    return found


APP = 4711
_BOTS = branches_ruleset(APP)["conditions"]["ref_name"]["include"]


def matches(pattern: str, branch: str) -> bool:
    """As Ruby's `File.fnmatch` does with `FNM_PATHNAME`: `**/` is any number of folders, `*` and `**` stay in one."""
    parts = re.split(r"(\*\*/|\*+)", pattern)
    known = {"**/": "(?:[^/]+/)*"}
    text = "".join(known.get(part) or ("[^/]*" if part.startswith("*") else re.escape(part)) for part in parts)
    return re.fullmatch(text, f"refs/heads/{branch}") is not None


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
