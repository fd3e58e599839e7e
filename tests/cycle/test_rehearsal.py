"""The example of docs/examples: service, Prometheus and bot together, from the README's first steps to 100 %."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from support.debian import executable
from support.repositories import Repository

from rollout_bot import read_state

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
COMMAND = [sys.executable, str(EXAMPLES / "rehearsal.py")]


def test_the_rehearsal_arrives_at_100_percent(tmp_path: Path) -> None:
    folder = tmp_path / "rehearsal"
    prometheus = str(executable("prometheus", "prometheus"))
    run = subprocess.run(
        [*COMMAND, "--folder", str(folder), "--prometheus", prometheus],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    percentages = [int(found) for found in re.findall(r"(\d+) %  (?:hold|advance|complete)", run.stdout)]
    assert sorted({*percentages}) == [10, 25, 50, 75, 100]
    assert all(before <= after for before, after in pairwise(percentages))
    assert "the service says: guardian_enforcement_percentage 100.0" in run.stdout

    repository = Repository(folder / "repository")
    assert [line.removeprefix("guardian: ") for line in repository.log()] == [
        "most 75 % → full 100 %",
        "half 50 % → most 75 %",
        "quarter 25 % → half 50 %",
        "canary 10 % → quarter 25 %",
        "Begin with guardian",
    ]
    state = read_state(repository.path / "rollout-state" / "guardian" / "state.yaml")
    assert (state.percentage, state.generation) == (100, 5)
    # What the service counted is what was judged.
    assert state.evidence is not None
    assert state.evidence.requests >= 50
    assert state.evidence.failures < state.evidence.requests / 50
    assert (folder / "service.log").read_text() == ""


def test_the_service_is_as_short_as_the_documentation_says() -> None:
    assert len((EXAMPLES / "service.py").read_text().splitlines()) <= 65


def test_it_says_what_it_needs(tmp_path: Path) -> None:
    for arguments, says in [
        (["--folder", str(tmp_path)], "exists; remove it, or choose another --folder"),
        (["--folder", str(tmp_path / "new"), "--prometheus", "no-such-program"], "no-such-program is not there;"),
    ]:
        prometheus = [] if "--prometheus" in arguments else ["--prometheus", sys.executable]
        run = subprocess.run([*COMMAND, *arguments, *prometheus], capture_output=True, text=True, check=False)
        assert run.returncode == 1
        assert says in run.stderr
        assert "Traceback" not in run.stderr
