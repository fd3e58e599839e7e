"""docs/pipeline.md: every command does what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.debian import executable
from support.guardian import guardian_repository
from support.pages import Shell, Shown, code, shown

PAGE = "pipeline.md"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    # yq asks jq to do the work.
    jq = executable("jq", "jq", also=("libjq1", "libonig5"))
    libraries = {"LD_LIBRARY_PATH": ":".join(map(str, jq.parents[1].glob("lib/*")))} if ".cache" in jq.parts else {}
    return Shell(guardian_repository(tmp_path / "service").path, (jq.parent,), libraries)


@pytest.mark.parametrize("example", [*shown(PAGE)], ids=lambda example: example.command)
def test_every_command_prints_what_the_page_says(shell: Shell, example: Shown) -> None:
    done = shell.run(example.command)
    assert (done.stdout + done.stderr).strip() == example.output
    assert done.returncode == (1 if example.output.startswith("rollout-bot: ") else 0)


def test_the_python_reader(shell: Shell) -> None:
    (reader,) = (each for each in code(PAGE, "python") if "read_state" in each)
    done = shell.run(f"python - <<'END'\n{reader}\nEND")
    assert (done.stdout, done.stderr) == ("quarter 25 2\n", "")
