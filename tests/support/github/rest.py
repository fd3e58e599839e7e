"""The REST endpoints that a bot may use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from support.github import shapes
from support.github.model import Actor, Pull, Refused, Token, forbidden, not_found
from support.github.nodes import stamp
from support.github.published import complete, union, unlawful
from support.github.rulesets import rules_of, ruleset
from support.github.world import World


@dataclass(frozen=True)
class Call:
    """One request that found its endpoint. `url` is the repository's address in the interface."""

    world: World
    token: Token
    url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    @property
    def actor(self) -> Actor:
        return self.token.actor

    @property
    def pull(self) -> Pull:
        return self.world.pull(int(self.path["number"]))

    def need(self, area: str, level: str = "read") -> None:
        if self.token.permissions.get(area) not in (level, "write"):
            raise forbidden()


@dataclass(frozen=True)
class Reply:
    """An answer: `model` names the published one that `data` has to be."""

    status: int
    data: Any = None
    model: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def checked(self) -> Any:
        """The whole answer, held against what GitHub publishes."""
        return complete(self.model, self.data) if self.model else self.data


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    method: str
    template: str
    handler: Handler
    needs: tuple[tuple[str, str], ...]
    body: str | None

    @property
    def pattern(self) -> str:
        return re.sub(r"\{(\w+)\}", _part, self.template)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        found = re.fullmatch(self.pattern, path) if method == self.method else None
        return {name: unquote(each) for name, each in found.groupdict().items()} if found else None


ROUTES: list[Route] = []
REPO = "/repos/{owner}/{repo}"


def _part(name: re.Match[str]) -> str:
    return f"(?P<{name[1]}>.+)" if name[1] in ("ref", "path") else f"(?P<{name[1]}>[^/]+)"


def endpoint(
    method: str, template: str, *needs: tuple[str, str], body: str | None = None
) -> Callable[[Handler], Handler]:
    """Registers an endpoint: permissions that its token needs, and the published models one of which its body is."""

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, template, handler, needs, body))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The endpoint of a request."""
    for route in ROUTES:
        if (values := route.match(method, path)) is not None:
            return route, values
    return None


def serve(route: Route, call: Call) -> Reply:
    """The answer. Raises `Refused`."""
    world = call.world
    if "owner" in call.path and (call.path["owner"], call.path["repo"]) != (world.owner, world.name):
        raise not_found()
    for area, level in route.needs:
        call.need(area, level)
    return route.handler(call)


def fault(route: Route, call: Call) -> str | None:
    """What is wrong with the request by GitHub's own description."""
    found = [unlawful(model, call.body) for model in (route.body or "").split("|") if model]
    return None if None in found else next(iter(found), None)


PULLS_READ, PULLS = ("pull_requests", "read"), ("pull_requests", "write")
_RUNS = "ReposOwnerRepoActionsWorkflowsWorkflowIdRunsGetResponse200"
_REVIEWERS = "ReposOwnerRepoPullsPullNumberRequestedReviewersPostBodyAnyof"
_DELETES = "delete_branch_on_merge"
CONTENTS_READ, CONTENTS = ("contents", "read"), ("contents", "write")


def paged(call: Call, items: list[Any], model: str, make: Callable[[Any], Any]) -> Reply:
    """One page, with the `Link` header that leads to the next."""
    size = min(int(call.query.get("per_page", 30)), 100)
    page = int(call.query.get("page", 1))
    chosen = items[(page - 1) * size : page * size]
    more = "&".join(f"{key}={value}" for key, value in call.query.items() if key not in ("page", "per_page"))
    address = f"{call.url}?{more}&per_page={size}"
    links = [f'<{address}&page={page + 1}>; rel="next"'] if page * size < len(items) else []
    if links:
        links.append(f'<{address}&page={-(-len(items) // size)}>; rel="last"')
    return Reply(200, [make(each) for each in chosen], model, {"Link": ", ".join(links)} if links else {})


@endpoint("GET", REPO)
def get_repository(call: Call) -> Reply:
    world, writes = call.world, call.token.permissions.get("contents") == "write"
    found = shapes.repository(world, call.url)
    if not writes:
        # How merges are made is shown to those who may make some.
        found = {key: each for key, each in found.items() if not key.startswith("allow_") and key != _DELETES}
    if not call.actor.bot:
        push = world.book.can_write(call.actor.login)
        found["permissions"] = {"admin": world.role(call.actor.login) == "admin", "push": push, "pull": True}
    return Reply(200, found, "FullRepository")


@endpoint("GET", "/user")
def get_user(call: Call) -> Reply:
    if call.actor.bot:
        raise forbidden()
    return Reply(200, shapes.person(call.actor), "PublicUser")


@endpoint("GET", REPO + "/collaborators/{login}/permission")
def get_permission(call: Call) -> Reply:
    login = call.path["login"]
    if login.casefold() not in call.world.roles:
        raise not_found()
    role = call.world.role(login)
    # The older field knows four levels; `role_name` tells all.
    level = {"maintain": "write", "triage": "read"}.get(role, role)
    user = shapes.person(Actor(login))
    return Reply(200, {"permission": level, "role_name": role, "user": user}, "RepositoryCollaboratorPermission")


@endpoint("GET", REPO + "/pulls", PULLS_READ)
def list_pulls(call: Call) -> Reply:
    state = call.query.get("state", "open")
    head = call.query.get("head", "").partition(":")[2]
    found = [
        pull
        for pull in reversed(call.world.pulls.values())
        if (state == "all" or (pull.state == "OPEN") == (state == "open"))
        and call.query.get("base", pull.base) == pull.base
        and (head or pull.branch) == pull.branch
    ]
    found.sort(key=lambda p: p.created, reverse=call.query.get("direction", "desc") == "desc")
    return paged(call, found, "PullRequestSimple", lambda pull: shapes.pull_in_list(call.world, pull, call.url))


@endpoint("POST", REPO + "/pulls", PULLS, body="ReposOwnerRepoPullsPostBody")
def open_pull(call: Call) -> Reply:
    if call.token.actions and not call.world.rules.actions_may_open:
        raise Refused(403, "GitHub Actions is not permitted to create or approve pull requests.", "FORBIDDEN")
    given = call.body
    branch = given["head"].rpartition(":")[2]
    title, body, draft = given.get("title", ""), given.get("body") or "", given.get("draft", False)
    pull = call.world.open(branch, given["base"], title, body, call.actor, draft=draft)
    return Reply(201, shapes.pull(call.world, pull, call.url, look=False), "PullRequest")


@endpoint("GET", REPO + "/pulls/{number}", PULLS_READ)
def get_pull(call: Call) -> Reply:
    return Reply(200, shapes.pull(call.world, call.pull, call.url), "PullRequest")


@endpoint("PATCH", REPO + "/pulls/{number}", PULLS, body="ReposOwnerRepoPullsPullNumberPatchBody")
def edit_pull(call: Call) -> Reply:
    call.world.edit(call.pull, call.body.get("title"), call.body.get("body"))
    _set_state(call)
    return Reply(200, shapes.pull(call.world, call.pull, call.url), "PullRequest")


def _set_state(call: Call) -> None:
    if call.body.get("state") == "closed":
        call.world.close(call.pull, call.actor)
    elif call.body.get("state") == "open" and call.pull.state != "OPEN":
        call.world.reopen(call.pull, call.actor)


@endpoint("PUT", REPO + "/pulls/{number}/merge", CONTENTS, body="ReposOwnerRepoPullsPullNumberMergePutBody")
def merge_pull(call: Call) -> Reply:
    given = call.body or {}
    oid = call.world.merge(
        call.pull,
        call.actor,
        given.get("merge_method", "merge"),
        sha=given.get("sha"),
        headline=given.get("commit_title"),
        body=given.get("commit_message"),
        actions=call.token.actions,
    )
    data = {"sha": oid, "merged": True, "message": "Pull Request successfully merged"}
    return Reply(200, data, "PullRequestMergeResult")


@endpoint("GET", REPO + "/pulls/{number}/merge", PULLS_READ)
def is_merged(call: Call) -> Reply:
    return Reply(204 if call.pull.state == "MERGED" else 404)


@endpoint("GET", REPO + "/pulls/{number}/files", PULLS_READ)
def list_files(call: Call) -> Reply:
    kinds = {"A": "added", "D": "removed", "M": "modified", "T": "changed"}
    found = sorted(call.world.store.diff(call.pull.base_oid, call.pull.head).items())
    return paged(call, found, "DiffEntry", lambda each: {"filename": each[0], "status": kinds[each[1]]})


@endpoint("GET", REPO + "/pulls/{number}/reviews", PULLS_READ)
def list_reviews(call: Call) -> Reply:
    return paged(call, call.pull.reviews, "PullRequestReview", lambda each: shapes.review(each, call.pull, call.url))


@endpoint("POST", REPO + "/pulls/{number}/reviews", PULLS, body="ReposOwnerRepoPullsPullNumberReviewsPostBody")
def add_review(call: Call) -> Reply:
    states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
    state = states[call.body["event"]]
    review = call.world.review(call.pull, call.actor, state, call.body.get("body", ""), actions=call.token.actions)
    return Reply(200, shapes.review(review, call.pull, call.url), "PullRequestReview")


@endpoint("PUT", REPO + "/pulls/{number}/reviews/{review}/dismissals", PULLS)
def dismiss_review(call: Call) -> Reply:
    review = call.world.dismiss(call.pull, int(call.path["review"]))
    return Reply(200, shapes.review(review, call.pull, call.url), "PullRequestReview")


@endpoint("GET", REPO + "/pulls/{number}/requested_reviewers", PULLS_READ)
def requested_reviewers(call: Call) -> Reply:
    people, teams = shapes.requested(call.pull)
    return Reply(200, {"users": people, "teams": teams}, "PullRequestReviewRequest")


@endpoint("POST", REPO + "/pulls/{number}/requested_reviewers", PULLS, body=f"{_REVIEWERS}0|{_REVIEWERS}1")
def request_reviewers(call: Call) -> Reply:
    call.world.request(call.pull, call.body.get("reviewers", []), call.body.get("team_reviewers", []))
    return Reply(201, shapes.pull_in_list(call.world, call.pull, call.url), "PullRequestSimple")


@endpoint("GET", REPO + "/issues/{number}", PULLS_READ)
def get_issue(call: Call) -> Reply:
    return Reply(200, shapes.issue(call.world, call.pull, call.url), "Issue")


@endpoint("PATCH", REPO + "/issues/{number}", PULLS)
def edit_issue(call: Call) -> Reply:
    call.world.edit(call.pull, call.body.get("title"), call.body.get("body"))
    _set_state(call)
    return Reply(200, shapes.issue(call.world, call.pull, call.url), "Issue")


@endpoint("POST", REPO + "/issues/{number}/labels", PULLS)
def add_labels(call: Call) -> Reply:
    call.world.add_labels(call.pull, call.body["labels"])
    return Reply(200, [shapes.label(each) for each in call.pull.labels], "Label")


@endpoint("DELETE", REPO + "/issues/{number}/labels/{name}", PULLS)
def remove_label(call: Call) -> Reply:
    if call.path["name"] not in [each.name for each in call.pull.labels]:
        raise Refused(404, "Label does not exist", "NOT_FOUND")
    call.pull.labels[:] = [each for each in call.pull.labels if each.name != call.path["name"]]
    return Reply(200, [shapes.label(each) for each in call.pull.labels], "Label")


@endpoint("GET", REPO + "/issues/{number}/comments", PULLS_READ)
def list_comments(call: Call) -> Reply:
    return paged(call, call.pull.comments, "IssueComment", shapes.comment)


@endpoint("POST", REPO + "/issues/{number}/comments", PULLS, body="ReposOwnerRepoIssuesIssueNumberCommentsPostBody")
def add_comment(call: Call) -> Reply:
    return Reply(201, shapes.comment(call.world.comment(call.pull, call.actor, call.body["body"])), "IssueComment")


@endpoint("POST", REPO + "/statuses/{sha}", ("statuses", "write"), body="ReposOwnerRepoStatusesShaPostBody")
def set_status(call: Call) -> Reply:
    given, sha = call.body, call.path["sha"]
    status = call.world.set_status(
        sha,
        given.get("context", "default"),
        given["state"],
        call.actor,
        description=given.get("description"),
        url=given.get("target_url"),
        app=call.token.app,
    )
    return Reply(201, shapes.status(status, f"{call.url}/statuses/{sha}"), "Status")


@endpoint("GET", REPO + "/commits/{sha}/statuses", ("statuses", "read"))
def list_statuses(call: Call) -> Reply:
    found = call.world.statuses.get(call.path["sha"], [])[::-1]
    return paged(call, found, "Status", lambda each: shapes.status(each, f"{call.url}/statuses/{call.path['sha']}"))


@endpoint("GET", REPO + "/git/ref/heads/{ref}", CONTENTS_READ)
def get_ref(call: Call) -> Reply:
    branch = call.path["ref"]
    return Reply(200, shapes.reference(branch, call.world.head(branch), call.url), "GitRef")


@endpoint("POST", REPO + "/git/refs", CONTENTS, body="ReposOwnerRepoGitRefsPostBody")
def create_ref(call: Call) -> Reply:
    branch, oid = call.body["ref"].removeprefix("refs/heads/"), call.body["sha"]
    call.world.create_branch(branch, oid, call.actor)
    return Reply(201, shapes.reference(branch, oid, call.url), "GitRef")


@endpoint("PATCH", REPO + "/git/refs/heads/{ref}", CONTENTS, body="ReposOwnerRepoGitRefsRefPatchBody")
def move_ref(call: Call) -> Reply:
    world, branch, oid = call.world, call.path["ref"], call.body["sha"]
    old = world.store.head(branch)
    if old is None:
        raise Refused(422, "Reference does not exist")
    if not call.body.get("force") and world.store.merge_base(old, oid) != old:
        raise Refused(422, "Update is not a fast forward")
    world.push(branch, oid, call.actor, old=old, actions=call.token.actions)
    return Reply(200, shapes.reference(branch, oid, call.url), "GitRef")


@endpoint("DELETE", REPO + "/git/refs/heads/{ref}", CONTENTS)
def delete_ref(call: Call) -> Reply:
    if call.world.store.head(call.path["ref"]) is None:
        raise Refused(422, "Reference does not exist")
    call.world.delete_branch(call.path["ref"], call.actor)
    return Reply(204)


@endpoint("GET", REPO + "/codeowners/errors", CONTENTS_READ)
def codeowners_errors(call: Call) -> Reply:
    found = call.world.book.owners(call.world.head(call.query.get("ref", call.world.default)))
    if found.path is None:
        raise not_found()
    errors = [
        {"line": line, "column": 1, "kind": "Invalid pattern", "source": source, "message": text, "path": found.path}
        for line, source, text in found.errors
    ]
    return Reply(200, {"errors": errors}, "CodeownersErrors")


@endpoint("GET", REPO + "/rules/branches/{ref}")
def branch_rules(call: Call) -> Reply:
    found = rules_of(call.world, call.path["ref"])
    size, page = min(int(call.query.get("per_page", 30)), 100), int(call.query.get("page", 1))
    return Reply(200, union("RepositoryRuleDetailedOneof", found[(page - 1) * size : page * size]))


@endpoint("GET", REPO + "/branches/{ref}", CONTENTS_READ)
def get_branch(call: Call) -> Reply:
    branch, rules = call.path["ref"], call.world.rules
    commit = {"sha": call.world.head(branch)}
    protected = branch == call.world.default and (rules.any or rules.classic)
    return Reply(200, {"name": branch, "commit": commit, "protected": protected}, "BranchWithProtection")


@endpoint("GET", "/apps/{slug}")
def get_app(call: Call) -> Reply:
    known = [token for token in call.world.tokens.values() if token.actor == Actor(call.path["slug"], bot=True)]
    if not known:
        raise not_found()
    return Reply(200, {"id": known[0].app, "slug": call.path["slug"], "name": call.path["slug"]}, "Integration")


@endpoint("GET", REPO + "/rulesets")
def list_rulesets(call: Call) -> Reply:
    kept = {"id", "name", "source", "source_type", "enforcement", "target"}
    brief = {key: each for key, each in ruleset(call.world).items() if key in kept}
    return Reply(200, [brief] if call.world.rules.any else [], "RepositoryRuleset")


@endpoint("GET", REPO + "/rulesets/{ruleset}")
def get_ruleset(call: Call) -> Reply:
    if call.path["ruleset"] != "1" or not call.world.rules.any:
        raise not_found()
    return Reply(200, ruleset(call.world), "RepositoryRuleset")


@endpoint("GET", REPO + "/actions/permissions/workflow", ("administration", "read"))
def workflow_permissions(call: Call) -> Reply:
    may = call.world.rules.actions_may_open
    data = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": may}
    return Reply(200, data, "ActionsGetDefaultWorkflowPermissions")


@endpoint("POST", REPO + "/actions/workflows/{workflow}/dispatches", ("actions", "write"))
def dispatch(call: Call) -> Reply:
    call.world.dispatch(call.path["workflow"], call.body["ref"], call.body.get("inputs", {}), call.actor)
    return Reply(204)


@endpoint("GET", REPO + "/actions/workflows/{workflow}", ("actions", "read"))
def get_workflow(call: Call) -> Reply:
    name = call.path["workflow"]
    call.world.workflow(name, call.world.default)
    state = call.world.disabled.get(name, "active")
    return Reply(200, {"name": name, "path": f".github/workflows/{name}", "state": state}, "Workflow")


@endpoint("GET", REPO + "/actions/workflows/{workflow}/runs", ("actions", "read"))
def list_runs(call: Call) -> Reply:
    name, event = call.path["workflow"], call.query.get("event")
    call.world.workflow(name, call.world.default)
    runs = [run for run in call.world.runs if run.workflow == name and event in (None, run.event)][::-1]
    shaped = [
        {
            "id": len(runs) - at,
            "name": run.workflow,
            "event": run.event,
            "status": "completed",
            "conclusion": run.conclusion,
            "created_at": stamp(run.at),
        }
        for at, run in enumerate(runs[: int(call.query.get("per_page", 30))])
    ]
    return Reply(200, {"total_count": len(runs), "workflow_runs": shaped}, _RUNS)


@endpoint("GET", "/rate_limit")
def rate_limit(call: Call) -> Reply:
    rate = {"limit": 5000, "used": 0, "remaining": 5000, "reset": int(call.world.now.timestamp()) + 3600}
    return Reply(200, {"resources": {"core": rate, "search": rate, "graphql": rate}, "rate": rate}, "RateLimitOverview")
