"""What REST shows of the world: the fields that matter; `published` adds the others and checks them."""

from __future__ import annotations

from typing import Any

from support.github.model import Actor, Comment, Label, Pull, Review, Status
from support.github.nodes import stamp
from support.github.world import World

Shape = dict[str, Any]


def person(who: Actor) -> Shape:
    kind = "Bot" if who.bot else "User"
    return {"login": who.rest_login, "id": sum(who.login.encode()), "node_id": f"U_{who.rest_login}", "type": kind}


def repository(world: World, url: str) -> Shape:
    rules = world.rules
    return {
        "id": 1,
        "node_id": "R_1",
        "name": world.name,
        "full_name": f"{world.owner}/{world.name}",
        "owner": person(Actor(world.owner)),
        "private": True,
        "url": url,
        "default_branch": world.default,
        "allow_squash_merge": "squash" in rules.methods,
        "allow_merge_commit": "merge" in rules.methods,
        "allow_rebase_merge": "rebase" in rules.methods,
        "allow_auto_merge": rules.auto_merge,
        "delete_branch_on_merge": rules.delete_branch,
    }


def label(each: Label) -> Shape:
    return {
        "id": each.id,
        "node_id": f"LA_{each.id}",
        "name": each.name,
        "color": each.color,
        "description": each.description,
        "default": False,
    }


def pull_in_list(world: World, pull: Pull, url: str) -> Shape:
    here = f"{url}/pulls/{pull.number}"
    armed = pull.auto_merge
    people, teams = requested(pull)
    return {
        "url": here,
        "issue_url": f"{url}/issues/{pull.number}",
        "html_url": f"https://github.com/{world.owner}/{world.name}/pull/{pull.number}",
        "id": 5000 + pull.number,
        "node_id": f"PR_{pull.number}",
        "number": pull.number,
        "state": "open" if pull.state == "OPEN" else "closed",
        "title": pull.title,
        "body": pull.body,
        "draft": pull.draft,
        "user": person(pull.author),
        "labels": [label(each) for each in pull.labels],
        "requested_reviewers": people,
        "requested_teams": teams,
        "created_at": stamp(pull.created),
        "updated_at": stamp(pull.updated),
        "closed_at": stamp(pull.closed),
        "merged_at": stamp(pull.closed) if pull.state == "MERGED" else None,
        "merge_commit_sha": pull.merge_commit,
        "author_association": "CONTRIBUTOR",
        "head": _end(world, pull.branch, pull.head, url),
        "base": _end(world, pull.base, pull.base_oid, url),
        "auto_merge": {"merge_method": armed.method, "enabled_by": person(armed.by)} if armed else None,
    }


def _end(world: World, branch: str, oid: str, url: str) -> Shape:
    label_ = f"{world.owner}:{branch}"
    return {"ref": branch, "sha": oid, "label": label_, "user": person(Actor(world.owner)), "repo": _plain(world, url)}


def _plain(world: World, url: str) -> Shape:
    names = ("id", "node_id", "name", "full_name", "owner", "private", "url", "default_branch")
    return {name: each for name, each in repository(world, url).items() if name in names}


def pull(world: World, pull: Pull, url: str, *, look: bool = True) -> Shape:
    """One pull request; without a look its mergeability is not known yet."""
    found = world.look(pull) if look and pull.state == "OPEN" else "UNKNOWN"
    return pull_in_list(world, pull, url) | {
        "merged": pull.state == "MERGED",
        "mergeable": {"MERGEABLE": True, "CONFLICTING": False}.get(found),
        "mergeable_state": world.merge_state(pull, found).lower(),
        "merged_by": person(pull.merged_by) if pull.merged_by else None,
        "changed_files": len(world.store.diff(pull.base_oid, pull.head)),
    }


def requested(pull: Pull) -> tuple[list[Shape], list[Shape]]:
    """The people and the teams that were asked for a review."""
    people = [person(Actor(name)) for name in pull.requested if "/" not in name]
    slugs = [name.partition("/")[2] for name in pull.requested if "/" in name]
    return people, [{"id": 1, "node_id": f"T_{slug}", "name": slug, "slug": slug} for slug in slugs]


def issue(world: World, pull: Pull, url: str) -> Shape:
    kept = (
        "html_url",
        "id",
        "node_id",
        "number",
        "state",
        "title",
        "body",
        "user",
        "created_at",
        "updated_at",
        "closed_at",
    )
    shape = {key: each for key, each in pull_in_list(world, pull, url).items() if key in kept}
    labels = [label(each) for each in pull.labels]
    return shape | {"url": f"{url}/issues/{pull.number}", "labels": labels, "repository_url": url}


def review(each: Review, pull: Pull, url: str) -> Shape:
    return {
        "id": each.id,
        "node_id": f"PRR_{each.id}",
        "user": person(each.author),
        "body": each.body,
        "state": each.state,
        "commit_id": each.commit,
        "submitted_at": stamp(each.at),
        "pull_request_url": f"{url}/pulls/{pull.number}",
        "author_association": "MEMBER",
    }


def comment(each: Comment) -> Shape:
    return {
        "id": each.id,
        "node_id": f"IC_{each.id}",
        "body": each.body,
        "user": person(each.author),
        "created_at": stamp(each.at),
        "updated_at": stamp(each.at),
        "author_association": "MEMBER",
    }


def status(each: Status, url: str) -> Shape:
    return {
        "url": url,
        "id": each.id,
        "node_id": f"SC_{each.id}",
        "state": each.state,
        "context": each.context,
        "description": each.description,
        "target_url": each.target_url,
        "created_at": stamp(each.at),
        "updated_at": stamp(each.at),
        "creator": person(each.creator),
    }


def reference(branch: str, oid: str, url: str) -> Shape:
    target = {"type": "commit", "sha": oid, "url": f"{url}/git/commits/{oid}"}
    return {
        "ref": f"refs/heads/{branch}",
        "node_id": f"REF_{branch}",
        "url": f"{url}/git/refs/heads/{branch}",
        "object": target,
    }
