"""A whole rollout on one machine in half a minute: a service, Prometheus, the bot, and an owner who approves.

python rehearsal.py --folder rehearsal [--prometheus /usr/bin/prometheus]

All of it is real: requests to service.py, scrapes of its counters, verdicts, pull requests in a git repository. Only
time is lent: the clock of the rollout began yesterday and goes 600 times as fast, so that a stage takes seconds.
Samples are stamped with it on their way to Prometheus, and the bot is told it with `--now`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

NAME = "guardian"
SPEED = 600
AGO = timedelta(days=1)
GIVE_UP = 140
"""Seconds. The lent clock catches up with the real one a little later, and Prometheus takes nothing from the future."""

BOT = str(Path(sys.executable).with_name("rollout-bot"))
PROMETHEUS = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs: [{{job_name: service, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
storage: {{tsdb: {{out_of_order_time_window: 2d}}}}
"""


class LentClock:
    """Began a day ago, and goes SPEED times as fast as the real one."""

    def __init__(self) -> None:
        self.began = (datetime.now(UTC) - AGO).replace(microsecond=0)
        self._start = time.monotonic()

    def now(self) -> datetime:
        return self.began + timedelta(seconds=self.spent() * SPEED)

    def spent(self) -> float:
        """Real seconds since it began."""
        return time.monotonic() - self._start


class Team:
    """The repository, and what people and the scheduled bot do with it."""

    def __init__(self, folder: Path, clock: LentClock, prometheus: str) -> None:
        self.folder = folder
        self._clock = clock
        self._environment = {**os.environ, "PROMETHEUS_URL": prometheus}

    def run(self, *command: str) -> str:
        date = self._clock.now().isoformat(timespec="seconds")
        environment = {**self._environment, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def bot(self, *arguments: str) -> str:
        return self.run(BOT, *arguments, "--now", self._clock.now().isoformat())

    def prepare(self) -> Path:
        """The first steps of the README, but for the commit. Answers the path of the state."""
        self.run("git", "init", "--quiet", "--initial-branch=main")
        self.run("git", "config", "user.name", "alice")
        self.run("git", "config", "user.email", "alice@example.com")
        self.bot("init", NAME, "--owner", "@alice")
        home = self.folder / "rollout-state" / NAME
        policy = home / "policy.yaml"
        # Stages of half an hour in lent time, and limits that a few hundred requests can prove.
        hurried = re.sub(r"duration: [1-9]\d*h", "duration: 30m", policy.read_text("utf-8"))
        policy.write_text(re.sub(r"max_error_rate: 0\.(\d)%", r"max_error_rate: \1%", hurried), "utf-8")
        self.run(BOT, "validate", NAME)
        return home / "state.yaml"

    def begin(self) -> None:
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "-m", f"Begin with {NAME}")

    def tick(self) -> dict[str, Any]:
        rollout: dict[str, Any] = json.loads(self.bot("tick", "--format", "json"))["rollouts"][0]
        return rollout

    def approve(self, pull: int) -> None:
        self.bot("pulls", "approve", str(pull), "--as", "alice")
        self.bot("pulls", "merge", str(pull), "--as", "alice")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], log: Path, address: str) -> Iterator[None]:
    """A program that answers at an address, ended with the block."""
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        while True:
            try:
                requests.get(address, timeout=5).raise_for_status()
                break
            except requests.RequestException:
                if process.poll() is not None:
                    raise SystemExit(f"{command[0]} does not start: {log.read_text()[-1000:]}") from None
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def stamping(service: int, clock: LentClock) -> Iterator[int]:
    """Stands between Prometheus and the service's metrics: stamps each sample with the lent time. Yields its port."""

    class Stamp(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = requests.get(f"http://127.0.0.1:{service}/metrics", timeout=5)
            stamp = int(clock.now().timestamp() * 1000)
            lines = (line if line.startswith("#") else f"{line} {stamp}" for line in answer.text.splitlines())
            self.send_response(200)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            self.wfile.write("".join(f"{line}\n" for line in lines).encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stamp)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # Prometheus tries again soon
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@contextmanager
def users(service: int) -> Iterator[None]:
    """A thousand users who keep ordering. One order in five hundred has an amount that is none."""
    stop = threading.Event()

    def order() -> None:
        chance, connection = random.Random(1), HTTPConnection("127.0.0.1", service, timeout=5)  # noqa: S311
        while not stop.wait(0.002):
            amount = "much" if chance.random() < 0.002 else chance.randrange(1000)
            try:
                connection.request("GET", f"/order?user=user-{chance.randrange(1000)}&amount={amount}")
                connection.getresponse().read()
            except (OSError, HTTPException):
                connection.close()

    thread = threading.Thread(target=order)
    thread.start()
    yield
    stop.set()
    thread.join()


def carry(team: Team, clock: LentClock) -> None:
    """Ticks until the last stage is complete, and approves what waits for an owner."""
    said = None
    while clock.spent() < GIVE_UP:
        rollout = team.tick()
        decision, pull = rollout["decision"], rollout["pull_request"]
        if said != (said := (rollout["stage"], decision["action"], rollout["verdict"]["outcome"])):
            where = f"{rollout['stage']:<8}{rollout['percentage']:>3} %  {decision['action']:<9}"
            print(f"{clock.now():%a %H:%M}  {where} {decision['reasons'][0]}", flush=True)
        if decision["action"] == "complete":
            return
        if rollout["changed"]:
            print(f"{clock.now():%a %H:%M}  the bot merges #{pull['number']}, which needs nobody", flush=True)
        elif decision["action"] == "advance" and pull:
            team.approve(pull["number"])
            print(f"{clock.now():%a %H:%M}  alice approves and merges #{pull['number']}", flush=True)
    raise SystemExit(f"{NAME} has not arrived in {GIVE_UP} seconds; the machine may be too busy")


def rehearse(folder: Path, prometheus: str, stack: ExitStack) -> None:
    clock, service, port = LentClock(), free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    team = Team(folder / "repository", clock, address)
    serve = [sys.executable, str(Path(__file__).with_name("service.py")), str(team.prepare()), str(service)]
    stack.enter_context(running(serve, folder / "service.log", f"http://127.0.0.1:{service}/metrics"))
    stamped = stack.enter_context(stamping(service, clock))
    (folder / "prometheus.yml").write_text(PROMETHEUS.format(port=stamped))
    store = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'store'}"]
    listen = [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    stack.enter_context(running([prometheus, *store, *listen], folder / "prometheus.log", f"{address}/-/ready"))
    stack.enter_context(users(service))
    team.begin()
    carry(team, clock)
    gauge = f"{NAME}_enforcement_percentage"
    shown = requests.get(f"http://127.0.0.1:{service}/metrics", timeout=5).text.splitlines()
    print("\nthe service says:", next(line for line in shown if line.startswith(gauge)))


def main() -> int:
    arguments = argparse.ArgumentParser(description="A whole rollout on one machine in half a minute.")
    arguments.add_argument("--folder", type=Path, default=Path("rehearsal"), help="made for it, and left to look at")
    arguments.add_argument("--prometheus", default="prometheus", help="the program (default: from PATH)")
    options = arguments.parse_args()
    folder: Path = options.folder.absolute()
    prometheus = shutil.which(options.prometheus)
    if not prometheus:
        raise SystemExit(f"{options.prometheus} is not there; install Prometheus, or name it with --prometheus PATH")
    if folder.exists():
        raise SystemExit(f"{folder} exists; remove it, or choose another --folder")
    (folder / "repository").mkdir(parents=True)

    with ExitStack() as stack:
        rehearse(folder, prometheus, stack)
    print(f"{folder / 'repository'} is left to look at, with: git log --first-parent")
    return 0


if __name__ == "__main__":
    sys.exit(main())
