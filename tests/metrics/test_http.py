"""One bounded exchange: every way in which a server can fail us becomes a reason without secrets."""

from __future__ import annotations

import gzip
import ssl
import threading
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from support.web_server import Answer, serving

from rollout_bot.core.wording import readable
from rollout_bot.metrics import failures
from rollout_bot.metrics.failures import ExchangeFailed, failure_reason
from rollout_bot.metrics.http import Access, Client, Clock, address_fault


def answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    def write(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return write


def in_turn(*answers: Answer) -> Answer:
    rest = list(answers)

    def write(request: BaseHTTPRequestHandler) -> None:
        (rest.pop(0) if len(rest) > 1 else rest[0])(request)

    return write


def ask(address: str, clock: Clock | None = None, **access: object) -> object:
    return Client(Access(address, **access), clock or Clock(sleep=lambda _: None)).ask("GET", "/x", {"q": "1"})  # type: ignore[arg-type]


def failure(write: Answer, **access: object) -> str:
    with serving(write) as address, pytest.raises(ExchangeFailed) as caught:
        ask(address, **access)
    return str(caught.value)


def test_a_document_arrives_whole() -> None:
    body = gzip.compress(b'{"a": [1, 2.5]}')
    with serving(answer(body, Content_Encoding="gzip")) as address:
        assert ask(f"{address}/prefix/") == {"a": [1, 2.5]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!doctype html><p>Sign in</p>", "HTML or XML, not JSON"),
        (b"", "the answer is empty"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": ', "not complete JSON"),
        (b"\xff\xff\xff", "not complete JSON"),
        (b"[" * 100_000, "not complete JSON"),
        (b"9" * 10_000, "not complete JSON"),
    ],
)
def test_what_is_not_json_is_no_answer(body: bytes, reason: str) -> None:
    assert reason in failure(answer(body))


def test_a_body_cut_short_is_no_answer() -> None:
    assert "cut short" in failure(answer(b'{"a": 1}', Content_Length="99", Connection="close"))
    packed = gzip.compress(b'{"a": 1}')[:-10]
    assert failure(answer(packed, Content_Encoding="gzip"))
    assert "cut short" in failure(answer(b"no gzip", Content_Encoding="gzip"))


def test_bytes_are_bounded_after_unpacking() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    assert "larger than 1000000 bytes" in failure(answer(bomb, Content_Encoding="gzip"), max_bytes=1_000_000)


@pytest.mark.parametrize("where", ["headers", "body"])
def test_one_byte_at_a_time_ends_at_the_deadline(where: str) -> None:
    over = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        start = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
        request.wfile.write(start + (b"\r\n" if where == "body" else b"X-Slow: "))
        for _ in range(100):
            over.wait(0.02)
            request.wfile.write(b"1")
        # Whoever waits this long gets a whole document.
        request.wfile.write(b"" if where == "body" else b"\r\n\r\n" + b"1" * 100)

    with serving(drip) as address:
        try:
            with pytest.raises(ExchangeFailed, match=r"within 0.3 s \(deadline\)"):
                ask(address, deadline=0.3)
        finally:
            over.set()


def test_a_spent_deadline_asks_nothing() -> None:
    ticks = count(0, 100)
    with pytest.raises(ExchangeFailed, match="deadline"):
        ask("http://127.0.0.1:1", Clock(monotonic=lambda: float(next(ticks)), sleep=pytest.fail))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_trouble_is_retried(status: int) -> None:
    slept: list[float] = []
    with serving(in_turn(answer(b"", status, Retry_After="3"), answer(b"<p>", status), answer(b"[1]"))) as address:
        assert ask(address, Clock(sleep=slept.append)) == [1]
    assert slept == [3.0, 1.0]


def test_gives_up_after_three_attempts_or_when_told_to_wait_too_long() -> None:
    slept: list[float] = []
    busy = answer(b'{"error": "over\\nloaded"}', 503, Retry_After="Wed, 21 Oct")
    with serving(busy) as address, pytest.raises(ExchangeFailed, match="answers 503: over loaded"):
        ask(address, Clock(sleep=slept.append))
    assert slept == [0.5, 1.0]
    with serving(answer(b"", 429, Retry_After="3600")) as address, pytest.raises(ExchangeFailed, match="answers 429"):
        ask(address, Clock(sleep=lambda _: pytest.fail("slept beyond the deadline")))


@pytest.mark.parametrize(("status", "reason"), [(400, "answers 400"), (401, "credentials"), (403, "credentials")])
def test_lasting_trouble_is_not_retried(status: int, reason: str) -> None:
    answers = in_turn(answer(b"[]", status), answer(b"[1]"))
    with serving(answers) as address, pytest.raises(ExchangeFailed, match=reason):
        ask(address)


def test_no_redirect_is_followed() -> None:
    met: list[str] = []
    with serving(lambda request: met.append(request.path)) as other:
        reason = failure(answer(b"", 302, Location=f"{other}/?token=abc"), bearer="s3cret")
    assert "302, a redirect" in reason
    assert "abc" not in reason
    assert met == []


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({"bearer": "tok"}, "Bearer tok"),
        ({"username": "ü", "password": "p:q"}, "Basic w7w6cDpx"),
        ({"headers": {"Authorization": "Token x"}}, "Token x"),
        ({}, None),
    ],
)
def test_credentials_are_sent_as_configured(access: dict[str, object], expected: str | None) -> None:
    met: list[str | None] = []
    with serving(lambda request: (met.append(request.headers["Authorization"]), answer(b"1")(request))[1]) as address:
        ask(address, **access)
    assert met == [expected]


def test_credentials_in_the_address_are_used_but_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password wrong")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    met: list[tuple[str, str]] = []

    def echo(request: BaseHTTPRequestHandler) -> None:
        met.append((request.path, request.headers["Authorization"]))
        answer(b'{"error": "no k%20ey-123 Ym90OmtAZXk= k@ey hunter2 for you"}', 400)(request)

    with serving(echo) as address, pytest.raises(ExchangeFailed) as caught:
        ask(address.replace("//", "//bot:k%40ey@") + "/p?token=hunter2", headers={"X-Key": "k%20ey-123"})
    assert met == [("/p/x?token=hunter2&q=1", "Basic Ym90OmtAZXk=")]
    assert str(caught.value) == "the server answers 400: no *** *** *** *** for you"


@given(st.integers(0, 40))
def test_a_secret_that_was_cut_is_not_told(before: int) -> None:
    told = Access("http://h", bearer="sesame-open-now").hide(readable(f"{'x' * before}sesame-open-now and more", 30))
    assert "sesa" not in told
    assert told.startswith("x" * min(before, 29))


def test_a_long_part_of_a_path_is_a_secret() -> None:
    assert Access("http://h/prometheus/0123456789abcdef").hide("/prometheus/0123456789abcdef") == "/prometheus/***"


@pytest.mark.parametrize("address", ["", "ftp://x", "file:///etc/passwd", "http://", "http://[", "http://x:y", "//x"])
def test_other_addresses_are_refused_without_repeating_them(address: str) -> None:
    assert address_fault(address)
    with pytest.raises(ExchangeFailed, match=r"the address is (not|a URL without a host)"):
        ask(address)


@pytest.mark.parametrize("header", ["a\r\nX-Evil: 1", "ключ"])
def test_headers_that_http_does_not_allow_are_refused(header: str) -> None:
    with pytest.raises(ExchangeFailed) as caught:
        ask("http://127.0.0.1:1", headers={"X-Key": header})
    assert "a header, ours or the server's" in str(caught.value)
    assert header not in str(caught.value)


def test_nobody_listening_is_told_without_the_address() -> None:
    with serving(answer(b"")) as address:
        pass
    with pytest.raises(ExchangeFailed) as caught:
        ask(address.replace("//", "//u:pw@"))
    assert str(caught.value) == "cannot connect to the server (Connection refused); is its address right?"


def test_a_missing_file_of_certificates_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(ExchangeFailed, match=r"ca_file\) cannot be read"):
        ask("https://127.0.0.1:1", ca_file=str(tmp_path / "none.pem"))


def test_a_certificate_that_is_not_trusted_says_why() -> None:
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_message = "self-signed certificate"
    assert "TLS: self-signed certificate" in str(failure_reason(requests.exceptions.SSLError(inner)))
    assert "TLS: handshake failed" in str(failure_reason(requests.exceptions.SSLError("x")))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (requests.exceptions.ReadTimeout("https://u:pw@host/"), "did not answer in time"),
        (requests.exceptions.ConnectionError("https://u:pw@host/"), "cannot connect to the server; is"),
        (requests.exceptions.InvalidURL("https://u:pw@host/"), "could not be made (InvalidURL)"),
        (RuntimeError("https://u:pw@host/"), "could not be made (RuntimeError)"),
    ],
)
@responses.activate
def test_foreign_errors_are_translated(error: Exception, reason: str) -> None:
    responses.get("http://prometheus.example/x", body=error)
    with pytest.raises(ExchangeFailed) as caught:
        ask("http://prometheus.example")
    assert reason in str(caught.value)
    assert "pw" not in str(caught.value)


def test_causes_that_refer_to_each_other_end() -> None:
    one = requests.exceptions.ConnectionError("x")
    one.__cause__ = other = ValueError("y")
    other.__cause__ = one
    assert "cannot connect" in str(failures.failure_reason(one))


@given(st.text(max_size=400))
def test_foreign_text_is_one_printable_line(text: str) -> None:
    assert readable(text).isprintable()
    assert len(readable(text)) <= 200
