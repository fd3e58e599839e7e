"""`rollout-bot doctor` on local repositories: each fault is found and comes with its fix."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from support.repositories import OWNERS, START, Repository, make

from rollout_bot import read_state
from rollout_bot.cli import main
from rollout_bot.core.model.state import Change, ChangeKind, moved
from rollout_bot.files.policy import read_policy
from rollout_bot.files.scaffold import policy_template
from rollout_bot.files.state import write_state

POLICY = "rollout-state/checkout/policy.yaml"
STATE = "rollout-state/checkout/state.yaml"


def recorded(tmp_path: Path, *, requests: int = 500, owners: str | None = OWNERS, state: str = "canary") -> Repository:
    head, _, rest = policy_template("checkout").partition("metrics:\n")
    policy = head + "metrics:\n  source: recording\n  path: metrics.csv\nstages:" + rest.partition("stages:")[2]
    lines = [f"{(START + timedelta(minutes=15 * n)).isoformat()},{requests},0" for n in range(1, 9)]
    repository = make(tmp_path / "service", {POLICY: policy}, owners=owners)
    (repository.path / "metrics.csv").write_text("\n".join(["time,total,failed", *lines]) + "\n")
    main(["init", "checkout", "--owner", "@alice", "--at", state, "--repository", str(repository.path)])
    repository.commit({STATE: (repository.path / STATE).read_text()}, START)
    return repository


def examined(repository: Repository, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    capsys.readouterr()
    now = (START + timedelta(hours=2, minutes=1)).isoformat()
    code = main(["doctor", "--repository", str(repository.path), "--now", now, "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def wrong(findings: list[dict[str, str]]) -> list[str]:
    assert all(finding["fix"] for finding in findings if finding["level"] != "right")
    return [finding["found"] for finding in findings if finding["level"] == "wrong"]


def test_a_sound_set_up_has_nothing_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = recorded(tmp_path)
    code, findings = examined(repository, capsys)
    assert (code, wrong(findings)) == (0, [])
    assert "4,000 requests and 0 failures counted since 2026-03-02 09:00 UTC" in [each["found"] for each in findings]
    assert main(["doctor", "--repository", str(repository.path), "--now", START.isoformat()]) == 0
    assert "0 wrong" in capsys.readouterr().out


def test_a_stage_that_nobody_approved_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = recorded(tmp_path)
    policy = read_policy((repository.path / POLICY).read_bytes(), POLICY)
    change = Change(ChangeKind.ADVANCE, "canary", "trust me", "mallory", START)
    leap = moved(read_state(repository.path / STATE), policy.stages[1], change, None)
    repository.commit_on_main({STATE: write_state(leap)}, START)
    code, findings = examined(repository, capsys)
    assert code == 3
    (found,) = wrong(findings)
    assert found.startswith("rollout-state/checkout/approvals/quarter.yaml for attempt 1 is missing")
    assert "4,000 requests and 0 failures" in " ".join(each["found"] for each in findings)


def test_silent_metrics_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = examined(recorded(tmp_path, requests=0), capsys)
    assert code == 3
    assert wrong(findings) == ["no request was counted from 2026-03-02 09:00 UTC to 2026-03-02 11:00 UTC"]


def test_missing_metrics_are_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = recorded(tmp_path)
    (repository.path / "metrics.csv").unlink()
    code, findings = examined(repository, capsys)
    assert code == 3
    assert wrong(findings) == ["metrics.csv cannot be read (No such file or directory)"]


def test_at_off_metrics_cannot_be_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = examined(recorded(tmp_path, state="off"), capsys)
    assert (code, wrong(findings)) == (0, [])
    assert "unknown" in [each["level"] for each in findings]


def test_owners_must_own_approvals_and_not_the_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = recorded(tmp_path / "everything", owners="* @org/everybody\n")
    everything.commit({".github/CODEOWNERS": "* @org/everybody\n"}, START)
    code, findings = examined(everything, capsys)
    assert code == 3
    assert wrong(findings) == [
        "checkout: state.yaml belongs to @org/everybody, so the bot cannot merge a rollback",
    ]
    nothing = recorded(tmp_path / "nothing", owners="/docs/ @alice\n")
    assert wrong(examined(nothing, capsys)[1]) == [
        "checkout: approvals/ has no owner, so anybody can merge a change of it",
        "checkout: policy.yaml has no owner, so anybody can merge a change of it",
    ]
    broken = recorded(tmp_path / "broken", owners="/a[b] @alice\n")
    assert ".github/CODEOWNERS" in wrong(examined(broken, capsys)[1])[0]
    missing = recorded(tmp_path / "missing", owners=None)
    assert wrong(examined(missing, capsys)[1]) == ["there is none, so nobody has to approve"]


def test_invalid_files_are_named_with_their_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = recorded(tmp_path)
    repository.commit({STATE: "stage: [\n"}, START)
    code, findings = examined(repository, capsys)
    assert code == 3
    assert wrong(findings)[0].startswith(f"{STATE}:")
    bare = make(tmp_path / "bare")
    assert wrong(examined(bare, capsys)[1])[0] == "there are none on branch main"


def test_a_metrics_section_that_cannot_work_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    repository = recorded(tmp_path)
    approval = "rollout-state/checkout/approvals/quarter.yaml"
    repository.commit({POLICY: policy_template("checkout"), approval: "nonsense\n"}, START)
    code, findings = examined(repository, capsys)
    assert code == 3
    assert "PROMETHEUS_URL" in wrong(findings)[0]
    assert any(each["level"] == "weak" and approval in each["found"] for each in findings)


WATCHED = """\
guardrails:
  - {name: p99, query: p99, max: 0.5}
  - {name: cpu, query: cpu, max: 0.8}
  - {name: queue, query: queue, max: 5}
convergence: {observed_percentage: share}
"""


def test_what_is_watched_needs_queries_that_give_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = recorded(tmp_path)
    text = (repository.path / POLICY).read_text().replace("stages:", f"{WATCHED}stages:")
    repository.commit({POLICY: text}, START)

    def record(share: object, until: int = 8) -> None:
        ends = [START + timedelta(minutes=15 * n) for n in range(1, until + 1)]
        rows = [f"{end.isoformat()},500,0,0.9,,{share}" for end in ends]
        (repository.path / "metrics.csv").write_text("\n".join(["time,total,failed,p99,cpu,share", *rows]) + "\n")

    record(10)
    code, findings = examined(repository, capsys)
    assert code == 3
    assert wrong(findings) == [
        "no value since 2026-03-02 09:00 UTC",
        "not measured: the file has no column 'queue'; there are: p99, cpu, share",
    ]
    found = {each["subject"]: each for each in findings}
    assert found["checkout guardrail p99"]["found"].startswith("newest value 0.9, allowed: at most 0.5; broken in 8")
    assert found["checkout convergence"]["level"] == "right"
    record("")
    assert {each["subject"]: each["level"] for each in examined(repository, capsys)[1]}[
        "checkout convergence"
    ] == "wrong"
    record(0.1)
    fraction = {each["subject"]: each for each in examined(repository, capsys)[1]}["checkout convergence"]
    assert (fraction["level"], "0 to 100 and not 0 to 1" in fraction["fix"]) == ("weak", True)
    record(3)
    apart = {each["subject"]: each for each in examined(repository, capsys)[1]}["checkout convergence"]
    assert apart["fix"] == "see why the deployment does not bring what is committed"


def test_what_is_watched_cannot_be_told_before_the_first_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repository = recorded(tmp_path)
    text = (repository.path / POLICY).read_text().replace("stages:", f"{WATCHED}stages:")
    repository.commit({POLICY: text}, START)
    (repository.path / "metrics.csv").write_text("time,total,failed,p99,cpu,queue,share\n")
    capsys.readouterr()
    now = (START + timedelta(minutes=5)).isoformat()
    assert main(["doctor", "--repository", str(repository.path), "--now", now, "--format", "json"]) == 0
    levels = {each["subject"]: each["level"] for each in json.loads(capsys.readouterr().out)}
    assert levels["checkout guardrail p99"] == levels["checkout convergence"] == "unknown"


def test_reviewers_are_for_forges_that_know_roles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository = recorded(tmp_path)
    policy = (repository.path / POLICY).read_text() + 'reviewers: ["@bob", "@org/team"]\n'
    repository.commit({POLICY: policy}, START)
    _, findings = examined(repository, capsys)
    assert not any("reviewers" in finding["subject"] for finding in findings)
