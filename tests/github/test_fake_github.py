"""The fake GitHub itself: it obeys the published descriptions, and its rules are enforced."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.github import FakeGitHub, Refused, Rules, strict
from support.github.faults import SECONDARY

MARKER = "rollout-state/shop/approvals/half.yaml"
STATE = "rollout-state/shop/state.yaml"
REPOSITORY = '{ repository(owner: "acme", name: "shop") { FIELDS } }'
DEEP = """pullRequests(first: 100) { nodes { commits(last: 100) { nodes { commit {
    history(first: 100) { totalCount } } } } } }"""


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    with FakeGitHub(tmp_path, {STATE: "stage: canary\n"}, rules=strict(4711)) as fake:
        yield fake


class Client:
    """Any client: a session with a token."""

    def __init__(self, github: FakeGitHub, token: str) -> None:
        self.github = github
        self.session = requests.Session()
        self.session.headers.update({"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"})

    def rest(self, method: str, path: str, **body: Any) -> requests.Response:
        address = f"{self.github.origin}/repos/acme/shop{path}"
        return self.session.request(method, address, json=body or None, timeout=10)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        given = {"query": query, "variables": variables}
        answer = self.session.post(f"{self.github.origin}/graphql", json=given, timeout=10)
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found

    def repository(self, fields: str) -> Any:
        answer = self.ask(REPOSITORY.replace("FIELDS", fields))
        assert "errors" not in answer, answer
        return answer["data"]["repository"]

    def commit(self, branch: str, files: dict[str, str]) -> str:
        base = self.github.world.head("main")
        self.rest("POST", "/git/refs", ref=f"refs/heads/{branch}", sha=base)
        encoded = [{"path": p, "contents": base64.b64encode(t.encode()).decode()} for p, t in files.items()]
        made = self.ask(
            "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }",
            input={
                "branch": {"repositoryNameWithOwner": "acme/shop", "branchName": branch},
                "expectedHeadOid": base,
                "fileChanges": {"additions": encoded},
                "message": {"headline": "Half"},
            },
        )
        oid: str = made["data"]["createCommitOnBranch"]["commit"]["oid"]
        return oid


@pytest.fixture
def client(github: FakeGitHub) -> Client:
    return Client(github, github.app_token())


def propose(client: Client, *, owned: bool = False) -> tuple[int, str]:
    head = client.commit("half", {STATE: "stage: half\n"} | ({MARKER: "stage: half\n"} if owned else {}))
    opened = client.rest("POST", "/pulls", title="Half", head="half", base="main", body="Because.")
    assert opened.status_code == 201
    return opened.json()["number"], head


def merge(client: Client, number: int, head: str) -> requests.Response:
    return client.rest("PUT", f"/pulls/{number}/merge", sha=head, merge_method="squash", commit_title="Half")


def green(client: Client, head: str) -> None:
    assert client.rest("POST", f"/statuses/{head}", state="success", context="rollout/gate").status_code == 201


def test_a_field_that_github_does_not_have_fails_the_test(github: FakeGitHub, client: Client) -> None:
    answer = client.ask("{ viewer { shoeSize } }")
    assert "shoeSize" in answer["errors"][0]["message"]
    assert github.violations
    github.violations.clear()
    client.rest("POST", "/pulls", title="x", head="y", base="main", colour="red")
    assert "colour" in github.violations.pop()


def test_its_end_tells_what_was_asked_wrongly(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="shoeSize"), FakeGitHub(tmp_path) as github:
        Client(github, github.app_token()).ask("{ viewer { shoeSize } }")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ("pullRequests { totalCount }", "MISSING_PAGINATION_BOUNDARIES"),
        ("pullRequests(first: 101) { totalCount }", "EXCESSIVE_PAGINATION"),
        (DEEP, "MAX_NODE_LIMIT_EXCEEDED"),
    ],
)
def test_pages_are_bounded(github: FakeGitHub, client: Client, fields: str, kind: str) -> None:
    answer = client.ask(REPOSITORY.replace("FIELDS", fields))
    assert [error["type"] for error in answer["errors"]] == [kind]
    github.violations.clear()


def test_files_and_history_come_from_git(github: FakeGitHub, client: Client) -> None:
    github.commit({STATE: "stage: half\n"}, "Half")
    github.commit({"other": b"\x00\xff"})
    found = client.repository(
        'state: object(expression: "main:rollout-state/shop/state.yaml") { ... on Blob { text isBinary byteSize } }'
        ' other: object(expression: "main:other") { ... on Blob { text isBinary } }'
        ' none: object(expression: "main:none") { oid }'
        " defaultBranchRef { name target { ... on Commit { tree { entries { name type } }"
        f' history(first: 1, path: "{STATE}") {{ totalCount pageInfo {{ hasNextPage }}'
        " nodes { message author { name } } } } } }"
    )
    assert found["state"] == {"text": "stage: half\n", "isBinary": False, "byteSize": 12}
    assert found["other"] == {"text": None, "isBinary": True}
    assert found["none"] is None
    target = found["defaultBranchRef"]["target"]
    assert {"name": "rollout-state", "type": "tree"} in target["tree"]["entries"]
    assert target["history"]["totalCount"] == 2
    assert target["history"]["pageInfo"] == {"hasNextPage": True}
    assert [node["message"] for node in target["history"]["nodes"]] == ["Half"]


def test_a_state_alone_is_merged_once_the_gate_is_green(github: FakeGitHub, client: Client) -> None:
    number, head = propose(client)
    assert "not mergeable" in merge(client, number, head).json()["message"]
    refused = merge(client, number, head)
    assert refused.status_code == 405
    assert 'status check "rollout/gate" is expected' in refused.json()["message"]
    green(client, head)
    assert merge(client, number, github.world.head("main")).status_code == 409
    assert merge(client, number, head).json()["merged"] is True
    assert github.show(STATE) == "stage: half\n"
    assert github.story()[0] == "Half"
    found = client.repository(
        "defaultBranchRef { target { ... on Commit { signature { isValid } associatedPullRequests(first: 1) {"
        " nodes { number state mergedAt author { login __typename } } } } } }"
    )
    (pull,) = found["defaultBranchRef"]["target"]["associatedPullRequests"]["nodes"]
    assert (pull["number"], pull["state"], pull["author"]) == (
        number,
        "MERGED",
        {"login": "rollout-bot", "__typename": "Bot"},
    )


def test_only_the_pinned_app_sets_the_gate(github: FakeGitHub, client: Client) -> None:
    number, head = propose(client)
    green(Client(github, github.actions_token()), head)
    merge(client, number, head)
    assert merge(client, number, head).status_code == 405


def test_owned_paths_need_an_owner(github: FakeGitHub, client: Client) -> None:
    number, head = propose(client, owned=True)
    green(client, head)
    merge(client, number, head)
    assert "code owner review from alice" in merge(client, number, head).json()["message"]
    github.person("bob").approve(number)
    github.bot("alice").approve(number)
    assert merge(client, number, head).status_code == 405
    review = github.person("alice").approve(number)
    github.person("alice").dismiss(number, review)
    assert merge(client, number, head).status_code == 405
    github.person("alice").approve(number)
    assert client.repository(f"pullRequest(number: {number}) {{ reviewDecision }}") == {
        "pullRequest": {"reviewDecision": "APPROVED"}
    }
    assert merge(client, number, head).status_code == 200


def test_a_push_dismisses_approvals_and_an_author_gives_none(github: FakeGitHub) -> None:
    alice = github.person("alice")
    theirs = github.person("bob").propose("theirs", {MARKER: "x"})
    alice.approve(theirs)
    github.person("bob").push("theirs", {MARKER: "y"})
    assert [each.state for each in github.pulls[theirs].reviews] == ["DISMISSED"]
    with pytest.raises(Refused, match="Validation"):
        alice.approve(alice.propose("own", {MARKER: "z"}))
    with pytest.raises(Refused, match="through a pull request"):
        alice.push("main", {STATE: "no"})


def test_auto_merge_waits_for_the_rules(github: FakeGitHub, client: Client) -> None:
    number, head = propose(client)
    arm = (
        "mutation($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: SQUASH}) {"
        " pullRequest { autoMergeRequest { mergeMethod } } } }"
    )
    asked = client.repository(f"pullRequest(number: {number}) {{ id }}")["pullRequest"]["id"]
    client.ask(arm, id=asked)
    assert github.pulls[number].state == "OPEN"
    green(client, head)
    assert github.pulls[number].state == "MERGED"


def test_a_clean_pull_request_cannot_be_armed(github: FakeGitHub, client: Client) -> None:
    number, head = propose(client)
    green(client, head)
    given = f'{{pullRequestId: "PR_{number}"}}'
    arm = f"mutation {{ enablePullRequestAutoMerge(input: {given}) {{ clientMutationId }} }}"
    (error,) = client.ask(arm)["errors"]
    assert "clean status" in error["message"]
    assert error["type"] == "UNPROCESSABLE"


def test_what_a_token_may_not_is_refused(github: FakeGitHub) -> None:
    reader = Client(github, github.actions_token(contents="read"))
    assert reader.rest("POST", "/git/refs", ref="refs/heads/x", sha=github.world.head("main")).status_code == 403
    (error,) = reader.ask('{ repository(owner: "acme", name: "shop") { pullRequests(first: 1) { totalCount } } }')[
        "errors"
    ]
    assert error["type"] == "FORBIDDEN"
    assert Client(github, "wrong").rest("GET", "").status_code == 401


def test_a_queue_takes_no_direct_merge(tmp_path: Path) -> None:
    with FakeGitHub(tmp_path, rules=Rules(queue=True)) as github:
        client = Client(github, github.app_token())
        number, head = propose(client)
        merge(client, number, head)
        assert "merge queue" in merge(client, number, head).json()["message"]
        assert client.repository("mergeQueue { id }")["mergeQueue"] is not None


def test_a_stale_head_is_refused(github: FakeGitHub, client: Client) -> None:
    client.commit("half", {STATE: "one"})
    with pytest.raises(TypeError):
        client.commit("half", {STATE: "two"})
    assert github.show(STATE, "half") == "one"


def test_pages_lead_through_everything(github: FakeGitHub, client: Client) -> None:
    for each in range(3):
        github.person("bob").propose(f"b{each}", {f"f{each}": "x"})
    first = client.rest("GET", "/pulls?per_page=2")
    assert len(first.json()) == 2
    rest = client.session.get(first.links["next"]["url"].split("?")[0] + "/pulls?per_page=2&page=2", timeout=10)
    assert len(rest.json()) == 1


def test_faults_strike_once_and_where_they_are_aimed(github: FakeGitHub, client: Client) -> None:
    github.fail(None, "write", nth=2, after=True)
    client.rest("POST", "/git/refs", ref="refs/heads/one", sha=github.world.head("main"))
    with pytest.raises(requests.ConnectionError):
        client.rest("POST", "/git/refs", ref="refs/heads/two", sha=github.world.head("main"))
    assert github.branches() == ["main", "one", "two"]
    assert [entry.status for entry in github.log] == [201, 0]
    github.fail(SECONDARY, "GET /repos")
    assert client.rest("GET", "").headers["Retry-After"] == "60"
    assert client.rest("GET", "").status_code == 200


def test_workflows_are_started_by_people_and_apps_only(github: FakeGitHub, client: Client) -> None:
    file = "on:\n  push:\n  workflow_dispatch:\n    inputs:\n      percentage:\n"
    github.commit({".github/workflows/deploy.yml": file})
    github.runs.clear()
    assert client.rest("POST", "/actions/workflows/none.yml/dispatches", ref="main").status_code == 404
    path = "/actions/workflows/deploy.yml/dispatches"
    assert client.rest("POST", path, ref="main", inputs={"size": "1"}).status_code == 422
    assert client.rest("POST", path, ref="main", inputs={"percentage": "50"}).status_code == 204
    assert [(run.event, dict(run.inputs)) for run in github.runs] == [("workflow_dispatch", {"percentage": "50"})]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/pulls",
        "/pulls/1",
        "/pulls/1/files",
        "/pulls/1/reviews",
        "/issues/1",
        "/issues/1/comments",
        "/collaborators/alice/permission",
        "/git/ref/heads/main",
        "/rulesets",
        "/rulesets/1",
        "/rules/branches/main",
        "/codeowners/errors",
        "/branches/main",
        "/actions/workflows/deploy.yml",
        "/actions/workflows/deploy.yml/runs",
        "/../../../rate_limit",
    ],
)
def test_every_answer_is_as_published(github: FakeGitHub, client: Client, path: str) -> None:
    github.commit({".github/workflows/deploy.yml": "on: push\n"})
    github.person("bob").propose("theirs", {MARKER: "x"})
    github.person("alice").approve(1)
    github.person("alice").comment(1, "Fine.")
    assert client.rest("GET", path).status_code == 200


def test_deleting_a_branch_closes_its_pull_request(github: FakeGitHub, client: Client) -> None:
    number = github.person("bob").propose("theirs", {MARKER: "x"})
    client.rest("DELETE", "/git/refs/heads/theirs")
    found = client.repository(
        f"pullRequest(number: {number}) {{ state headRef {{ id }} timelineItems(last: 1, itemTypes: [CLOSED_EVENT])"
        " { nodes { ... on ClosedEvent { actor { login } } } } }"
    )["pullRequest"]
    assert found["state"] == "CLOSED"
    assert found["headRef"] is None
    assert found["timelineItems"]["nodes"] == [{"actor": {"login": "rollout-bot"}}]
