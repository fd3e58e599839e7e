"""The last step of the action, run as on a runner, against the fake GitHub."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.actions import ROOT, load
from support.hosted import Site
from support.jobs import Job
from support.ticks import NAME, POLICY, POLICY_TEXT

from rollout_bot.files.workflows import FOLDER


@pytest.fixture
def job(site: Site, tmp_path: Path) -> Job:
    folder = tmp_path / "job"
    folder.mkdir()
    return Job(site, folder)


def test_a_person_goes_down_by_hand(job: Job) -> None:
    reason = "$(id) support sees ::error:: [skip ci] @team"
    done = job.run(command="rollback", rollout=NAME, reason=reason)
    assert done.returncode == 0, done.stdout + done.stderr
    assert job.site.state().stage == "off"
    assert (job.output("percentage"), job.output("changed"), job.output("stage")) == ("0", "true", "off")
    assert "**Decision**: roll back to off 0 %" in job.summary()
    masked, *printed = done.stdout.splitlines()
    assert masked == f"::add-mask::{job.site.token}"
    assert job.site.token not in "\n".join(printed) + done.stderr + job.summary()


def test_a_stranger_is_refused(job: Job) -> None:
    done = job.run(actor="mallory", command="rollback", rollout=NAME, reason="why not")
    assert done.returncode == 1
    assert job.site.state().stage == "canary"
    assert "::error title=checkout%3A refused::" in done.stdout
    assert job.output("changed") == "false"


def test_a_status_changes_nothing(job: Job) -> None:
    done = job.run(command="status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (job.output("percentage"), job.output("changed")) == ("10", "false")
    assert not job.site.github.open_pulls()
    assert "### checkout: canary 10 %" in job.summary()


def test_a_pull_request_is_judged_by_its_event(job: Job) -> None:
    bob = job.site.github.person("bob")
    idle = bob.propose("readme", {"README.md": "Better"})
    assert job.run(command="verify", event={"pull_request": {"number": idle}}).returncode == 0
    assert job.site.github.gate(idle) is not None
    broken = bob.propose("broken", {POLICY: POLICY_TEXT.replace("2h", "soon")})
    done = job.run(command="verify", event={"pull_request": {"number": broken}}, **{"dry-run": "true"})
    assert done.returncode == 1
    assert f"::error file={POLICY},line=8," in done.stdout + done.stderr
    assert job.site.github.gate(broken) is None


def permissions(name: str) -> dict[str, str]:
    (found,) = load(ROOT / FOLDER / name)["jobs"].values()
    return {scope.replace("-", "_"): level for scope, level in found["permissions"].items()}


@pytest.mark.parametrize(
    ("workflow", "inputs"),
    [
        ("rollout.yml", {"command": "tick"}),
        ("rollout.yml", {"command": "rollback", "rollout": NAME, "reason": "because"}),
        ("rollout-gate.yml", {"command": "verify"}),
        ("rollout-status.yml", {"command": "status"}),
    ],
)
def test_what_a_workflow_permits_is_enough(job: Job, workflow: str, inputs: dict[str, str]) -> None:
    github = job.site.github
    token = github.actions_token(**permissions(workflow))
    number = github.person("bob").propose("readme", {"README.md": "Better"})
    done = job.run(event={"pull_request": {"number": number}}, **inputs, **{"github-token": token})
    assert done.returncode == 0, done.stdout + done.stderr
    assert github.violations == []
