"""What follows a tick: it may fail, hang or lie, and the tick is what it was."""

from __future__ import annotations

import os
import stat
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic

import pytest
from support.repositories import START
from support.ticks import HOUR, NAME, World, initial, policy_text
from support.web_server import serving

from rollout_bot.cli import main
from rollout_bot.core.record import TickRecord
from rollout_bot.forge.interface import ForgeError
from rollout_bot.publish.textfile import TextFile
from rollout_bot.tick import leaves
from rollout_bot.tick.leaves import Leaves

SECRET = "s3cr3t"
LATER = START + 3 * HOUR


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World.made(tmp_path / "shop")
    found.serve(LATER)
    return found


def follow(world: World, record: TickRecord, *, file: Path | None = None, every: bool = True, **env: str) -> list[str]:
    return Leaves(env, file, every).follow(record, world.forge(record.now))


def quiet(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(int(request.headers.get("Content-Length", 0)))
    request.send_response(200)
    request.send_header("Content-Length", "0")
    request.end_headers()


def test_nothing_is_published_where_nothing_is_configured(world: World) -> None:
    assert follow(world, world.tick(LATER)) == []


def test_a_file_is_replaced_in_one_step(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "collector"
    folder.mkdir()
    file = folder / "rollouts.prom"
    assert follow(world, world.tick(START + HOUR), file=file) == []
    before = file.stat()
    assert "checkout_rollout_percentage 10.0\n" in file.read_text()
    assert follow(world, world.tick(LATER), ROLLOUT_BOT_METRICS_FILE=str(file)) == []
    assert file.stat().st_ino != before.st_ino
    assert file.stat().st_mode & stat.S_IROTH
    assert [each.name for each in folder.iterdir()] == ["rollouts.prom"]


def test_a_tick_about_some_rollouts_leaves_the_file_of_all(world: World, tmp_path: Path) -> None:
    assert follow(world, world.tick(LATER), file=tmp_path / "rollouts.prom", every=False) == []
    assert not (tmp_path / "rollouts.prom").exists()


def test_a_file_that_cannot_be_written_is_told(world: World, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "rollouts.prom"
    expected = f"metrics file: {file}: cannot be written: No such file or directory"
    assert follow(world, world.tick(LATER), file=file) == [expected]


def test_a_dry_run_publishes_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHGATEWAY_URL", "http://127.0.0.1:1")
    file = tmp_path / "rollouts.prom"
    arguments = ["tick", "--repository", str(world.repository.path), "--now", LATER.isoformat()]
    assert main([*arguments, "--dry-run", "--metrics-file", str(file)]) == 0
    assert not file.exists()


def test_a_rollback_of_this_very_tick_is_in_its_metrics(world: World, tmp_path: Path) -> None:
    world.serve(LATER, bad_since=START)
    record = world.tick(LATER)
    assert record.merged
    follow(world, record, file=tmp_path / "rollouts.prom")
    text = (tmp_path / "rollouts.prom").read_text()
    assert 'checkout_rollout_rollback_total{from_stage="canary",to_stage="off"} 1.0' in text
    assert "checkout_rollout_percentage 0.0" in text


class Blind:
    """A forge that shows nothing any more."""

    budget = None

    def snapshot(self) -> None:
        raise ForgeError("no answer")


def test_a_forge_that_has_gone_away_costs_the_newest_figures_only(world: World, tmp_path: Path) -> None:
    world.serve(LATER, bad_since=START)
    record, file = world.tick(LATER), tmp_path / "rollouts.prom"
    assert Leaves({}, file).follow(record, Blind()) == []  # type: ignore[arg-type]
    assert "checkout_rollout_percentage 10.0" in file.read_text()
    gone = TickRecord(record.now, 0, record.rollouts)
    said = Leaves({}, file).follow(gone, Blind())  # type: ignore[arg-type]
    assert said == ["nothing is published and nobody is told: no answer"]


def test_a_broken_rollout_is_published_like_any_other(tmp_path: Path) -> None:
    files = initial() | initial("broken", text=policy_text("broken"))
    world = World.made(tmp_path / "shop", {**files, "rollout-state/broken/state.yaml": "nonsense: 1\n"})
    world.serve(LATER)
    follow(world, world.tick(LATER), file=tmp_path / "rollouts.prom")
    text = (tmp_path / "rollouts.prom").read_text()
    assert "broken_rollout_cannot_measure 1.0" in text
    assert "checkout_rollout_cannot_measure 0.0" in text


def trickling(request: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """A header line every moment, for ever: no timeout of a single read fires."""
    request.send_response(500)
    while not over.wait(0.02):
        request.send_header("X-Slow", "1")
        request.flush_headers()


def test_a_gateway_that_hangs_is_given_up_and_holds_nothing_else_up(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaves, "SECONDS", 0.5)
    record, over, began = world.tick(LATER), threading.Event(), monotonic()
    with serving(lambda request: trickling(request, over)) as address:
        said = follow(world, record, file=tmp_path / "rollouts.prom", PUSHGATEWAY_URL=f"{address}/{SECRET}")
        over.set()
    assert said == ["PUSHGATEWAY_URL: not done within 0.5 s, so given up"]
    assert (tmp_path / "rollouts.prom").exists()
    assert monotonic() - began < 20


def test_a_gateway_that_leads_elsewhere_gets_no_credentials_carried_there(world: World) -> None:
    asked: list[str] = []

    def elsewhere(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        quiet(request)

    def redirecting(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers["Content-Length"]))
        request.send_response(307)
        request.send_header("Location", there)
        request.send_header("Content-Length", "0")
        request.end_headers()

    with serving(elsewhere) as there, serving(redirecting) as address:
        said = follow(world, world.tick(LATER), PUSHGATEWAY_URL=address.replace("//", f"//bot:{SECRET}@"))
    assert asked == []
    (line,) = said
    assert "redirect; none is followed" in line
    assert SECRET not in line


def test_a_bug_of_ours_stays_a_line(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(*_: object) -> None:
        raise KeyError(SECRET)

    monkeypatch.setattr(TextFile, "publish", broken)
    said = follow(world, world.tick(LATER), file=tmp_path / "x.prom")
    assert said == ["metrics file: bug in the bot: KeyError"]


@pytest.mark.parametrize("address", ["http://bot:s3cr3t@127.0.0.1:1/s3cr3t", "https://s3cr3t:x", "http://[s3cr3t"])
def test_the_address_is_in_nothing_that_a_tick_prints(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUSHGATEWAY_URL", address)
    arguments = ["--repository", str(world.repository.path), "--now", LATER.isoformat()]
    assert main(["tick", NAME, *arguments]) == 0
    assert main(["hold", NAME, "--as", "alice", "--reason", "freeze", *arguments]) == 0
    printed = "".join(capfd.readouterr())
    assert printed.count("rollout-bot: PUSHGATEWAY_URL: the ") == 2
    assert SECRET not in printed
    assert os.environ["PUSHGATEWAY_URL"] == address
