"""A backtest over a real Prometheus: days one by one, counted exactly, and asked for once."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.prometheus import backfill, openmetrics, running
from support.repositories import make
from support.ticks import NAME, POLICY, POLICY_TEXT

from rollout_bot.cli import main

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 3
METRICS = """\
  source: prometheus
  address: ${PROMETHEUS_URL}
  total: all_total
  failed: bad_total
"""


def counters() -> str:
    """A request a second; one in 500 fails, for half an hour of the third day one in 4. The pod restarts nightly."""
    totals: list[tuple[float, float]] = []
    failures: list[tuple[float, float]] = []
    total = failed = 0.0
    for minute in range(DAYS * 1440):
        if minute % 1440 == 0:
            total = failed = 0.0
        trouble = 2 * 1440 + 600 < minute <= 2 * 1440 + 630
        total, failed = total + 60, failed + (15 if trouble else 0.12)
        at = BEGIN.timestamp() + 60 * minute
        totals.append((at, total))
        failures.append((at, round(failed, 2)))
    return openmetrics({"all": {'pod="a"': totals}, "bad": {'pod="a"': failures}})


def test_days_are_read_once_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = POLICY_TEXT.replace("  source: recording\n  path: metrics.csv\n", METRICS)
    repository = make(tmp_path / "shop", {POLICY: text})
    now = BEGIN + timedelta(days=DAYS, hours=2)
    command = ["backtest", NAME, "--repository", str(repository.path), "--now", now.isoformat(), "--format", "json"]
    command += ["--from", "2026-03-02T00:00:00Z", "--to", "2026-03-03T23:00:00Z"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    backfill(counters(), tmp_path / "data")
    with running(tmp_path / "data") as address:
        monkeypatch.setenv("PROMETHEUS_URL", address)
        assert main(command) == 0
    first = json.loads(capsys.readouterr().out)["backtests"][0]
    moves = [(each["kind"], each["to"], each["at"]) for each in first["transitions"]]
    # The interval until 02:00 arrives a minute later: the tick at 02:00 has seen seven of them.
    assert moves[0] == ("advance", "half", "2026-03-02T02:00:00Z")
    assert moves[2] == ("roll_back", "half", "2026-03-03T10:30:00Z")
    assert first["transitions"][0]["evidence"]["requests"] == 7 * 900
    assert first["transitions"][1]["evidence"]["failures"] == pytest.approx(7 * 1.8, abs=0.5)
    # The server is gone; the days that are over are still there.
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["backtests"][0] == first
    assert main([*command, "--no-cache"]) == 1
    assert "cannot be read" in capsys.readouterr().err
