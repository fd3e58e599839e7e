"""Exit codes, help, and what happens when things go wrong around a command."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.repositories import START
from support.ticks import HOUR, NAME, World

from rollout_bot import cli
from rollout_bot.cli import main, parser
from rollout_bot.commands import common
from rollout_bot.commands.exits import BUG, FAILED, INTERRUPTED, INVALID, USAGE
from rollout_bot.forge.interface import Conflict, NotFound, Unusable

COMMAND = str(Path(sys.executable).with_name("rollout-bot"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World.made(tmp_path / "service")
    made.serve(START + HOUR)
    return made


def commands(top: argparse.ArgumentParser, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, each in action.choices.items():
                yield (*prefix, name)
                yield from commands(each, (*prefix, name))


ALL = list(commands(parser()))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help_with_examples(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*path, "--help"])
    text = capsys.readouterr().out
    assert f"usage: rollout-bot {' '.join(path)}" in text
    assert "\nexamples:\n  rollout-bot " in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_example_can_be_parsed(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    with pytest.raises(SystemExit, match="0"):
        main([*path, "--help"])
    examples = re.findall(r"^  rollout-bot (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(re.split(r"\s{3,}| \| | >>? ", example)[0])
        parser(words[0]).parse_args(words)


def test_the_commands_of_the_product_are_there() -> None:
    names = {path[0] for path in ALL}
    asked = {
        "init",
        "validate",
        "tick",
        "status",
        "advance",
        "rollback",
        "hold",
        "resume",
        "percentage",
        "pulls",
        "demo",
    }
    assert names >= asked
    assert {path for path in ALL if len(path) == 2} == {
        ("pulls", each) for each in ("list", "show", "approve", "merge", "close")
    }


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert "exit codes:" in text
    assert "3 invalid policy, state or set-up" in text


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert re.fullmatch(r"rollout-bot \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    "line",
    ["", "nonsense", "tick --nonsense", "hold x", "tick --now x", "tick --now 2026-01-01T00:00", "tick --format x"],
)
def test_wrong_usage_is_2(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(line.split())
    assert error.value.code == USAGE
    assert "usage: rollout-bot" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (Unusable("a shallow clone"), INVALID, "rollout-bot: a shallow clone\n"),
        (NotFound("no such thing"), INVALID, "rollout-bot: no such thing\n"),
        (Conflict("somebody was faster"), FAILED, "rollout-bot: somebody was faster\n"),
        (OSError(28, "No space left on device", "x"), FAILED, "rollout-bot: x: No space left on device\n"),
        (OSError("odd"), FAILED, "rollout-bot: odd\n"),
        (KeyError("x"), BUG, "rollout-bot: KeyError: 'x' (a bug in rollout-bot; ROLLOUT_BOT_DEBUG=1 shows where)\n"),
        (ValueError("a\x1b[2J\nb"), BUG, "rollout-bot: ValueError: a [2J\nrollout-bot: b (a bug in rollout-bot;"),
        (BrokenPipeError(), FAILED, ""),
        (KeyboardInterrupt(), INTERRUPTED, ""),
    ],
)
def test_one_place_turns_errors_into_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, text: str
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.delenv("ROLLOUT_BOT_DEBUG", raising=False)
    monkeypatch.setattr("rollout_bot.commands.schema.run", fail)
    assert main(["schema", "tick"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(text)
    assert "Traceback" not in captured.err


def test_a_bug_shows_where_if_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_: object) -> int:
        raise KeyError("x")

    monkeypatch.setenv("ROLLOUT_BOT_DEBUG", "1")
    monkeypatch.setattr("rollout_bot.commands.schema.run", fail)
    assert main(["schema", "tick"]) == BUG
    assert "Traceback" in capsys.readouterr().err


def shell(world: World, *arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "NO_COLOR": "1", **options.pop("env", {})}  # type: ignore[dict-item]
    return subprocess.run(
        [COMMAND, *arguments], cwd=world.repository.path, timeout=60, check=False, env=environment,
        **{"capture_output": True, **options},  # type: ignore[call-overload]
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [("schema", "tick"), ("--help",), ("tick", "--dry-run")])
def test_a_reader_that_has_had_enough_is_no_trouble(world: World, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = shell(world, *arguments, stdout=writing, stderr=subprocess.PIPE, capture_output=False)
    os.close(writing)
    assert run.stderr == b""
    assert run.returncode in (0, FAILED)


def test_a_full_disk_is_told(world: World) -> None:
    with Path("/dev/full").open("wb") as full:
        run = shell(world, "schema", "tick", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert run.returncode == FAILED
    assert run.stderr == b"rollout-bot: No space left on device\n"


def test_a_terminal_without_arrows_still_gets_its_report(world: World) -> None:
    run = shell(world, "status", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert run.returncode == 0
    assert b"[canary 10 %] ? half 50 %" in run.stdout


def test_bytes_in_no_encoding_are_no_bug(world: World) -> None:
    now = (START + HOUR).isoformat().encode()
    run = shell(world, "hold", NAME, "--reason", b"\xff", "--as", b"\xfe", "--now", now)  # type: ignore[arg-type]
    assert run.returncode == 0, run.stderr
    assert b"Traceback" not in run.stderr
    assert world.state().hold is not None


def test_an_interrupt_ends_quietly(world: World) -> None:
    fifo = world.repository.path / "metrics.csv"
    fifo.unlink()
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [COMMAND, "tick", "--dry-run", "--now", (START + HOUR).isoformat()],
        cwd=world.repository.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    # The fifo opens for writing as soon as the command reads its measurements.
    with fifo.open("w"):
        process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert process.returncode == INTERRUPTED, (out, error)
    assert b"Traceback" not in error


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not common.on_terminal()
    assert common.terminal_width() == 160
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert common.on_terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not common.on_terminal()


def test_as_a_module_it_is_the_same() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rollout_bot", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.startswith("rollout-bot ")


def test_only_the_module_of_the_command_is_imported() -> None:
    assert set(cli._COMMANDS) == {path[0] for path in ALL}
    with pytest.raises(SystemExit, match="2"):
        parser("percentage").parse_args(["tick"])
