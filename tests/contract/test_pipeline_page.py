"""docs/pipeline.md: every command does what the page says."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from support.debian import executable, libraries
from support.guardian import guardian_repository
from support.pages import DOCS, Shell, code, shown

from rollout_bot.commands.schema import schema
from rollout_bot.export.registry import FORMATS

PAGE = "pipeline.md"


KUBECTL = """\
import sys, yaml
command, arguments = sys.argv[1], sys.argv[2:]
if command == "get":
    print(2, end="")
elif command == "apply":
    document = yaml.safe_load(sys.stdin)
    group = document["apiVersion"].rpartition("/")[0]
    kind = ".".join(filter(None, (document["kind"].lower(), group)))
    print(f"{kind}/{document['metadata']['name']} configured")
else:
    patch = yaml.safe_load(open(arguments[-1]))
    print(f"rollout.argoproj.io/{arguments[1]} patched" if patch["spec"]["strategy"]["canary"]["steps"] else "")
"""
"""Stands for a cluster: takes what is well-formed, and answers as kubectl does."""

HELM = """\
import sys
print('Release "shop" has been upgraded. Happy Helming!' if sys.argv[-1] == "canary.weight=25" else sys.argv)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    # yq asks jq to do the work.
    jq = executable("jq", "jq", also=("libjq1", "libonig5"))
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name, text in {"kubectl": KUBECTL, "helm": HELM}.items():
        (stubs / name).write_text(f"#!{sys.executable}\n{text}")
        (stubs / name).chmod(0o755)
    environment = {**libraries(jq), "GITHUB_ENV": str(tmp_path / "github.env")}
    return Shell(guardian_repository(tmp_path / "service").path, (stubs, jq.parent), environment)


def test_every_command_prints_what_the_page_says(shell: Shell) -> None:
    examples = list(shown(PAGE))
    assert len(examples) > 15
    for example in examples:
        done = shell.run(example.command)
        assert (done.stdout + done.stderr).strip() == example.output, example.command
        assert done.returncode == (1 if example.output.startswith("rollout-bot: ") else 0), example.command


def test_every_format_has_its_example() -> None:
    commands = " ".join(example.command for example in shown(PAGE))
    assert all(f"--format {name} " in f"{commands} " for name in FORMATS)


def test_the_python_reader(shell: Shell) -> None:
    (reader,) = (each for each in code(PAGE, "python") if "read_state" in each)
    done = shell.run(f"python - <<'END'\n{reader}\nEND")
    assert (done.stdout, done.stderr) == ("quarter 25 2\n", "")


def test_the_contract_promises_every_field_that_the_schema_requires() -> None:
    promised = (DOCS / PAGE).read_text("utf-8").split("the fields that are required stay", 1)[1].split(";", 1)[0]
    required = json.loads(schema("state"))["required"]
    # The list may only grow: readers rely on each of them.
    assert required == ["schema_version", "rollout", "stage", "percentage", "attempt", "generation", "change"]
    assert re.findall(r"`(\w+)`", promised) == required
