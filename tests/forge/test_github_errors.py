"""Every failed exchange becomes one clear error of the forge, and no token is ever in it."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
import requests
import responses
from support import web_server
from support.repositories import START

from rollout_bot.forge.github import GitHubForge
from rollout_bot.forge.github import transport as github_transport
from rollout_bot.forge.github import wire as github_wire
from rollout_bot.forge.github.errors import Overloaded, Overlong, Purpose, Rejected, SlowDown, Unanswered
from rollout_bot.forge.github.transport import Transport
from rollout_bot.forge.interface import BudgetSpent, Conflict, ForgeError, NotFound, NotMergeable, Unusable

API = "https://api.github.com"
WIRE = f"{API}:443"
"""PyGithub names the port."""
SPENT = {"X-RateLimit-Remaining": "0"}
TOKEN = "ghs_topsecret"
MERGE = Purpose("merge #7", "contents: write")


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as found:
        yield found


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def transport(pauses: list[float]) -> Transport:
    return Transport(TOKEN, API, f"{API}/graphql", pauses.append)


def put(transport: Transport) -> Any:
    return transport.write("PUT", "/x", MERGE, {})


def failure(wire: responses.RequestsMock, transport: Transport, **answer: Any) -> ForgeError:
    wire.put(f"{WIRE}/x", **answer)
    with pytest.raises(ForgeError) as caught:
        put(transport)
    assert TOKEN not in str(caught.value)
    assert str(caught.value).startswith("cannot merge #7: ")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("status", "message", "kind", "told"),
    [
        (401, "Bad credentials", Unusable, "expired"),
        (403, "Resource not accessible by integration", Unusable, "`contents: write`"),
        (403, "GitHub Actions is not permitted to create or approve pull requests.", Unusable, "Allow GitHub Actions"),
        (403, "", Unusable, "grant it"),
        (404, "Not Found", NotFound, "no such thing"),
        (405, "Pull Request is not mergeable", NotMergeable, "not mergeable"),
        (409, "Head branch was modified", Conflict, "new snapshot"),
        (413, "", Overloaded, "413"),
        (422, "Validation Failed", Rejected, "Validation Failed"),
        (307, "", Unusable, "renamed"),
        (500, "", Overloaded, "500"),
        (403, "API rate limit exceeded for installation", SlowDown, "slow down"),
        (429, "", SlowDown, "60 s"),
    ],
)
def test_statuses(
    wire: responses.RequestsMock, transport: Transport, status: int, message: str, kind: type[ForgeError], told: str
) -> None:
    transport._patience = 0
    found = failure(wire, transport, status=status, json={"message": message} if message else None)
    assert type(found) is kind
    assert told in str(found)


def test_the_details_of_a_validation_are_told(wire: responses.RequestsMock, transport: Transport) -> None:
    errors = [{"message": "A pull\nrequest exists"}, {"code": "custom"}, "more", 7]
    found = failure(wire, transport, status=422, json={"message": "Validation Failed", "errors": errors})
    assert "Validation Failed; A pull request exists; custom; more" in str(found)


@pytest.mark.parametrize("body", ["", "[]", "{", "[" * 100_000, '{"errors": 3}', "x" * 5000])
def test_an_error_that_says_nothing_is_told_by_its_status(
    wire: responses.RequestsMock, transport: Transport, body: str
) -> None:
    assert str(failure(wire, transport, status=422, body=body)).endswith("GitHub refuses (422)")


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (requests.exceptions.ConnectionError(TOKEN), Unanswered, "connection"),
        (requests.exceptions.ReadTimeout(TOKEN), Overloaded, "in time"),
        (requests.exceptions.ChunkedEncodingError(TOKEN), Unanswered, "broke"),
        (requests.exceptions.SSLError(TOKEN), Unusable, "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.InvalidHeader(TOKEN), Unusable, "header"),
    ],
)
def test_broken_connections(
    wire: responses.RequestsMock, transport: Transport, error: Exception, kind: type[ForgeError], told: str
) -> None:
    found = failure(wire, transport, body=error)
    assert isinstance(found, kind)
    assert told in str(found)


def test_what_may_have_been_done_is_not_repeated(wire: responses.RequestsMock, transport: Transport) -> None:
    failure(wire, transport, status=502)
    assert transport.requests == 1


@pytest.mark.parametrize(("body", "told"), [("<html>", "HTML"), ("{", "not JSON"), ("nothing", "not JSON")])
def test_what_is_no_json(wire: responses.RequestsMock, transport: Transport, body: str, told: str) -> None:
    assert told in str(failure(wire, transport, status=200, body=body))


def test_a_redirect_elsewhere_carries_no_token(wire: responses.RequestsMock, transport: Transport) -> None:
    found = failure(wire, transport, status=301, headers={"Location": "https://elsewhere.example.com/x"})
    assert "redirects elsewhere" in str(found)
    assert len(wire.calls) == 1


def test_a_token_that_comes_back_is_not_told(wire: responses.RequestsMock, transport: Transport) -> None:
    found = failure(wire, transport, status=422, json={"message": f"bad {TOKEN}"})
    assert "holds the token itself" in str(found)


@pytest.mark.parametrize("before", [286, 288, 290])
def test_half_a_token_is_not_told(wire: responses.RequestsMock, transport: Transport, before: int) -> None:
    found = failure(wire, transport, status=422, json={"message": "x" * before + TOKEN})
    assert TOKEN[:9] not in str(found)


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, 60.0),
        (
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1772442010", "Date": "Mon, 02 Mar 2026 09:00:00 GMT"},
            11.0,
        ),
    ],
)
def test_a_limit_that_passes_soon_is_waited_for(
    wire: responses.RequestsMock, transport: Transport, pauses: list[float], headers: dict[str, str], waited: float
) -> None:
    wire.put(f"{WIRE}/x", status=403, headers=headers)
    wire.put(f"{WIRE}/x", status=200, json={"merged": True})
    assert put(transport) == {"merged": True}
    assert pauses == [waited]
    assert transport.requests == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {**SPENT, "X-RateLimit-Reset": "1772445600", "Date": "Mon, 02 Mar 2026 09:00:00 GMT"},
        {**SPENT, "X-RateLimit-Reset": "1772445600"},
    ],
)
def test_a_limit_that_lasts_is_left_to_the_next_tick(
    wire: responses.RequestsMock, transport: Transport, pauses: list[float], headers: dict[str, str]
) -> None:
    found = failure(wire, transport, status=403, headers=headers)
    assert isinstance(found, BudgetSpent)
    assert pauses == []


def test_one_run_waits_a_minute_in_all(wire: responses.RequestsMock, transport: Transport, pauses: list[float]) -> None:
    for _ in range(2):
        wire.put(f"{WIRE}/x", status=429, headers={"Retry-After": "40"})
        wire.put(f"{WIRE}/x", status=200, json={})
    put(transport)
    with pytest.raises(BudgetSpent):
        put(transport)
    assert pauses == [40.0]


def test_many_writes_are_spread(wire: responses.RequestsMock, transport: Transport, pauses: list[float]) -> None:
    wire.put(f"{WIRE}/x", status=204)
    for _ in range(23):
        assert put(transport) is None
    assert pauses == [1.0] * 3


def test_runs_side_by_side_share_a_minute(wire: responses.RequestsMock, pauses: list[float]) -> None:
    wire.put(f"{WIRE}/x", status=204)
    transport = Transport(TOKEN, API, f"{API}/graphql", pauses.append, runs=4)
    for _ in range(7):
        put(transport)
    assert pauses == [4.0] * 2


def test_who_was_told_to_wait_asks_no_more(
    wire: responses.RequestsMock, transport: Transport, pauses: list[float]
) -> None:
    wire.put(f"{WIRE}/x", status=429, headers={"Retry-After": "600"}, json={})
    for _ in range(25):
        with pytest.raises(BudgetSpent, match="slow down"):
            put(transport)
    assert transport.requests == len(wire.calls) == 1
    assert pauses == []


def test_questions_are_asked_again(wire: responses.RequestsMock, transport: Transport, pauses: list[float]) -> None:
    wire.get(f"{WIRE}/x", status=502)
    wire.get(f"{WIRE}/x", body=requests.exceptions.ConnectionError())
    wire.get(f"{WIRE}/x", json={"a": 1})
    assert transport.get("/x", MERGE) == {"a": 1}
    assert pauses == [0.5, 2.0]


def ask(wire: responses.RequestsMock, transport: Transport, answer: Any) -> ForgeError:
    wire.post(f"{WIRE}/graphql", json=answer)
    with pytest.raises(ForgeError) as caught:
        transport.query("query { viewer { login } }", {}, Purpose("look", "contents: read"))
    return caught.value


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        ({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}, SlowDown, "rate limit"),
        ({"message": "You have exceeded a secondary rate limit."}, SlowDown, "next tick"),
        (
            {"type": "FORBIDDEN", "message": "no", "path": ["repository", "closed"]},
            Unusable,
            "pull-requests: read",
        ),
        ({"type": "FORBIDDEN", "message": "no", "path": ["repository", "open", "status"]}, Unusable, "statuses: read"),
        ({"message": "Resource not accessible by integration", "path": [1]}, Unusable, "`contents: read`"),
        ({"type": "INSUFFICIENT_SCOPES", "message": "scopes"}, Unusable, "contents: read"),
        ({"type": "NOT_FOUND", "message": "Could not resolve to a Repository"}, NotFound, "may not see"),
        ({"type": "STALE_DATA", "message": "Expected branch to point to"}, Conflict, "snapshot"),
        ({"message": "Something went wrong while executing your query. ID 1"}, Overloaded, "try again"),
        ({"type": "RESOURCE_LIMITS_EXCEEDED", "message": "too much"}, Overloaded, "try again"),
        ({"type": "UNPROCESSABLE", "message": "no\x1b[31m"}, Rejected, "no [31m"),
        ("nonsense", Rejected, "no reason"),
    ],
)
def test_errors_of_graphql_come_with_status_200(
    wire: responses.RequestsMock, transport: Transport, error: Any, kind: type[ForgeError], told: str
) -> None:
    transport._patience = 0
    found = ask(wire, transport, {"data": {"repository": None}, "errors": [error]})
    assert type(found) is kind
    assert told in str(found)


@pytest.mark.parametrize("answer", [{}, {"data": None}, [], 3, {"data": [], "errors": []}])
def test_an_answer_without_data_is_none(wire: responses.RequestsMock, transport: Transport, answer: Any) -> None:
    assert isinstance(ask(wire, transport, answer), Unanswered)


def test_a_step_of_a_mutation_may_fail_alone(wire: responses.RequestsMock, transport: Transport) -> None:
    error = {"type": "UNPROCESSABLE", "message": "A ref exists"}
    wire.post(f"{WIRE}/graphql", json={"data": {"createRef": None, "createCommitOnBranch": {}}, "errors": [error]})
    answer = transport.mutate("mutation { x }", {}, MERGE)
    assert answer.data["createCommitOnBranch"] == {}
    assert isinstance(answer.error, Rejected)


def test_requests_say_who_and_which_version(wire: responses.RequestsMock, transport: Transport) -> None:
    wire.get(f"{WIRE}/x", json={})
    transport.get("/x", MERGE, page="2")
    (call,) = wire.calls
    assert call.request.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert call.request.headers["Authorization"] == f"token {TOKEN}"
    assert call.request.url == f"{WIRE}/x?page=2"


@pytest.mark.parametrize(
    ("api", "graphql"),
    [
        ("https://github.example.com/api/v3", "https://github.example.com/api/graphql"),
        ("https://api.tenant.ghe.com", "https://api.tenant.ghe.com/graphql"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/graphql"),
    ],
)
def test_enterprise_addresses(wire: responses.RequestsMock, api: str, graphql: str) -> None:
    sent = [re.sub(r"^https://([^/]+)", r"https://\1:443", url) for url in (api, graphql)]
    wire.post(sent[1], json={"data": {"a": 1}})
    wire.get(f"{sent[0]}/repos/x", json={"b": 2})
    transport = Transport(TOKEN, api, graphql)
    assert transport.query("query { a }", {}, MERGE) == {"a": 1}
    assert transport.get("/repos/x", MERGE) == {"b": 2}


@pytest.mark.parametrize(
    ("api", "graphql", "told"),
    [
        ("http://github.example.com", "http://github.example.com/graphql", "https only"),
        ("ftp://github.example.com", "ftp://github.example.com/graphql", "https only"),
        ("https://a.example.com", "https://b.example.com/graphql", "differ"),
        ("https://user:secret@a.example.com", "https://a.example.com/graphql", "more than a host"),
        ("https://a.example.com?x=1", "https://a.example.com/graphql", "more than a host"),
        ("https://a.example.com:port", "https://a.example.com/graphql", "cannot be read"),
        ("", "", "https only"),
    ],
)
def test_addresses_that_cannot_be_right(api: str, graphql: str, told: str) -> None:
    with pytest.raises(Unusable, match=told) as caught:
        Transport(TOKEN, api, graphql)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a b", "a\n", "ä"])
def test_tokens_that_cannot_be_right(token: str) -> None:
    with pytest.raises(Unusable, match="the token"):
        GitHubForge("a/b", token=token, now=START)


@pytest.mark.parametrize("repository", ["", "a", "a/b/c", "/b", "a/", "a/..", "a/.", "a b/c", "https://github.com/a/b"])
def test_repositories_that_cannot_be_right(repository: str) -> None:
    with pytest.raises(Unusable, match="OWNER/NAME"):
        GitHubForge(repository, token=TOKEN, now=START)


def test_a_repository_that_nobody_shows(wire: responses.RequestsMock) -> None:
    wire.post(f"{WIRE}/graphql", json={"data": {"viewer": {"login": "x", "id": "1"}, "repository": None}})
    with pytest.raises(NotFound, match="a/b"):
        GitHubForge("a/b", token=TOKEN, now=START).snapshot()


def test_now_may_be_set_anew() -> None:
    forge = GitHubForge("a/b", token=TOKEN, now=START)
    forge.now = START.replace(hour=10)
    assert forge.now.hour == 10
    assert forge.requests == 0


def test_importing_it_loads_no_pygithub() -> None:
    code = "import json, sys, rollout_bot.forge.github; print(json.dumps([*{'github', 'requests'} & {*sys.modules}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def dripping(over: threading.Event, where: str) -> web_server.Answer:
    """One byte at a time, of the headers or of the body."""

    def drip(request: BaseHTTPRequestHandler) -> None:
        start = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
        request.wfile.write(start + (b"\r\n" if where == "body" else b"X-Slow: "))
        for _ in range(100):
            over.wait(0.02)
            request.wfile.write(b"1")
        request.wfile.write(b"" if where == "body" else b"\r\n\r\n" + b"1" * 100)

    return drip


@pytest.mark.parametrize("where", ["headers", "body"])
def test_one_byte_at_a_time_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(github_transport, "DEADLINE", 0.3)
    over = threading.Event()
    with web_server.serving(dripping(over, where)) as address:
        transport = Transport(TOKEN, address, f"{address}/graphql", lambda _: None)
        try:
            with pytest.raises(Overloaded, match=r"cannot merge #7: no complete answer from GitHub within 0.3 s"):
                transport.write("POST", "/x", MERGE, {})
        finally:
            over.set()
    assert transport.requests == 1


def test_after_a_deadline_the_next_question_gets_its_own_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(github_transport, "DEADLINE", 0.3)
    over, seen = threading.Event(), []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.path)
        if len(seen) == 1:
            over.wait(5)
        request.send_response(200)
        text = json.dumps(len(seen)).encode()
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    with web_server.serving(answer) as address:
        transport = Transport(TOKEN, address, f"{address}/graphql", lambda _: None)
        try:
            assert transport.get("/x", MERGE) == 2
        finally:
            over.set()
    assert transport.requests == 2


def test_an_answer_that_is_too_large_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, wire: responses.RequestsMock, transport: Transport
) -> None:
    monkeypatch.setattr(github_wire, "MAX_BYTES", 1_000_000)
    wire.get(f"{WIRE}/x", body=gzip.compress(b" " * 5_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(Overlong, match="larger than the bot reads"):
        transport.get("/x", MERGE)
    assert transport.requests == 1


def test_an_answer_of_too_many_values_is_none(wire: responses.RequestsMock, transport: Transport) -> None:
    wire.get(f"{WIRE}/x", body=b"[" + b"[]," * 600_000 + b"[]]")
    with pytest.raises(Overlong, match="larger than the bot reads"):
        transport.get("/x", MERGE)
    assert transport.requests == 1


def test_the_tighter_of_two_budgets_is_told(wire: responses.RequestsMock, transport: Transport) -> None:
    def left(number: str, resource: str) -> dict[str, str]:
        return {"X-RateLimit-Remaining": number, "X-RateLimit-Resource": resource}

    assert transport.budget is None
    wire.get(f"{WIRE}/x", json={}, headers=left("900", "core"))
    wire.get(f"{WIRE}/x", json={}, headers=left("4000", "graphql"))
    wire.get(f"{WIRE}/x", json={}, headers=left("899", "core"))
    wire.get(f"{WIRE}/x", json={}, headers=left("many", "core"))
    for expected in (900, 900, 899, 899):
        transport.get("/x", MERGE)
        assert transport.budget == expected
