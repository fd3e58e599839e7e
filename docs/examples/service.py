"""A service that enforces a new rule for a sticky share of its users, and counts what comes of it.

python service.py rollout-state/guardian/state.yaml 8000
curl '127.0.0.1:8000/order?user=alice&amount=70'
curl 127.0.0.1:8000/metrics
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from rollout_bot import Enforcer

LARGE = 500


def new_rule(order: dict[str, str]) -> str:
    """What is rolled out: large orders have to be confirmed. Orders without a sensible amount are what it fails for."""
    return "please confirm" if float(order["amount"]) > LARGE else "accepted"


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are sent one after the other
    enforcer = Enforcer.from_file(sys.argv[1])
    metrics = enforcer.metrics()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/metrics":
            self.answer(200, generate_latest(), CONTENT_TYPE_LATEST)
        elif url.path == "/order":
            status, text = self.order(dict(parse_qsl(url.query)))
            self.answer(status, text.encode(), "text/plain")
        else:
            self.answer(404, b"there are /order and /metrics", "text/plain")

    def order(self, order: dict[str, str]) -> tuple[int, str]:
        # Users keep their side. Who has not said who they are keeps that of the address.
        enforced = self.enforcer.is_enforced(order.get("user", self.client_address[0]))
        try:
            status, text = 200, new_rule(order) if enforced else "accepted"
        except (KeyError, ValueError):
            status, text = 500, "cannot check this order"
        self.metrics.count(enforced, failed=status >= 500)
        return status, text

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the metrics do."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Orders).serve_forever()
