"""Sources by name: found late, one at a time, and not stopped by somebody else's damage."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollout_bot.metrics import registry
from rollout_bot.metrics.recording import Recording


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path, where `install` puts distributions."""
    monkeypatch.syspath_prepend(tmp_path)
    registry.forget()
    yield tmp_path
    registry.forget()


def install(folder: Path, package: str, points: str | bytes) -> None:
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    text = points if isinstance(points, bytes) else f"[rollout_bot.metrics]\n{points}\n".encode()
    (info / "entry_points.txt").write_bytes(text)


def test_finds_a_source_by_name() -> None:
    assert registry.find("recording") is Recording


def test_an_unknown_name_lists_the_known_ones(packages: Path) -> None:
    install(packages, "acme-metrics", "acme = acme:Acme")
    with pytest.raises(registry.SourceUnavailable) as caught:
        registry.find("graphite")
    assert str(caught.value) == ("no metrics source is called 'graphite'; allowed: acme, prometheus, recording, web")


@pytest.mark.parametrize("damage", [b"\xff\xff", b"[rollout_bot.metrics]\nno value\n"])
def test_a_broken_package_does_not_stop_the_others(packages: Path, damage: bytes) -> None:
    install(packages, "acme-metrics", damage)
    assert registry.find("recording") is Recording


def test_a_source_that_cannot_be_imported_says_which_package_to_repair(packages: Path) -> None:
    (packages / "acme_broken.py").write_text("raise RuntimeError('out of order')")
    install(packages, "acme-metrics", "acme = acme_broken:Acme")
    with pytest.raises(registry.SourceUnavailable, match=r"'acme' of acme-metrics .*RuntimeError: out of order"):
        registry.find("acme")


@pytest.mark.parametrize("point", ["pathlib:Path", "rollout_bot.metrics.interface:Source", "os:path"])
def test_what_is_no_source_is_refused(packages: Path, point: str) -> None:
    install(packages, "acme-metrics", f"acme = {point}")
    with pytest.raises(registry.SourceUnavailable, match="allowed: a subclass of"):
        registry.find("acme")


def test_nobody_takes_over_a_name_of_ours(packages: Path) -> None:
    install(packages, "acme-metrics", "recording = pathlib:Path")
    assert registry.find("recording") is Recording


def test_of_two_installations_of_a_package_the_first_on_the_path_counts(packages: Path) -> None:
    install(packages, "acme-metrics", "acme = pathlib:Path")
    other = packages / "other"
    other.mkdir()
    install(other, "acme-metrics", "acme-old = pathlib:Path")
    sys.path.append(str(other))
    try:
        registry.forget()
        assert "acme-old" not in registry.names()
        assert "acme" in registry.names()
    finally:
        sys.path.remove(str(other))


def test_looking_one_up_imports_no_other() -> None:
    code = (
        "import sys; from rollout_bot.metrics.registry import find; find('recording'); "
        "print({'requests', 'promql_parser', 'prometheus_client', 'jmespath'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
