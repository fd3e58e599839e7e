"""Puts one fault into every call of whole life cycles on both forges, then pairs at random, and writes the table.

python tests/chaos/chaos.py [--seed N] [--kinds N] [--pairs N] [--jobs N] [--write docs/faults.md]
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.chaos.campaign import Plan, Report, hosting, live
from support.chaos.table import page

PARTS = 6


def work(task: tuple[str, Plan]) -> tuple[str, Plan, Report]:
    forge, plan = task
    with tempfile.TemporaryDirectory() as folder, hosting(forge, Path(folder)) as here:
        return forge, plan, live(here, plan)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn at random (default: 1)")
    parser.add_argument("--kinds", type=int, help="of fault that each call meets, drawn at random (default: all)")
    parser.add_argument("--pairs", type=int, default=5, help="pairs of faults at each step (default: 5)")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes (default: one a core)")
    parser.add_argument("--forge", choices=("local", "GitHub"), help="only this one")
    parser.add_argument("--write", type=Path, metavar="PATH", help="the page with the table, to write anew")
    options = parser.parse_args()
    forges = [options.forge] if options.forge else ["GitHub", "local"]
    plans = [Plan(options.seed, options.kinds, 1.0, options.pairs, part, PARTS) for part in range(PARTS)]
    calls: Counter = Counter()
    outcomes = []
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.jobs) as pool:
        for forge, plan, report in pool.imap_unordered(work, [(forge, plan) for forge in forges for plan in plans]):
            calls |= report.calls
            outcomes += report.outcomes
            print(f"{forge} {plan.part + 1}/{PARTS}: {len(report.outcomes)} trials", file=sys.stderr, flush=True)
            for line in report.failures:
                print(line, file=sys.stderr, flush=True)
    command = f"make chaos SEED={options.seed} PAIRS={options.pairs}" + (
        f" KINDS={options.kinds}" if options.kinds else ""
    )
    text = page(Report(calls, outcomes), command)
    print(text)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    if options.write:
        options.write.write_text(text)
    return 1 if any(not each.survived for each in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
