"""How long commands take to start: what a deployment pipeline waits for.

Method: the installed command by the wall clock; cold is the first run without its bytecode, warm the best of 20 more.
Goal: `percentage` warm under 100 ms.

The bytecode of the libraries stays. The tick is one over a rollout that measures by a recording and has nothing to do,
with nothing configured.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.scale import NOW, RECORDING, commit, files, record

import rollout_bot

COMMAND = str(Path(sys.executable).with_name("rollout-bot"))
PACKAGE = Path(rollout_bot.__file__).parent
RUNS = 20
GOAL = 0.100


def seconds(command: list[str], folder: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(name: str, command: list[str], folder: Path) -> float:
    """Prints the figures of one command and returns its best time, warm."""
    for cache in PACKAGE.rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)
    cold = seconds(command, folder)
    warm = [seconds(command, folder) for _ in range(RUNS)]
    best, median = min(warm), statistics.median(warm)
    print(f"{name:<12} cold {cold * 1000:4.0f} ms, warm {best * 1000:4.0f} ms (median {median * 1000:.0f})")
    return best


def main() -> int:
    """Prints the figures; 1 if the goal is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        subprocess.run(
            [COMMAND, "init", "guardian", "--owner", "@a"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        measure("python", [sys.executable, "-c", "pass"], folder)
        best = measure("percentage", [COMMAND, "percentage", "guardian"], folder)
        measure("tick --help", [COMMAND, "tick", "--help"], folder)
        commit(folder / "tick", files(1, RECORDING.format(path="metrics.csv")))
        record(folder / "tick" / "metrics.csv")
        measure("tick", [COMMAND, "tick", "--now", NOW.isoformat()], folder / "tick")
    return int(best >= GOAL)


if __name__ == "__main__":
    sys.exit(main())
