"""How long a tick over a thousand rollouts takes when there is nothing to do, and their site; and how much memory.

Method: 1,000 rollouts, four hours in their first stage, measured by one recording; the installed command, best of 3.
Goals: 5 s and 300 MB for the tick, 10 s for the site.

One run before fills the caches. The peak of resident memory is that of the largest child so far, as
`getrusage(RUSAGE_CHILDREN)` tells it.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.scale import COMMAND, NOW, RECORDING, commit, files, record

ROLLOUTS = 1_000
RUNS = 3


def run(folder: Path, *command: str) -> tuple[float, float]:
    """Wall-clock seconds of one command, and those of its processors."""
    used, began = _processor(), time.perf_counter()
    subprocess.run([COMMAND, *command, "--now", NOW.isoformat()], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began, _processor() - used


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(what: str, folder: Path, command: tuple[str, ...], *, seconds: float, megabytes: float) -> bool:
    """Prints the figures of a command, and answers whether they are below these goals."""
    took, processor = min(run(folder, *command) for _ in range(RUNS))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    time_taken = f"{took:.2f} s (best of {RUNS}; processor {processor:.2f} s)"
    print(f"{ROLLOUTS} rollouts, {what}: {time_taken}, peak {peak:.0f} MB")
    return took < seconds and peak < megabytes


def main() -> int:
    """Prints the figures; 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        commit(folder, files(ROLLOUTS, RECORDING.format(path="metrics.csv")))
        record(folder / "metrics.csv")
        run(folder, "tick")
        fine = measure("tick, nothing to do", folder, ("tick",), seconds=5, megabytes=300)
        site = ("site", "--output", str(folder / "public"))
        return int(not measure("site", folder, site, seconds=10, megabytes=500) or not fine)


if __name__ == "__main__":
    sys.exit(main())
