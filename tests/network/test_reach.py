"""Where requests may go: every way to write, or to arrive at, an address that is off limits."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.web_server import serving

from rollout_bot.metrics.failures import ExchangeFailed
from rollout_bot.metrics.http import Access, Client, Clock
from rollout_bot.network import reach
from rollout_bot.network.delivery import Undelivered, send
from rollout_bot.network.exchange import OffLimits

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
]


@pytest.fixture(autouse=True)
def nothing_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(reach.ALLOWED, raising=False)


def asked(address: str) -> str:
    with pytest.raises(ExchangeFailed) as caught:
        Client(Access(address, deadline=5), Clock(sleep=lambda _: None)).ask("GET", "/x", {})
    return str(caught.value)


@pytest.mark.parametrize("host", WRITTEN)
def test_an_address_is_off_limits_however_it_is_written(host: str) -> None:
    assert asked(f"http://{host}/latest/meta-data").endswith(REFUSED)
    with pytest.raises(Undelivered, match=REFUSED):
        send("POST", f"https://{host}/hook", b"{}", {})


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
