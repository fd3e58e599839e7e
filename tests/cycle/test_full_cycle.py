"""A whole rollout through the installed command: a real Prometheus, a real service, a real repository.

Six days of the service's past are backfilled, so that nothing waits; at the end Prometheus scrapes it live.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter, start_http_server
from support.prometheus import backfill, openmetrics, running
from support.repositories import Repository, make

COMMAND = str(Path(sys.executable).with_name("rollout-bot"))
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PAST = timedelta(days=6, hours=12)
PER_MINUTE = 60
GOOD_RATE, BAD_RATE = 0.0005, 0.05
BAD = (timedelta(hours=53), timedelta(hours=54, minutes=30))
"""The defect shows for a while, three hours after half is entered for the first time."""


class Service:
    """A service that counts what it enforces and serves its counters over HTTP, as prometheus_client does it."""

    def __init__(self, total: float, failed: float) -> None:
        registry = CollectorRegistry()
        self._total = Counter("guardian_enforcement", "Enforced requests.", registry=registry)
        self._failed = Counter("guardian_enforcement_failed", "Of them failed.", registry=registry)
        self._server, self._thread = start_http_server(0, "127.0.0.1", registry)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.serve(total, failed)

    def serve(self, total: float, failed: float) -> None:
        self._total.inc(total)
        self._failed.inc(failed)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass
class World:
    """Everything real that the test plays with; `began` is when the rollout began, in the past."""

    repository: Repository
    service: Service
    prometheus: str
    began: datetime

    def run(self, *arguments: str, at: timedelta, expect: int = 0) -> str:
        now = (self.began + at).isoformat()
        done = subprocess.run(
            [COMMAND, *arguments, "--repository", str(self.repository.path), "--now", now],
            capture_output=True,
            text=True,
            env={**os.environ, "PROMETHEUS_URL": self.prometheus},
            timeout=60,
            check=False,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout + done.stderr

    def tick(self, at: timedelta) -> dict[str, Any]:
        (rollout,) = json.loads(self.run("tick", "--format", "json", at=at))["rollouts"]
        return dict(rollout)

    def approved(self, number: int, at: timedelta) -> None:
        self.run("pulls", "approve", str(number), "--as", "alice", at=at)
        self.run("pulls", "merge", str(number), "--as", "alice", at=at)

    def percentage(self) -> int:
        command = [COMMAND, "percentage", "guardian", "--repository", str(self.repository.path)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)

    def scraped(self, total: float) -> None:
        """Returns once Prometheus has seen the service's counter at this value."""
        deadline, pause = monotonic() + 30, Event()
        while monotonic() < deadline:
            answer = requests.get(
                f"{self.prometheus}/api/v1/query", {"query": "guardian_enforcement_total"}, timeout=5
            ).json()
            if any(float(series["value"][1]) == total for series in answer["data"]["result"]):
                return
            pause.wait(0.1)
        raise AssertionError(f"Prometheus has not scraped {total}")


def history(began: datetime, until: datetime) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Samples of both counters, a minute apart: a steady service with one bad spell."""
    total: list[tuple[float, float]] = []
    failed: list[tuple[float, float]] = []
    requests_, failures, moment = 0, 0.0, began - timedelta(hours=26)
    while moment < until:
        bad = BAD[0] <= moment - began < BAD[1]
        requests_ += PER_MINUTE
        failures += PER_MINUTE * (BAD_RATE if bad else GOOD_RATE)
        total.append((moment.timestamp(), requests_))
        failed.append((moment.timestamp(), int(failures)))
        moment += MINUTE
    return total, failed


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    now = datetime.now(UTC).replace(microsecond=0)
    began = now - PAST
    total, failed = history(began, now - 2 * MINUTE)
    service = Service(total[-1][1], failed[-1][1])
    try:
        labels = f'instance="{service.address}",job="test"'
        backfill(
            openmetrics({"guardian_enforcement": {labels: total}, "guardian_enforcement_failed": {labels: failed}}),
            tmp_path / "tsdb",
        )
        repository = make(tmp_path / "repository", when=began)
        subprocess.run(
            [COMMAND, "init", "guardian", "--owner", "@alice", "--now", began.isoformat()],
            cwd=repository.path,
            check=True,
            capture_output=True,
            timeout=60,
        )
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "-m", "Begin with guardian", when=began)
        with running(tmp_path / "tsdb", service.address) as prometheus:
            yield World(repository, service, prometheus, began)
    finally:
        service.stop()


def test_guardian_goes_from_canary_to_full_over_a_rollback(world: World) -> None:
    early = world.tick(HOUR)
    assert (early["stage"], early["decision"]["action"]) == ("canary", "hold")
    assert early["verdict"]["outcome"] == "healthy"
    assert early["verdict"]["requests"] == pytest.approx(3 * 15 * PER_MINUTE, rel=0.02)

    first = world.tick(24 * HOUR + 5 * MINUTE)
    assert (first["decision"]["action"], first["decision"]["to"]) == ("advance", "quarter")
    assert world.percentage() == 10
    world.approved(first["pull_request"]["number"], 25 * HOUR)
    assert world.percentage() == 25

    second = world.tick(49 * HOUR + 5 * MINUTE)
    world.approved(second["pull_request"]["number"], 50 * HOUR)
    assert world.percentage() == 50

    assert world.tick(52 * HOUR)["verdict"]["outcome"] == "healthy"
    back = world.tick(BAD[0] + 31 * MINUTE)
    assert (back["verdict"]["outcome"], back["decision"]["action"]) == ("regressed", "roll_back")
    assert back["changed"]
    assert world.percentage() == 25

    cooling = world.tick(60 * HOUR)
    assert (cooling["attempt"], cooling["decision"]["action"]) == (2, "hold")
    again = world.tick(BAD[0] + 24 * HOUR + 40 * MINUTE)
    assert (again["decision"]["action"], again["decision"]["to"]) == ("advance", "half")
    world.approved(again["pull_request"]["number"], 78 * HOUR)

    by_itself = world.tick(126 * HOUR + 5 * MINUTE)
    assert by_itself["decision"]["to"] == "most"
    assert world.percentage() == 75

    last = world.tick(150 * HOUR + 10 * MINUTE)
    number = str(last["pull_request"]["number"])
    world.run("pulls", "approve", number, "--as", "bob", at=151 * HOUR)
    assert "alice" in world.run("pulls", "merge", number, "--as", "bob", at=151 * HOUR, expect=1)
    assert world.percentage() == 75
    world.approved(int(number), 151 * HOUR)
    assert world.percentage() == 100
    assert world.tick(151 * HOUR + 20 * MINUTE)["decision"]["action"] == "complete"

    titles = [line.split(": ", 1)[1] for line in world.repository.log() if line.startswith("guardian: ")]
    assert titles == [
        "most 75 % → full 100 %",
        "half 50 % → most 75 %",
        "quarter 25 % → half 50 %",
        "roll back half 50 % → quarter 25 %",
        "quarter 25 % → half 50 %",
        "canary 10 % → quarter 25 %",
    ]
    assert world.repository.fsck() == ""
    _live(world)


def _live(world: World) -> None:
    """At 100 % the service is scraped live; its error rate stays down at first, and then goes up."""
    entered = 151 * HOUR
    seen = history(world.began, world.began + PAST - 2 * MINUTE)
    total = seen[0][-1][1]
    world.service.serve(5_000, 0)
    world.scraped(total + 5_000)
    # The interval in which this was scraped is judged once it is complete; asking as of then waits for nothing.
    intervals = -(-(datetime.now(UTC) - world.began - entered) // (15 * MINUTE))
    complete = entered + intervals * 15 * MINUTE + 2 * MINUTE
    good = world.tick(complete)
    assert (good["verdict"]["outcome"], good["decision"]["action"]) == ("healthy", "complete")
    assert good["verdict"]["requests"] > 5_000

    world.service.serve(5_000, 4_000)
    world.scraped(total + 10_000)
    later = -(-(datetime.now(UTC) - world.began - entered) // (15 * MINUTE))
    bad = world.tick(entered + later * 15 * MINUTE + 2 * MINUTE)
    assert (bad["verdict"]["outcome"], bad["decision"]["to"]) == ("regressed", "most")
    assert world.percentage() == 75
