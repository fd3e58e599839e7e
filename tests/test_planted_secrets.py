"""Secrets that are planted wherever one can be configured are in nothing that any command prints or writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.repositories import START
from support.ticks import HOUR, POLICY, POLICY_TEXT, World, initial

from rollout_bot.cli import main

NOW = START + 3 * HOUR
SECRETS = {
    "PLANTED_URL": "http://planted-user:planted-password@127.0.0.1:9/planted/path?key=planted-key",
    "PLANTED_BEARER": "planted-bearer-token",
    "PLANTED_HOOK": "http://127.0.0.1:9/services/planted-hook",
    "PUSHGATEWAY_URL": "http://planted-pusher:planted-gateway@127.0.0.1:9",
    "GITHUB_TOKEN": "ghs_planted",
}
MEASURED = """\
  source: prometheus
  address: ${PLANTED_URL}
  total: requests_total
  failed: failures_total
  bearer: ${PLANTED_BEARER}
  deadline: 2s
"""
NOTIFIED = 'notify:\n  - {channel: slack, address: "${PLANTED_HOOK}"}\n'
COMMANDS = [
    ["tick"],
    ["tick", "--format", "json"],
    ["tick", "--dry-run", "--format", "json"],
    ["status"],
    ["status", "--format", "json"],
    ["explain", "checkout"],
    ["explain", "checkout", "--format", "json"],
    ["history", "checkout", "--format", "json"],
    ["doctor"],
    ["doctor", "--format", "json"],
    ["validate"],
    ["alerts", "checkout"],
    ["dashboard", "checkout"],
    ["export", "checkout", "--format", "json"],
    ["rollback", "checkout", "--reason", "because"],
]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    text = POLICY_TEXT.replace("  source: recording\n  path: metrics.csv\n", MEASURED) + NOTIFIED
    return World.made(tmp_path / "r", {**initial(), POLICY: text})


def test_the_policy_with_them_is_valid(world: World) -> None:
    assert main(["validate", "--repository", str(world.repository.path)]) == 0


def planted(text: str) -> list[str]:
    return [line for line in text.splitlines() if "planted" in line.lower().replace("planted_", "")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_one(world: World, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*command, "--repository", str(world.repository.path), *_now(command)])
    said = capsys.readouterr()
    assert said.out + said.err
    assert planted(said.out + said.err) == []
    # Nor does anything that was committed, opened or noted down.
    assert planted(world.repository.git("log", "--all", "-p", "--format=%B")) == []
    kept = [path.read_bytes() for path in (world.repository.path / ".git").rglob("*.json")]
    assert not [each for each in kept if b"planted-" in each]


def test_no_published_page_holds_one(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    arguments = ["site", "--output", str(site), "--repository", str(world.repository.path), "--now", NOW.isoformat()]
    assert main(arguments) in (0, 1)
    pages = [path for path in site.rglob("*") if path.is_file()]
    assert len(pages) > 3
    assert not [path for path in pages if b"planted-" in path.read_bytes()]
    assert planted("".join(capsys.readouterr())) == []


def _now(command: list[str]) -> list[str]:
    return [] if command[0] in ("validate", "alerts", "dashboard", "export", "history") else ["--now", NOW.isoformat()]
