"""What one measurement asks shares a connection, and nothing else: no cookie, no answer, and none is left open."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from support.web_server import serving

from rollout_bot.metrics.failures import ExchangeFailed, TooLarge
from rollout_bot.metrics.http import Access, Client, Clock


@dataclass
class Server:
    """Keeps connections, each of which it knows by the port it comes from; `answers` are given in turn."""

    answers: list[Callable[[BaseHTTPRequestHandler], None]]
    ports: list[int] = field(default_factory=list)
    cookies: list[str | None] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.close_connection = False
        self.ports.append(request.client_address[1])
        self.cookies.append(request.headers.get("Cookie"))
        self.answers.pop(0)(request)
        if not self.answers:
            # The end of what a client sends: it has closed the connection.
            request.close_connection = True
            if request.rfile.read(1) == b"":
                self.left.set()


def says(body: bytes, status: int = 200, *, length: int | None = None) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        request.send_header("Set-Cookie", "who=you; Path=/")
        request.end_headers()
        request.wfile.write(body)

    return write


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    """Without a word that it will: the next request finds the connection gone."""
    says(b"[1]")(request)
    request.close_connection = True


def client(address: str, **access: Any) -> Client:
    return Client(Access(address, **access), Clock(sleep=lambda _: None))


def ask(asking: Client) -> object:
    return asking.ask("GET", "/x", {})


def test_one_connection_serves_a_measurement_and_ends_with_it() -> None:
    server = Server([says(b"[1]"), says(b"no", 404), says(b"[2]"), says(b"[3]")])
    with serving(server) as address:
        with client(address) as asking:
            assert ask(asking) == [1]
            with pytest.raises(ExchangeFailed, match="404"):
                ask(asking)
            assert (ask(asking), ask(asking)) == ([2], [3])
            assert not server.left.is_set()
        assert server.left.wait(10)
    assert len(server.ports) == 4
    assert len(set(server.ports)) == 1


def test_no_cookie_goes_back() -> None:
    server = Server([says(b"[1]"), says(b"[2]"), says(b"[3]")])
    with serving(server) as address, client(address) as asking:
        assert [ask(asking) for _ in range(3)] == [[1], [2], [3]]
    assert server.cookies == [None] * 3


def test_a_connection_that_the_server_has_closed_is_made_anew() -> None:
    server = Server([hangs_up, hangs_up, says(b"[2]")])
    with serving(server) as address, client(address) as asking:
        assert [ask(asking) for _ in range(3)] == [[1], [1], [2]]
    assert len(set(server.ports)) == 3


def test_what_is_left_of_an_answer_too_large_is_not_taken_for_the_next() -> None:
    server = Server([says(b"[1, 2, 3, 4, 5]" + b" " * 200_000), says(b"[2]")])
    with serving(server) as address, client(address, max_bytes=100_000) as asking:
        with pytest.raises(TooLarge):
            ask(asking)
        assert ask(asking) == [2]
    assert len(set(server.ports)) == 2


def test_a_connection_left_behind_at_the_deadline_is_closed_all_the_same() -> None:
    over = threading.Event()

    def drips(request: BaseHTTPRequestHandler) -> None:
        says(b"[", length=3)(request)
        over.wait(30)
        request.wfile.write(b"1]")

    server = Server([drips])
    with serving(server) as address:
        with pytest.raises(ExchangeFailed, match="deadline"), client(address, deadline=0.2) as asking:
            ask(asking)
        over.set()
        assert server.left.wait(10)
    # A socket that nobody closed would be told of here, as a warning that is an error.
    gc.collect()
