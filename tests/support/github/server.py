"""The fake GitHub on the wire: loopback HTTP, one request at a time through the world, every one logged."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from support.github import graph, rest
from support.github.faults import Answer, Entry, Fault, message
from support.github.model import Refused, Token
from support.github.mutations import Mutations
from support.github.nodes import Context
from support.github.repository import Query
from support.github.world import World

_LINK = "https://docs.github.com/rest"


class Wire:
    """Answers requests about a world. `violations` collects what no test may pass over."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lock = threading.RLock()
        self.log: list[Entry] = []
        self.faults: list[Fault] = []
        self.violations: list[str] = []
        self.remaining = 5000
        self.origin = ""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[Answer | None, float]:
        """The answer (None: none at all), and how many seconds late it comes."""
        with self.lock:
            path = urlsplit(target).path.removeprefix("/api/v3").removeprefix("/api")
            entry = self._entry(method, path, headers, body)
            struck = [fault for fault in list(self.faults) if fault.strikes(entry)]
            delay = sum(fault.delay for fault in struck)
            struck = [fault for fault in struck if not fault.delay]
            early = next((fault for fault in struck if not fault.after), None)
            given = early.answer if early else self._serve(method, target, path, headers, body)
            late = next((fault for fault in struck if fault.after), None)
            if late and not early:
                given = late.answer
            status = given.status if given else 0
            self.log.append(Entry(entry.method, entry.path, entry.operation, entry.write, entry.who, status))
            return given, delay

    def _entry(self, method: str, path: str, headers: Any, body: bytes) -> Entry:
        token = self._token(headers)
        who = token.actor.rest_login if token else ""
        if path == "/graphql":
            given = _json(body) or {}
            fields, write = graph.operations(given.get("query", ""), given.get("operationName"))
            return Entry(method, path, f"{'mutation' if write else 'query'} {','.join(fields)}", write, who)
        found = rest.find(method, path)
        return Entry(method, path, f"{method} {found[0].template if found else path}", method != "GET", who)

    def _token(self, headers: Any) -> Token | None:
        scheme, _, secret = (headers.get("Authorization") or "").partition(" ")
        return self.world.tokens.get(secret) if scheme.lower() in ("token", "bearer") else None

    def _serve(self, method: str, target: str, path: str, headers: Any, body: bytes) -> Answer:
        token = self._token(headers)
        self.remaining -= 1
        if token is None:
            return message(401, "Bad credentials" if headers.get("Authorization") else "Requires authentication")
        if not headers.get("User-Agent"):
            self.violations.append(f"{method} {path}: no User-Agent; GitHub refuses such requests")
        try:
            if path == "/graphql":
                return self._graphql(token, body)
            return self._rest(token, method, target, path, headers, body)
        except Refused as refused:
            detail = {"errors": refused.errors} if refused.errors else {}
            data = {"message": refused.message, "documentation_url": _LINK, "status": str(refused.status)} | detail
            return self._json(refused.status, data)

    def _graphql(self, token: Token, body: bytes) -> Answer:
        given = _json(body)
        if not isinstance(given, dict) or "query" not in given:
            return message(400, "Problems parsing JSON")
        context = Context(self.world, token, "https://github.com", remaining=self.remaining)
        root, mutations = Query(context, self.world), Mutations(context)
        name, variables = given.get("operationName"), given.get("variables") or {}
        outcome = graph.run(given["query"], variables, name, root, mutations)
        self.violations.extend(outcome.violations)
        return self._json(200, outcome.body)

    def _rest(self, token: Token, method: str, target: str, path: str, headers: Any, body: bytes) -> Answer:
        found = rest.find(method, path)
        if found is None:
            self.violations.append(f"the fake does not know {method} {path}")
            return message(404, "Not Found")
        if headers.get("X-GitHub-Api-Version") != "2022-11-28":
            self.violations.append(f"{method} {path}: X-GitHub-Api-Version is not pinned to 2022-11-28")
        route, values = found
        url = f"{self.origin}/repos/{self.world.owner}/{self.world.name}"
        query = dict(parse_qsl(urlsplit(target).query))
        call = rest.Call(self.world, token, url, values, query, _json(body) if body else None)
        if fault := rest.fault(route, call):
            self.violations.append(f"{method} {path}: {fault}")
        reply = rest.serve(route, call)
        if reply.status == 204 or reply.data is None:
            return Answer(reply.status, b"")
        answer = self._json(reply.status, reply.checked())
        answer.headers.update(reply.headers)
        return answer

    def _json(self, status: int, data: Any) -> Answer:
        reset = str(int(self.world.now.timestamp()) + 3600)
        headers = {"Content-Type": "application/json; charset=utf-8", "X-RateLimit-Limit": "5000"}
        headers |= {"X-RateLimit-Remaining": str(self.remaining), "X-RateLimit-Reset": reset}
        return Answer(status, json.dumps(data, default=str).encode(), headers)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


class Handler(BaseHTTPRequestHandler):
    """Reads and writes; everything else is the wire's."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    wire: Wire
    connections: set[socket.socket]

    def setup(self) -> None:
        super().setup()
        self.connections.add(self.connection)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer, delay = self.wire.answer(self.command, self.path, self.headers, body)
        except Exception as error:  # noqa: BLE001 - a bug of the fake must fail the test, not hang it
            text = f"bug in the fake: {self.command} {self.path}: {type(error).__name__}: {error}"
            self.wire.violations.append(text)
            answer, delay = message(500, "bug in the fake"), 0.0
        if delay:
            time.sleep(delay)
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the library's names

    def finish(self) -> None:
        self.connections.discard(self.connection)
        # A client may leave at any time.
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client may leave at any time; bugs of the fake are caught before."""


@contextmanager
def serving(wire: Wire) -> Iterator[str]:
    """Serves until the block ends; yields the origin, such as `http://127.0.0.1:40001`."""
    connections: set[socket.socket] = set()
    handler = type("OneHandler", (Handler,), {"wire": wire, "connections": connections})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    wire.origin = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield wire.origin
    finally:
        server.shutdown()
        # Clients keep their connections open; their threads end with them.
        for connection in list(connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()
        thread.join()
