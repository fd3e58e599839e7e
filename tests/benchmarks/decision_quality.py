"""How often each rule errs and how fast it is: writes `docs/decision-quality.md` and its picture.

Method: simulated rollouts, minute by minute; the bot's rule and those that people use today judge the same ones.
Goals: those of the document; it says which are missed, and that is no failure here.

The cells are in `quality/cells.py`. The seed is fixed; --seed takes another one. Under 5 minutes on two processors.
"""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
import resource
import sys
import time
import timeit
from pathlib import Path

from quality.cells import Cell, cells
from quality.figures import Figures, measure
from quality.goals import goals
from quality.ours import course
from quality.picture import draw
from quality.report import document
from quality.world import simulate

ROOT = Path(__file__).parents[2]
SEED = 20261124


def main() -> int:
    """Writes the document, and prints which goals are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED, help="of the simulation (default: %(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual number of rollouts")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="folder for the document (default: docs)")
    options = parser.parse_args()
    began = time.perf_counter()
    speed = microseconds()
    with multiprocessing.Pool(min(2, os.cpu_count() or 1)) as pool:
        # The longest first, so that neither processor waits for the other at the end.
        order = sorted(cells(), key=lambda cell: -cell.rollouts * cell.ticks)
        found = dict(zip(order, pool.map(functools.partial(one, options), order, chunksize=1), strict=True))
        pool.close()
        pool.join()
    results = {cell: found[cell] for cell in cells()}
    reached = list(goals(results, speed))
    options.output.mkdir(parents=True, exist_ok=True)
    draw(results, options.output / "images" / "decision-quality.png")
    text = document(results, reached, seed=options.seed, scale=options.scale)
    (options.output / "decision-quality.md").write_text(text, encoding="utf-8")
    for each in reached:
        print(f"{'met' if each.met else 'MISSED':<7}{each.what}: {each.measured}; goal ≤ {each.goal}")
    took = f"{time.perf_counter() - began:.0f} s (processor {_processor():.0f} s)"
    print(f"{len(results)} cells in {took}, written to {options.output}")
    return 0


def one(options: argparse.Namespace, cell: Cell) -> dict[str, Figures]:
    return measure(cell, options.seed, options.scale)


def _processor() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def microseconds() -> float:
    """Processor time that one interval takes the bot's rule, simulation excluded; the best of 5."""
    import numpy as np

    cell = Cell(2_000, 0.005, 0.001, share=0.5, clump=3)
    world = simulate(cell, 10, np.random.default_rng(0))
    return (
        min(timeit.repeat(lambda: course(world), timer=time.process_time, number=1, repeat=5)) / (10 * cell.ticks) * 1e6
    )


if __name__ == "__main__":
    sys.exit(main())
