"""Secrets that are planted wherever one can be configured are in nothing that any command prints or writes."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import quote

import pytest
from support.repositories import START
from support.ticks import HOUR, POLICY_TEXT, World, initial
from support.web_server import serving

from rollout_bot.cli import main
from rollout_bot.commands.exits import BUG
from rollout_bot.network.redaction import redacted

NOW = START + 3 * HOUR
ADDRESS = "http://planted-user:planted%2Fpassword@HOST/planted-path-of-sixteen-letters?key=planted-key"
HOOK = "http://planted-name:planted-word@HOST/services/planted-hook?token=planted-query"
SECRETS = {
    "PLANTED_URL": ADDRESS,
    "PLANTED_BEARER": "planted-bearer",
    "PLANTED_USER": "planted-login",
    "PLANTED_PASSWORD": "planted+pass/word",
    "PLANTED_HEADER": "planted-tenant planted-header",
    "PLANTED_HOOK": HOOK,
    "PLANTED_TEAMS": HOOK.replace("planted-hook", "planted-teams"),
    "PLANTED_WEBHOOK": HOOK.replace("planted-hook", "planted-webhook"),
    "PLANTED_SIGNING": "planted-signing-key-of-24-letters",
    "PUSHGATEWAY_URL": "http://planted-pusher:planted-gateway@HOST/planted-push-path-of-letters",
    "GITHUB_TOKEN": "ghs_planted",
}
"""HOST stands for a server that answers with all that it was sent."""

MORE = ("planted-user", "planted/password", "planted-name:planted-word", "planted-pusher:planted-gateway")
MEASURED = {
    "checkout": ("prometheus", "address: ${PLANTED_URL}\n  bearer: ${PLANTED_BEARER}"),
    "basic": (
        "prometheus",
        "address: ${PLANTED_URL}\n  basic: {username: '${PLANTED_USER}', password: '${PLANTED_PASSWORD}'}",
    ),
    "headers": ("prometheus", "address: ${PLANTED_URL}\n  headers: {X-Tenant: '${PLANTED_HEADER}'}"),
    "inside": ("prometheus", "address: ${PLANTED_URL}"),
    "web": ("web", "url: ${PLANTED_URL}\n  rows: data\n  time: '[0]'\n  bearer: ${PLANTED_BEARER}"),
}
NOTIFIED = """\
notify:
  - {channel: slack, address: "${PLANTED_HOOK}"}
  - {channel: teams, address: "${PLANTED_TEAMS}"}
  - {channel: webhook, address: "${PLANTED_WEBHOOK}", secret: "${PLANTED_SIGNING}"}
"""
COMMANDS = [
    ["tick"],
    ["tick", "--format", "json"],
    ["tick", "--dry-run", "--format", "json"],
    ["status"],
    ["status", "--format", "json"],
    ["explain", "checkout"],
    ["explain", "web", "--format", "json"],
    ["history", "checkout", "--format", "json"],
    ["doctor"],
    ["doctor", "--format", "json"],
    ["validate"],
    ["validate", "--live"],
    ["validate", "--live", "--format", "json"],
    ["backtest", "checkout"],
    ["backtest", "web"],
    ["alerts", "checkout"],
    ["dashboard", "checkout"],
    ["export", "checkout", "--format", "json"],
    ["rollback", "checkout", "--reason", "because"],
]
TIMELESS = ("alerts", "dashboard", "export", "history")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Several rollouts whose server repeats what it is told, with 200 and as an error of Prometheus."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        sent = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        said = f"{request.requestline} {request.headers} {sent.decode(errors='replace')}"
        body = json.dumps({"status": "error", "error": said, "data": [[said, "1", "1"]]}).encode()
        request.send_response(200 if "/api/" in request.path or request.command == "GET" else 400)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with serving(answer) as address:
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value.replace("HOST", address.removeprefix("http://")))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("ROLLOUT_BOT_METRICS_FILE", str(tmp_path / "metrics.prom"))
        yield World.made(tmp_path / "r", files())


def files() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, (source, settings) in MEASURED.items():
        counts = "total: total\n  failed: failed" if source == "prometheus" else "total: '[1]'\n  failed: '[2]'"
        measured = f"  source: {source}\n  {settings}\n  {counts}\n  deadline: 2s\n"
        text = POLICY_TEXT.replace("  source: recording\n  path: metrics.csv\n", measured) + NOTIFIED
        found |= {path: str(each) for path, each in initial(name, text=text.replace("checkout", name)).items()}
    return found


def forms() -> set[str]:
    """Every secret word, and each as an address and Base64 would hold it, wherever in it."""
    words = {word for value in (*SECRETS.values(), *MORE) for word in value.replace("HOST", "").split()}
    words |= {part for word in words for part in word.replace("?", "/").replace("=", "/").replace("@", "/").split("/")}
    words = {word for word in words if "planted" in word and word != "planted"}
    shifted = {(b"x" * shift + word.encode(), shift) for word in words for shift in range(3)}
    encoded = {b64encode(text).decode().rstrip("=")[2 * bool(shift) + shift // 2 : -2] for text, shift in shifted}
    return words | {quote(word, safe="") for word in words} | encoded


FORMS = forms()


def leaks(text: str) -> list[str]:
    """The lines that hold a secret. Names of variables may be told."""
    return [line for line in text.splitlines() if any(form in line for form in FORMS)]


def run(world: World, *command: str) -> int:
    now = [] if command[0] in TIMELESS else ["--now", NOW.isoformat()]
    return main([*command, "--repository", str(world.repository.path), *now])


def written(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_secret_is_found_in_any_form() -> None:
    assert leaks("a planted-key b")
    assert leaks(f"Basic {b64encode(b'me:planted-key')!r}")
    assert leaks(quote("planted+pass/word", safe=""))
    assert not leaks("HOOK: PLANTED_HOOK is not set, ${PLANTED_URL}")


def test_the_policies_with_them_are_valid(world: World) -> None:
    assert run(world, "validate") == 0


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_or_writes_one(
    world: World, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(world, *command)
    said = "".join(capsys.readouterr())
    assert said
    assert leaks(said) == []
    # Nor does anything that was committed, opened, noted down or kept.
    assert leaks(world.repository.git("log", "--all", "-p", "--format=%B")) == []
    for path, content in written(tmp_path).items():
        assert "/.git/objects/" in path or leaks(content.decode(errors="replace")) == [], path
    if command == ["tick"]:
        assert said.count("***") >= len(MEASURED), "the server says nothing, so nothing is shown"


def test_no_published_page_holds_one(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    assert run(world, "site", "--output", str(site)) in (0, 1)
    pages = written(site)
    assert len(pages) > 3
    assert [path for path, content in pages.items() if leaks(content.decode())] == []
    assert leaks("".join(capsys.readouterr())) == []


def test_a_runner_is_told_none(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    run(world, "tick", "--forge", "local")
    for name in ("summary", "output"):
        assert leaks((tmp_path / name).read_text()) == []
    assert r"\*\*\*" in (tmp_path / "summary").read_text()


def test_a_secret_with_a_line_break_is_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PLANTED_BEARER", "PLANTED_HEADER", "PLANTED_SIGNING", "PLANTED_PASSWORD", "PLANTED_HOOK"):
        monkeypatch.setenv(name, os.environ[name] + "\r\nX-More: 1\n")
    run(world, "tick")
    said = "".join(capsys.readouterr())
    assert "holds what HTTP does not allow" in said
    assert leaks(said) == []


def test_the_credentials_of_a_proxy_are_not_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://planted-user:planted-word@127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    run(world, "tick")
    assert leaks("".join(capsys.readouterr())) == []


@pytest.mark.parametrize("command", [["tick"], ["tick", "--format", "json"], ["validate", "--live"]], ids=" ".join)
def test_a_bug_tells_none(
    world: World, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        words = [*(os.environ[name] for name in SECRETS), *MORE, quote("planted/password", safe="")]
        raise RuntimeError(f"{words} {b64encode(b'planted-name:planted-word').decode()}")

    monkeypatch.setenv("ROLLOUT_BOT_DEBUG", "1")
    monkeypatch.setattr("rollout_bot.tick.evaluation.analyse", broken)
    monkeypatch.setattr("rollout_bot.backtest.live.examine_live", broken)
    assert run(world, *command) == BUG
    said = "".join(capsys.readouterr())
    assert "RuntimeError: ['${PLANTED_URL}', '${PLANTED_BEARER}'" in said
    assert leaks(said) == []


def test_what_is_no_secret_stays() -> None:
    environment = {"A": "", "B": "ab", "C": "http://[", "D": "https://host.example/", "E": "a longer value"}
    assert redacted("ab http://x https://host.example a longer value", environment) == (
        "ab http://x https://host.example ${E}"
    )
