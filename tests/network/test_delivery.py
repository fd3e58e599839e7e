"""What is sent to somebody's server, what is said when it does not arrive, and how long that may take."""

from __future__ import annotations

import threading
from functools import partial
from http.server import BaseHTTPRequestHandler
from time import monotonic

import pytest
import requests
import responses
from support.web_server import serving

from rollout_bot.network import delivery
from rollout_bot.network.delivery import Undelivered, address_fault, send
from rollout_bot.network.exchange import bounded

SECRET = "s3cr3t-hook"
URL = f"https://user:{SECRET}@example.com/{SECRET}?key={SECRET}"


def answering(status: int, body: bytes = b"", **headers: str) -> delivery.Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_a_body_arrives_with_its_headers_and_credentials() -> None:
    got: list[tuple[str, str, str | None, str | None, bytes]] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        got.append((request.command, request.path, request.headers["Authorization"], request.headers["X-One"], body))
        request.send_response(202)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with serving(answer) as address:
        send("POST", address.replace("//", "//me:p%40ss@") + "/a?b=c", b"{}", {"X-One": "1"})
        send("PUT", address, b"", {})
    assert got == [("POST", "/a?b=c", "Basic bWU6cEBzcw==", "1", b"{}"), ("PUT", "/", None, None, b"")]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"no_service", "the server answers 404 (no_service)"),
        (400, b"invalid_payload\n", "the server answers 400 (invalid_payload)"),
        (500, SECRET.encode(), "the server answers 500"),
        (429, b"<html>" + SECRET.encode(), "the server answers 429"),
        (503, b"x" * 9000, "the server answers 503"),
        (401, b"", "the server answers 401: the credentials are missing or not accepted"),
        (302, b"", "the server answers 302, a redirect; none is followed: set the final address"),
    ],
)
def test_a_refusal_is_told_without_repeating_what_the_server_says(status: int, body: bytes, said: str) -> None:
    with (
        serving(answering(status, body, Location="http://127.0.0.1:1/")) as address,
        pytest.raises(Undelivered) as caught,
    ):
        send("POST", f"{address}/{SECRET}", b"", {})
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (requests.exceptions.SSLError(URL), "its certificate is not accepted"),
        (requests.exceptions.ReadTimeout(URL), "no answer within 4 s"),
        (requests.exceptions.ConnectionError(URL), "cannot connect to the server; is the address right?"),
        (requests.exceptions.InvalidURL(URL), "the request could not be made (InvalidURL)"),
        (UnicodeError(URL), "the request could not be made (UnicodeError)"),
    ],
)
@responses.activate
def test_no_foreign_error_is_repeated(error: Exception, said: str) -> None:
    responses.post(f"https://example.com/{SECRET}", body=error)
    with pytest.raises(Undelivered) as caught:
        send("POST", URL, b"", {})
    assert str(caught.value) == said
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "address", [SECRET, f"ftp://{SECRET}", f"https://{SECRET}:x", f"https://[{SECRET}", "https://"]
)
def test_what_is_no_address_is_told_without_it(address: str) -> None:
    assert SECRET not in (address_fault(address) or SECRET)
    with pytest.raises(Undelivered) as caught:
        send("POST", address, b"", {})
    assert SECRET not in str(caught.value)


def test_a_usable_address_has_no_fault() -> None:
    assert address_fault(URL) is None


def test_a_silent_server_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "SILENCE", 0.05)
    over = threading.Event()
    with serving(lambda _request: over.wait(30) and None) as address:
        with pytest.raises(Undelivered, match=r"no answer within 0\.05 s"):
            send("POST", address, b"", {})
        over.set()


def test_tasks_run_side_by_side_and_answer_in_their_order() -> None:
    meeting = threading.Barrier(3, timeout=30)
    tasks = [partial(lambda index: (meeting.wait(), index)[1], index) for index in range(3)]
    assert bounded(tasks, at_once=3) == [0, 1, 2]
    assert bounded([], at_once=3) == []


def test_more_tasks_than_threads_are_all_done() -> None:
    assert bounded([partial(int, index) for index in range(50)], at_once=4, seconds=60) == list(range(50))


def test_a_task_that_raises_answers_nothing_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert bounded([lambda: {}[SECRET], lambda: 1], at_once=1) == [None, 1]
    assert capfd.readouterr().err == ""


def test_what_takes_too_long_is_left_behind() -> None:
    over, began = threading.Event(), monotonic()
    assert bounded([lambda: over.wait(60), lambda: True], at_once=2, seconds=0.1) == [None, True]
    assert bounded([lambda: over.wait(60), lambda: True], at_once=1, seconds=0.1) == [None, None]
    assert monotonic() - began < 20
    over.set()
