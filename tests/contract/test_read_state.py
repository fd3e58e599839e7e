"""`rollout_bot.read_state`: a State or one clear exception."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.guardian import guardian

import rollout_bot
from rollout_bot.files.state import write_state


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.yaml"
    path.write_text(write_state(guardian()))
    return path


def test_it_reads_what_the_bot_wrote(file: Path) -> None:
    assert rollout_bot.read_state(file) == rollout_bot.read_state(str(file)) == guardian()
    assert isinstance(rollout_bot.read_state(file), rollout_bot.State)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "found an empty file"),
        (b"percentage: 25\n", "schema_version"),
        (b"\xff\xfe", "which is not UTF-8"),
        (b"# \n" * 200_000, "a file of more than 256 kB"),
        (b"percentage: [", "broken YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    with pytest.raises(rollout_bot.InvalidFile, match=says) as caught:
        rollout_bot.read_state(file)
    assert str(caught.value).startswith(f"{file}:")


def test_a_later_version_is_refused(file: Path) -> None:
    file.write_text(file.read_text().replace("schema_version: 1", "schema_version: 2"))
    with pytest.raises(rollout_bot.InvalidFile, match="schema_version: found 2; allowed: 1, the only version"):
        rollout_bot.read_state(file)


def test_what_cannot_be_read_is_the_same_exception(tmp_path: Path) -> None:
    with pytest.raises(rollout_bot.InvalidFile, match=r"gone\.yaml is missing; give the path of a rollout's state"):
        rollout_bot.read_state(tmp_path / "gone.yaml")
    with pytest.raises(rollout_bot.InvalidFile, match="cannot be read: Is a directory"):
        rollout_bot.read_state(tmp_path)
    with pytest.raises(rollout_bot.InvalidFile, match="cannot be read: embedded null byte"):
        rollout_bot.read_state("a\0b")


def test_the_package_offers_no_more_than_it_says() -> None:
    assert all(hasattr(rollout_bot, name) for name in rollout_bot.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rollout_bot.nothing  # type: ignore[attr-defined]


def _modules(snippet: str) -> set[str]:
    code = f"import json, sys; {snippet}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(run.stdout))


def test_importing_the_package_imports_nothing_else(file: Path) -> None:
    before = _modules("import importlib, typing, __future__")
    assert _modules("import rollout_bot") - before == {"rollout_bot"}
    read = _modules(f"import rollout_bot; rollout_bot.read_state({str(file)!r})") - before
    assert {"requests", "jsonschema", "github", "rich", "filelock", "prometheus_client"}.isdisjoint(read)
