"""docs/enforcer.md: its example runs, its policy is valid, its figures are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from support.guardian import guardian_repository
from support.pages import DOCS, code

from rollout_bot.enforcer.share import Share
from rollout_bot.files.policy import read_policy
from rollout_bot.files.scaffold import policy_template

PAGE = "enforcer.md"


@pytest.mark.usefixtures("everybodys_registry")
def test_the_example_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(guardian_repository(tmp_path / "service").path)
    space: dict[str, object] = {}
    (example,) = code(PAGE, "python")
    exec(example, space)  # noqa: S102 - the page's own example
    handle = space["handle"]
    assert callable(handle)
    answers = [handle(f"user-{number}") for number in range(400)]
    assert set(answers) == {"checked by the new rule", "as before"}
    counted = REGISTRY.get_sample_value("guardian_enforcement_total", {"cohort": "enforced"})
    assert counted == answers.count("checked by the new rule")


def test_the_policy_fits_what_init_writes() -> None:
    metrics, convergence = code(PAGE, "yaml")
    whole = re.sub(r"(?ms)^metrics:.*?(?=^# From the first)", metrics + "\n", policy_template("guardian")) + convergence
    policy = read_policy(whole.encode(), "policy.yaml")
    assert policy.metrics.settings["total"] == 'guardian_enforcement_total{cohort="enforced"}'
    assert policy.convergence is not None
    assert policy.convergence.observed_percentage == "avg(guardian_enforcement_percentage)"


def test_the_published_places_are_right() -> None:
    """Whoever changes them moves every user of every rollout."""
    rows = re.findall(r"^\| (`\w+`|the empty text) \| (\d+) \|$", (DOCS / PAGE).read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 3
    for key, percentage in rows:
        within = "" if key == "the empty text" else key.strip("`")
        assert within.encode() in Share("guardian", int(percentage))
        assert within.encode() not in Share("guardian", int(percentage) - 1)
