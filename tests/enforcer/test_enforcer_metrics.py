"""What an Enforcer shows to Prometheus."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from support.guardian import guardian

from rollout_bot import Enforcer
from rollout_bot.files.state import write_state


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.yaml"
    path.write_text(write_state(guardian("canary", 1)))
    return path


def value(registry: CollectorRegistry, name: str, cohort: str | None = None) -> float | None:
    return registry.get_sample_value(name, {"cohort": cohort} if cohort else {})


def test_it_counts_requests_and_failures_of_the_enforced(file: Path) -> None:
    registry = CollectorRegistry()
    metrics = Enforcer.from_file(file).metrics(registry=registry)
    assert value(registry, "guardian_enforcement_failed_total", "enforced") == 0
    for enforced, failed in [(True, False), (True, True), (True, False), (False, True)]:
        metrics.count(enforced, failed=failed)
    assert value(registry, "guardian_enforcement_total", "enforced") == 3
    assert value(registry, "guardian_enforcement_failed_total", "enforced") == 1
    # A selector without a cohort, as in the policy that init writes, must not count what has no part in the change.
    assert value(registry, "guardian_enforcement_total", "baseline") is None


def test_it_counts_the_baseline_when_asked(file: Path) -> None:
    registry = CollectorRegistry()
    metrics = Enforcer.from_file(file).metrics(baseline=True, registry=registry)
    for enforced, failed in [(True, False), (False, True), (False, False)]:
        metrics.count(enforced, failed=failed)
    for cohort, total, failures in [("enforced", 1, 0), ("baseline", 2, 1)]:
        assert value(registry, "guardian_enforcement_total", cohort) == total
        assert value(registry, "guardian_enforcement_failed_total", cohort) == failures


def test_the_percentage_is_the_one_in_force_even_where_nobody_asks(file: Path) -> None:
    registry, now = CollectorRegistry(), [0.0]
    Enforcer.from_file(file, clock=lambda: now[0]).metrics(registry=registry)
    assert value(registry, "guardian_enforcement_percentage") == 10
    file.write_text(write_state(guardian("half", 2)))
    now[0] += 1
    assert value(registry, "guardian_enforcement_percentage") == 50
    file.unlink()
    now[0] += 1
    assert value(registry, "guardian_enforcement_percentage") == 50


@pytest.mark.usefixtures("everybodys_registry")
def test_they_are_registered_where_everybody_looks(file: Path) -> None:
    enforcer = Enforcer.from_file(file)
    enforcer.metrics().count(enforced=True)
    assert value(REGISTRY, "guardian_enforcement_total", "enforced") == 1
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        enforcer.metrics()


def test_dashes_become_underscores(tmp_path: Path) -> None:
    path = tmp_path / "state.yaml"
    path.write_text(write_state(guardian()).replace("rollout: guardian", 'rollout: "new-search"'))
    registry = CollectorRegistry()
    Enforcer.from_file(path).metrics(registry=registry)
    assert value(registry, "new_search_enforcement_percentage") == 25


def test_each_of_several_processes_shows_its_percentage(file: Path, tmp_path: Path) -> None:
    """As under gunicorn: prometheus_client then reads what processes left in a folder."""
    (tmp_path / "shared").mkdir()
    code = f"""
import os, pathlib
os.environ["PROMETHEUS_MULTIPROC_DIR"] = {str(tmp_path / "shared")!r}
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from rollout_bot import Enforcer
path = pathlib.Path({str(file)!r})
metrics = Enforcer.from_file(path, check_every=0).metrics()
path.write_text(path.read_text().replace("percentage: 10", "percentage: 50"))
metrics.count(True)
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    (gauge,) = (line for line in run.stdout.splitlines() if line.startswith("guardian_enforcement_percentage"))
    assert gauge.endswith(" 50.0")
    assert 'guardian_enforcement_total{cohort="enforced"} 1.0' in run.stdout


def test_importing_the_enforcer_imports_no_client(file: Path) -> None:
    code = f"import sys; from rollout_bot import Enforcer; Enforcer.from_file({str(file)!r}); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "prometheus_client" not in run.stdout.split()
