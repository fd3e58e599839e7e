"""Shell steps of workflows and actions, run as a runner of GitHub Actions runs them."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def load(path: Path) -> dict[str, Any]:
    """A workflow or an action; YAML 1.1 takes its key `on` for a truth value."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else str(key): value for key, value in document.items()}


def steps(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All steps, of an action or of every job."""
    if "runs" in document:
        return list(document["runs"]["steps"])
    return [step for job in document["jobs"].values() for step in job["steps"]]


def step(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in steps(document) if each["name"] == name)


@dataclass
class StubRunner:
    """A folder for one job. Expressions are looked up in `context`; one that is not there fails the test."""

    folder: Path
    action: Path = ROOT
    context: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("temp", "workspace"):
            (self.folder / name).mkdir(exist_ok=True)

    @property
    def temp(self) -> Path:
        return self.folder / "temp"

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_WORKSPACE": str(self.folder / "workspace"),
            "GITHUB_REPOSITORY": "acme/shop",
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
        }

    def run(self, found: Mapping[str, Any], **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a step with GitHub's own command line for bash."""
        self.output.touch()
        script = self.folder / "step.sh"
        script.write_text(found["run"], encoding="utf-8")
        given = {name: self.expand(str(value)) for name, value in found.get("env", {}).items()}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self.folder / "workspace",
            env=self.environment() | given | more,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def expand(self, text: str) -> str:
        return re.sub(r"\$\{\{ *(.*?) *\}\}", lambda found: self.context[found[1]], text)

    def outputs(self) -> dict[str, str]:
        """Outputs of the one-line form."""
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())
