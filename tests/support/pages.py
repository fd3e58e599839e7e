"""The commands that a page of the documentation shows, run as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it, and what it says comes of it: standard output and error, empty if not shown."""

    command: str
    output: str


def shown(page: str) -> Iterator[Shown]:
    """All commands in the console blocks of a page, such as "pipeline.md"; a backslash continues a line."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for command, output in re.findall(r"^\$ ((?:.*\\\n)*.*\n)((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield Shown(command.strip(), output.strip())


def code(page: str, language: str) -> list[str]:
    """All code blocks of a page in one language."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@dataclass
class Shell:
    """Runs commands in a folder, with the project's own programs first on PATH, and the folders `tools` after them."""

    folder: Path
    tools: tuple[Path, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(map(str, (BIN, *self.tools, os.environ["PATH"])))
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=self.folder,
            env={**os.environ, **self.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
