"""A job on a runner of GitHub Actions whose last step is the action's own, against the fake GitHub."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from support.actions import ROOT, StubRunner, load, step
from support.hosted import Site

ACTION = load(ROOT / "action.yml")


class Job:
    """A job in which the action is installed: it uses the environment of the tests."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.runner = StubRunner(folder)
        home = self.runner.temp / "rollout-bot"
        home.mkdir()
        (home / "venv").symlink_to(Path(sys.prefix))

    def run(self, actor: str = "alice", event: object = None, **inputs: str) -> subprocess.CompletedProcess[str]:
        (self.runner.folder / "event.json").write_text(json.dumps(event or {}))
        defaults = {name: each["default"] for name, each in ACTION["inputs"].items()}
        given = defaults | {"github-token": self.site.token} | inputs
        self.runner.context |= {f"inputs.{name}": value for name, value in given.items()}
        environment = self.site.github.environment(self.site.token) | {
            "GITHUB_ACTOR": actor,
            "GITHUB_EVENT_PATH": str(self.runner.folder / "event.json"),
        }
        return self.runner.run(step(ACTION, "Run"), **environment)

    def output(self, name: str) -> str | None:
        found = re.search(rf"^{name}<<(.*)\n(.*)\n\1$", self.runner.output.read_text(), re.MULTILINE)
        return found[2] if found else None

    def summary(self) -> str:
        return (self.runner.folder / "summary").read_text()
