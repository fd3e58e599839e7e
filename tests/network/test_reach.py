"""Where requests may go: every way to write, or to arrive at, an address that is off limits."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.repositories import START
from support.web_server import serving

from rollout_bot.core.model.routes import Event, Urgency
from rollout_bot.core.notices import Notice
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.samples import Unmeasured, Window
from rollout_bot.metrics.failures import ExchangeFailed
from rollout_bot.metrics.http import Access, Client, Clock
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.prometheus import Prometheus
from rollout_bot.metrics.web import Web
from rollout_bot.network import reach
from rollout_bot.network.delivery import Undelivered, send
from rollout_bot.network.exchange import OffLimits
from rollout_bot.notify.interface import Message
from rollout_bot.notify.slack import Slack
from rollout_bot.notify.teams import Teams
from rollout_bot.notify.webhook import Webhook
from rollout_bot.publish.interface import Unpublished
from rollout_bot.publish.pushgateway import Pushgateway

NOW, HOUR = START, timedelta(hours=1)

REFUSED = "off limits; where that is meant, allow it with ROLLOUT_BOT_ALLOW_ADDRESSES"
WRITTEN = [
    "169.254.169.254",
    "169.254.0.1",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "0xa9.0xfe.0xa9.0xfe",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "169.254.169.254.",
    "169%2e254%2e169%2e254",
    "[::ffff:0:169.254.169.254]",
    "[64:ff9b:1:a9fe:a9:fe00::]",
    "[64:ff9b:1:a9:fe:a9fe::]",
    "[64:ff9b:1:0:a9:fea9:fe00::]",
    "[2001::1:0:0:5601:5601]",
    "[fe80::1%25eth0]",
    "good.example@169.254.169.254",
    "good.example:80@169.254.169.254:8080",
    "good.example\\@169.254.169.254",
]


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(reach.ALLOWED, raising=False)


def asked(address: str) -> str:
    with pytest.raises(ExchangeFailed) as caught:
        Client(Access(address, deadline=5), Clock(sleep=lambda _: None)).ask("GET", "/x", {})
    return str(caught.value)


@pytest.mark.parametrize("host", ["①⑥⑨.②⑤④.①⑥⑨.②⑤④", "169。254。169。254"])
def test_other_digits_and_stops_are_no_address_at_all(host: str) -> None:
    assert "the request could not be made" in asked(f"http://{host}/")


@pytest.mark.parametrize("host", WRITTEN)
def test_an_address_is_off_limits_however_it_is_written(host: str) -> None:
    assert asked(f"http://{host}/latest/meta-data").endswith(REFUSED)
    with pytest.raises(Undelivered, match=REFUSED):
        send("POST", f"https://{host}/hook", b"{}", {})


SOURCES = {
    "prometheus": lambda address: Prometheus({"address": address, "total": "a", "failed": "b"}, HERE),
    "web": lambda address: Web({"url": address, "rows": "@", "time": "a", "total": "b", "failed": "c"}, HERE),
}
SENDERS = {
    "slack": lambda address: Slack(address).notify(MESSAGE),
    "teams": lambda address: Teams(address).notify(MESSAGE),
    "webhook": lambda address: Webhook(address, "a secret of many letters").notify(MESSAGE),
    "pushgateway": lambda address: Pushgateway(address).publish([Observation(RolloutRecord("a"), (), NOW)]),
}
MESSAGE = Message(Notice("a", Event.ADVANCED, Urgency.INFO, "b", ()), "msg_1", NOW)
HERE = Surroundings(Path())
SCHEMES = ["file:///etc/passwd", "ftp://h/x", "gopher://h/x", "data:,x", "http+unix://%2Frun%2Fdocker.sock/x", "//h/x"]


@pytest.mark.parametrize("name", SOURCES)
def test_no_source_asks_what_is_off_limits(name: str) -> None:
    for address in ("http://169.254.169.254/x", "https://[fd00:ec2::254]"):
        found = SOURCES[name](address).samples(Window(NOW - HOUR, NOW, HOUR / 4))
        assert isinstance(found, Unmeasured)
        assert found.reason.endswith(REFUSED)
    for address in SCHEMES:
        found = SOURCES[name](address).samples(Window(NOW - HOUR, NOW, HOUR / 4))
        assert isinstance(found, Unmeasured)
        assert "http:// or https://" in found.reason


@pytest.mark.parametrize("name", SENDERS)
def test_nothing_is_sent_to_what_is_off_limits(name: str) -> None:
    for address in ("http://169.254.169.254/x", "https://[fd00:ec2::254]"):
        with pytest.raises((Undelivered, Unpublished), match=REFUSED):
            SENDERS[name](address)
    for address in SCHEMES:
        with pytest.raises((Undelivered, Unpublished)) as caught:
            SENDERS[name](address)
        assert "passwd" not in str(caught.value)


@pytest.mark.parametrize("path", ["/../..//169.254.169.254", "#@169.254.169.254", "?@169.254.169.254"])
def test_what_only_looks_like_a_host_is_none(server: tuple[str, list[str]], path: str) -> None:
    """The library that connects and the one that judges read an address alike."""
    address = server[0].replace("metadata.example", "127.0.0.1")
    Client(Access(f"{address}{path}")).ask("GET", "", {})
    assert len(server[1]) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd12::1", "8.8.8.8", "a.b"]
)
def test_loopback_private_and_public_addresses_are_open(host: str) -> None:
    assert not reach.closed(host, {})


@given(st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_every_spelling_of_a_link_local_address_is_closed(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    octets = [number >> shift & 255 for shift in (24, 16, 8, 0)]
    spellings = [str(number), hex(number), oct(number).replace("0o", "0"), ".".join(map(hex, octets))]
    spellings += [f"::ffff:{address}", f"64:ff9b::{address}", f"{octets[0]}.{octets[1]}.{number & 65535}"]
    assert [reach.closed(each, {}) for each in spellings] == [True] * len(spellings)


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.path)
        request.send_response(200)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"{}")

    with serving(answer) as address:
        yield address.replace("127.0.0.1", "metadata.example"), seen


def _names(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """What the name server says, in turn, of any name."""
    rest = list(answers)

    def resolve(_host: object, port: object, *_: object, **__: object) -> list[object]:
        found = rest.pop(0) if len(rest) > 1 else rest[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_a_name_that_leads_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, "169.254.169.254")
    assert asked("http://metadata.example/").endswith(REFUSED)


def test_a_name_that_leads_to_a_server_is_asked(server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, "127.0.0.1")
    assert Client(Access(server[0])).ask("GET", "/x", {}) == {}


def test_a_name_that_comes_to_lead_there_gets_no_byte(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loopback address stands for one that is closed: what counts is where the connection ends."""
    monkeypatch.setattr(reach, "_CLOSED", (ipaddress.ip_network("127.0.0.0/8"),))
    _names(monkeypatch, "192.0.2.1", "127.0.0.1")
    address, seen = server
    assert asked(address).endswith(REFUSED)
    assert seen == []


def test_through_a_proxy_the_written_address_counts(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, seen = server
    monkeypatch.setenv("HTTP_PROXY", address.replace("metadata.example", "127.0.0.1"))
    monkeypatch.setenv("http_proxy", address.replace("metadata.example", "127.0.0.1"))
    assert asked("http://0xa9fea9fe/").endswith(REFUSED)
    assert seen == []


@pytest.mark.parametrize("allowed", ["127.0.0.1", "10.0.0.1, 127.0.0.0/8", "10.0.0.1 127.0.0.1/8"])
def test_what_is_allowed_is_reached(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, allowed: str
) -> None:
    monkeypatch.setattr(reach, "_CLOSED", (ipaddress.ip_network("127.0.0.0/8"),))
    monkeypatch.setenv(reach.ALLOWED, allowed)
    _names(monkeypatch, "127.0.0.1")
    assert Client(Access(server[0])).ask("GET", "/x", {}) == {}


def test_what_cannot_be_read_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(reach.ALLOWED, "metadata.example")
    assert "holds what is no address; allowed: addresses and networks such as" in asked("http://127.0.0.1:1/")
    with pytest.raises(OffLimits):
        reach.closed("127.0.0.1")
