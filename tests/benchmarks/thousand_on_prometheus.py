"""How long ticks over 1 to 1,000 rollouts take that ask one real Prometheus, how much memory, and how both grow.

Method: the installed command and a real Prometheus on the same processors; each rollout is four hours in its stage.
Goals: for 1,000 rollouts under 20 s and 400 MB on two cores; the time grows with at most their number to the power 1.1.

Prometheus is as Debian ships it, on loopback, with two counters for each rollout that were scraped every five minutes
for 29 hours (backfilled as blocks). One run before fills the caches; then the wall clock, the processor time of the
tick alone and the peak of resident memory are taken. Growth is fitted from 100 rollouts on, where starting up no longer
counts: the exponent is the slope of the line of least squares through the logarithms, and 1 means in proportion.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.prometheus import backfill, openmetrics, running
from support.scale import BEGAN, COMMAND, NOW, commit, files

SIZES = (1, 100, 300, 1_000)
SECONDS, MEGABYTES, SLOPE = 20.0, 400.0, 1.1
SETTLED = 100
SCRAPE = 300
METRICS = """\
  source: prometheus
  address: ${{PROMETHEUS_URL}}
  total: requests_total{{rollout="{name}"}}
  failed: failures_total{{rollout="{name}"}}
"""


def history() -> str:
    """100 requests a scrape, of which one in a thousand fails."""
    first, last = int((BEGAN - timedelta(hours=25)).timestamp()), int(NOW.timestamp())
    times = range(first, last + 1, SCRAPE)
    labels = [f'rollout="rollout-{index:04}"' for index in range(max(SIZES))]
    total = [(float(at), 1e6 + 100 * index) for index, at in enumerate(times)]
    failed = [(float(at), 1e3 + index // 10) for index, at in enumerate(times)]
    return openmetrics({"requests": dict.fromkeys(labels, total), "failures": dict.fromkeys(labels, failed)})


# A process of its own to start it: what it has used is told apart from that of the server, and from our own memory.
STARTER = """\
import json, resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=open("record.json", "w")).returncode
seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def tick(folder: Path, address: str) -> tuple[float, float, float]:
    """Wall-clock and processor seconds of one tick, and its peak memory in megabytes."""
    command = [sys.executable, "-c", STARTER, COMMAND, "tick", "--format", "json", "--now", NOW.isoformat()]
    environment = {**os.environ, "PROMETHEUS_URL": address}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    code, seconds, processor, megabytes = json.loads(done.stdout)
    record = (folder / "record.json").read_text(encoding="utf-8")
    if code or '"outcome": "unavailable"' in record:
        raise SystemExit(f"the tick failed (exit code {code}), or could not measure everything: {done.stderr}")
    return seconds, processor, megabytes


def slope(figures: list[tuple[int, float]]) -> float:
    """Of the line of least squares through the logarithms."""
    points = [(math.log(size), math.log(value)) for size, value in figures]
    middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
    over = sum((x - middle[0]) * (y - middle[1]) for x, y in points)
    return over / sum((x - middle[0]) ** 2 for x, _ in points)


def measured(folder: Path, address: str) -> Iterator[tuple[int, float, float, float]]:
    for size in SIZES:
        home = folder / str(size)
        commit(home, files(size, METRICS))
        tick(home, address)
        seconds, processor, megabytes = tick(home, address)
        print(f"{size:5} rollouts: {seconds:6.2f} s (processor {processor:.2f} s), peak {megabytes:4.0f} MB")
        yield size, seconds, processor, megabytes


def main() -> int:
    """Prints the figures; 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        backfill(history(), folder / "data")
        with running(folder / "data") as address:
            found = list(measured(folder, address))
    many = [each for each in found if each[0] >= SETTLED]
    time, processor, memory = (slope([(each[0], each[figure]) for each in many]) for figure in (1, 2, 3))
    print(
        f"cost growth fitted, {SETTLED} to {max(SIZES):,} rollouts: wall time ~ rollouts^{time:.2f}, "
        f"processor ~ rollouts^{processor:.2f}, memory ~ rollouts^{memory:.2f}"
    )
    _, seconds, _, megabytes = found[-1]
    return int(seconds >= SECONDS or megabytes >= MEGABYTES or time >= SLOPE)


if __name__ == "__main__":
    sys.exit(main())
