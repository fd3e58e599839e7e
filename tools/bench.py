"""Runs the benchmarks of `tests/benchmarks` one by one, and tells what each has found, how, and on what machine.

What a benchmark says of itself is taken from its docstring: the first line, `Method:` and `Goal:`. It exits with 1 if a
goal is missed.
"""

from __future__ import annotations

import ast
import os
import platform
import re
import resource
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "tests" / "benchmarks"
WIDTH = 120
_INDENT = " " * 8


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script, and what its docstring says: what is measured, how, and what it should come to."""

    script: Path
    title: str
    method: str
    goal: str


@dataclass(frozen=True, slots=True)
class Result:
    """`missed` tells that the script failed; `told` is how many goals it has named as missed without failing."""

    name: str
    missed: bool
    told: int
    seconds: float
    processor: float

    def __str__(self) -> str:
        if self.missed:
            return "MISSED"
        return f"{self.told} goals missed, as its page says" if self.told else "met"


def read(script: Path) -> Benchmark:
    """Raises ValueError for a benchmark that does not say what it does."""
    text = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    said = {name: _said(name, text) for name in ("Method", "Goals?")}
    if missing := [name.rstrip("?") for name, words in said.items() if not words]:
        raise ValueError(f"{script.name} does not say in its docstring: {', '.join(missing)}")
    return Benchmark(script, text.splitlines()[0], said["Method"], said["Goals?"])


def _said(name: str, text: str) -> str:
    """What follows a word up to the next one of its kind, or to the end of the paragraph."""
    found = re.search(rf"^{name}: (.*?)(?=^\w+: |^$|\Z)", text, re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def machine() -> str:
    """What figures depend on."""
    names = re.findall(r"^model name\s*: (.*)$", _content("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal: +([0-9]+) kB", _content("/proc/meminfo"), re.MULTILINE)
    parts = [
        f"{os.cpu_count()} × {names[0] if names else platform.machine()}",
        f"{int(memory[1]) / 2**20:.1f} GB" if memory else "",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"load before {os.getloadavg()[0]:.1f}",
    ]
    return ", ".join(filter(None, parts))


def _content(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def run(benchmark: Benchmark) -> Result:
    """Prints the figures as they come."""
    began, used, told = time.perf_counter(), _processor(), 0
    command = [sys.executable, "-u", str(benchmark.script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            told += line.startswith("MISSED")
            print(f"{_INDENT}{line}", end="", flush=True)
    seconds, processor = time.perf_counter() - began, _processor() - used
    return Result(benchmark.script.stem, process.returncode != 0, told, seconds, processor)


def _processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _wrapped(word: str, text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=f"{word:<8}", subsequent_indent=_INDENT)


def table(results: Sequence[Result]) -> Iterator[str]:
    """A line for each benchmark: whether its goals are met, and what it took."""
    width = max(len(each.name) for each in results)
    for each in results:
        yield f"{each.name:<{width}}  {each!s:<34}  {each.seconds:5.0f} s (processor {each.processor:.0f} s)"


def main(names: Sequence[str]) -> int:
    """Runs those named, or all; 1 if a goal is missed, 2 where there is no such benchmark."""
    scripts = {each.stem: each for each in sorted(FOLDER.glob("*.py"))}
    if strangers := [name for name in names if name not in scripts]:
        print(f"there is no benchmark {strangers[0]}; there are: {', '.join(scripts)}", file=sys.stderr)
        return 2
    benchmarks = [read(scripts[name]) for name in names or scripts]
    print(_wrapped("on", machine()))
    results = []
    for number, each in enumerate(benchmarks, 1):
        print(f"\n{number}/{len(benchmarks)} {each.script.stem}: {each.title}")
        print(_wrapped("method", each.method))
        print(_wrapped("goal", each.goal), flush=True)
        results.append(run(each))
    print("", *table(results), sep="\n")
    return int(any(each.missed for each in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
