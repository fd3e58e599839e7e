"""How many jobs share the rollouts, and which of them each job is told to be, as GitHub itself evaluates it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.actions import ROOT, load, step
from support.npm import installed

from rollout_bot.core.model.shards import parse_shard

PARSER = Path(__file__).parent / "parser"
WORKFLOW = load(ROOT / ".github/workflows/rollout.yml")
JOB = WORKFLOW["jobs"]["tick"]
THREE = {"ROLLOUT_BOT_SHARDS": "[1, 2, 3]"}


def evaluated(text: str, contexts: Mapping[str, Any]) -> str:
    """A value of the workflow, with its one expression evaluated."""
    (expression,) = re.findall(r"\$\{\{(.*?)\}\}", text, re.DOTALL)
    command = ["node", installed(PARSER) / "evaluate.mjs", json.dumps([[expression.strip(), contexts]])]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    (value,) = json.loads(done.stdout)
    return re.sub(r"\$\{\{.*?\}\}", lambda _: value, text, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("inputs", "variables", "jobs"),
    [
        ({}, {}, [1]),
        ({}, THREE, [1, 2, 3]),
        ({"action": "tick", "rollout": ""}, THREE, [1, 2, 3]),
        ({"action": "tick", "rollout": "checkout"}, THREE, [1]),
        ({"action": "rollback", "rollout": "checkout"}, THREE, [1]),
        ({"action": "hold", "rollout": ""}, THREE, [1]),
    ],
)
def test_a_tick_over_all_is_shared_and_nothing_else_is(
    inputs: dict[str, str], variables: dict[str, str], jobs: list[int]
) -> None:
    text = str(JOB["strategy"]["matrix"]["shard"]).replace("${{ ", "${{ toJSON(").replace(" }}", ") }}")
    assert json.loads(evaluated(text, {"inputs": inputs, "vars": variables})) == jobs


@pytest.mark.parametrize(
    ("shard", "of", "told", "name"), [(1, 1, "", "Tick"), (1, 3, "1/3", "Tick 1"), (3, 3, "3/3", "Tick 3")]
)
def test_each_job_is_told_which_it_is(shard: int, of: int, told: str, name: str) -> None:
    contexts = {"matrix": {"shard": shard}, "strategy": {"job-total": of}}
    given = evaluated(step(WORKFLOW, "Rollouts")["with"]["shard"], contexts)
    assert given == told
    assert not given or (parse_shard(given).number, parse_shard(given).of) == (shard, of)
    assert evaluated(JOB["name"], contexts) == name
