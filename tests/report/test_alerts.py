"""The alerts fire when they should and are silent when they should, as promtool judges them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from support.debian import executable
from support.rollouts import CANARY, HALF, NOW, down, situation, state, up

from rollout_bot.cli import main
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.policy import Metrics, Policy, Stage
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Bet, Outcome, Rate, Verdict
from rollout_bot.publish.families import registry
from rollout_bot.report.alerts import alert_rules

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "guardian" / "alerts.yaml"
RUNBOOKS = ROOT / "docs" / "operations" / "RUNBOOKS.md"

DAY, HOUR = 1440, 60
"""Minutes, the distance of the samples."""

COUNTER = 'rollback_total{from_stage="half",to_stage="quarter"}'
OTHER = 'rollback_total{from_stage="canary",to_stage="off"}'
TICKING = {"last_tick_timestamp_seconds": "0+60x4400"}

Case = tuple[str, Mapping[str, str], int, str]
"""What is tested, series without their prefix, the minute that is looked at, and the alert; empty for none."""

CASES: list[Case] = [
    ("a rollback that is counted", {COUNTER: "0x59 1x500"}, HOUR + 4, "Rollback"),
    ("a rollback that is long counted", {COUNTER: "0x59 1x500"}, HOUR + 16, ""),
    ("a rollback in a pair that had none", {OTHER: "0x500", COUNTER: "_x59 1x500"}, HOUR + 4, "Rollback"),
    ("old rollbacks, told for the first time", {COUNTER: "_x59 3x500"}, HOUR + 4, ""),
    (
        "old rollbacks with their time, told for the first time",
        {COUNTER: "_x159 3x500", "last_rollback_timestamp_seconds": "_x159 3600x500"},
        164,
        "",
    ),
    (
        "a rollback that is there when the first metrics are",
        {COUNTER: "_x59 1x500", "last_rollback_timestamp_seconds": "_x59 3540x500"},
        HOUR + 4,
        "Rollback",
    ),
    (
        "a rollback by hand that a late tick tells of",
        {COUNTER: "0x79 1x500", "last_rollback_timestamp_seconds": "_x79 3600x500"},
        84,
        "Rollback",
    ),
    ("a gateway that forgot everything for a while", {COUNTER: "2x59 _x19 2x500"}, 84, ""),
    ("a gateway that forgot everything for a moment", {COUNTER: "2x59 _x7 2x500"}, 70, ""),
    ("counters that restart before an advance", {COUNTER: "7x59 0x500"}, HOUR + 4, ""),
    ("counters that restart with a rollback", {COUNTER: "7x59 1x500"}, HOUR + 4, "Rollback"),
    (
        "a second collector of the same counters",
        {COUNTER: "2x500", 'rollback_total{from_stage="half",to_stage="quarter",instance="b"}': "_x59 2x500"},
        HOUR + 4,
        "",
    ),
    ("an advance", {COUNTER: "0x500", 'advancement_total{to_stage="half"}': "0x59 1x500"}, HOUR + 4, ""),
    ("three days in a stage", {"stage_started_at": "0x4400", "percentage": "25x4400"}, 3 * DAY, ""),
    ("five minutes more", {"stage_started_at": "0x4400", "percentage": "25x4400"}, 3 * DAY + 5, "Stuck"),
    ("for ever in the last stage", {"stage_started_at": "0x4400", "percentage": "100x4400"}, 3 * DAY + 5, ""),
    ("days at off", {"stage_started_at": "0x4400", "percentage": "0x4400"}, 3 * DAY + 5, "Stuck"),
    ("a stage that began anew", {"stage_started_at": "0x2000 120000x4400", "percentage": "25x4400"}, 3 * DAY + 5, ""),
    ("an hour without a tick", {"last_tick_timestamp_seconds": "0x500"}, HOUR, ""),
    ("over an hour without one", {"last_tick_timestamp_seconds": "0x500"}, HOUR + 6, "NoTick"),
    ("a tick that comes after all", {"last_tick_timestamp_seconds": "0x60 3600x500"}, HOUR + 6, ""),
    ("no metrics at all", {"last_tick_timestamp_seconds": "_x500"}, 10, "NoTick"),
    ("no metrics yet", {"last_tick_timestamp_seconds": "_x500"}, 4, ""),
    ("half an hour blind", {"cannot_measure": "0x59 1x500"}, HOUR + 30, "CannotMeasure"),
    ("a moment blind", {"cannot_measure": "0x59 1x20 0x500"}, HOUR + 31, ""),
    ("an owner who has a day", {"approval_waiting_seconds": "0+60x3000"}, DAY, ""),
    ("an owner who takes longer", {"approval_waiting_seconds": "0+60x3000"}, DAY + 5, "ApprovalWaiting"),
    ("a gate that is shut for an hour", {"gate_blocked": "0x59 1x500"}, 2 * HOUR, "GateBlocked"),
    ("a gate that opens again", {"gate_blocked": "0x59 1x40 0x500"}, 2 * HOUR, ""),
    ("a regression that stays", {'verdict{outcome="regressed"}': "0x59 1x500"}, HOUR + 30, "Regressed"),
    (
        "a regression that is rolled back and not yet judged anew",
        {'verdict{outcome="regressed"}': "0x59 1x500", "last_rollback_timestamp_seconds": "_x59 3600x500"},
        HOUR + 50,
        "",
    ),
    (
        "a regression that an old rollback does not excuse",
        {'verdict{outcome="regressed"}': "0x199 1x500", "last_rollback_timestamp_seconds": "3600x900"},
        230,
        "Regressed",
    ),
    ("healthy", {'verdict{outcome="regressed"}': "0x500", 'verdict{outcome="healthy"}': "1x500"}, 2 * HOUR, ""),
]


def rules_of(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run(
        [executable("prometheus", "promtool"), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scenario(case: Case) -> dict[str, Any]:
    """One case for promtool: every alert is looked at, all but the expected one must be silent."""
    name, series, minute, expected = case
    given = {**({} if "last_tick_timestamp_seconds" in series else TICKING), **series}
    checks = []
    for rule in rules_of(RULES):
        alert = rule["alert"].removeprefix("GuardianRollout")
        fires = [{"exp_labels": rule["labels"], "exp_annotations": ANNOTATIONS[alert]}] if alert == expected else []
        checks.append({"eval_time": f"{minute}m", "alertname": rule["alert"], "exp_alerts": fires})
    stage = {'stage{stage_name="half"}': "1x4400", 'stage{stage_name="most"}': "0x4400"}
    inputs = [{"series": f"guardian_rollout_{key}", "values": value} for key, value in {**stage, **given}.items()]
    return {"name": name, "interval": "1m", "input_series": inputs, "alert_rule_test": checks}


ANNOTATIONS: dict[str, dict[str, str]] = {
    "Rollback": {
        "summary": "guardian was rolled back",
        "description": "A rollback was merged within the last 15 min; it stands at half now.",
    },
    "Regressed": {
        "summary": "guardian has regressed and is not rolled back",
        "description": "More requests fail in half than its limit allows, and nothing was rolled back.",
    },
    "NoTick": {
        "summary": "nobody watches guardian",
        "description": "The bot has not looked at it for more than 1 h: nothing would be rolled back.",
    },
    "CannotMeasure": {
        "summary": "guardian cannot be measured",
        "description": "There are no usable data, or its files cannot be evaluated: it holds, and nothing would be "
        "rolled back.",
    },
    "ApprovalWaiting": {
        "summary": "guardian waits for a code owner",
        "description": "A pull request with a green gate has waited for an approval for 1d 0h 5m 0s.",
    },
    "GateBlocked": {
        "summary": "the gate of guardian is shut",
        "description": "The open pull request of the next transition cannot be merged: its status rollout/gate is no "
        "success.",
    },
    "Stuck": {"summary": "guardian does not get on", "description": "It has been in half for 3d 0h 5m 0s."},
}
for _alert, _texts in ANNOTATIONS.items():
    _texts["runbook_url"] = f"docs/operations/RUNBOOKS.md#{_alert.lower()}"


def test_each_alert_fires_when_it_should_and_at_no_other_time(tmp_path: Path) -> None:
    files = {"1m": tmp_path / "short.yaml", "5m": tmp_path / "long.yaml"}
    for every, file in files.items():
        tests = [scenario(case) for case in CASES if (case[2] >= DAY) == (every == "5m")]
        file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": every, "tests": tests}))
    assert promtool("test", "rules", *files.values()).count("SUCCESS") == 2
    assert {alert for *_, alert in CASES} - {""} == {
        rule["alert"].removeprefix("GuardianRollout") for rule in rules_of(RULES)
    }


def test_guardians_rules_are_those_that_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "guardian", "--repository", str(ROOT)]) == 0
    printed = capsys.readouterr().out
    assert printed == RULES.read_text(), "run: rollout-bot alerts guardian > docs/guardian/alerts.yaml"
    names = {rule["alert"] for rule in rules_of(RULES)}
    assert names >= {"GuardianRolloutStuck", "GuardianRolloutRollback"}
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_every_alert_has_its_runbook() -> None:
    sections = {
        line.removeprefix("## ").lower() for line in RUNBOOKS.read_text().splitlines() if line.startswith("## ")
    }
    anchors = {rule["annotations"]["runbook_url"] for rule in rules_of(RULES)}
    assert anchors == {f"docs/operations/RUNBOOKS.md#{section}" for section in sections}


def test_rules_ask_for_nothing_that_is_not_published() -> None:
    shown = Verdict(
        Outcome.HEALTHY, ("fine",), 0.005, Rate(10.0, 1.0), Rate(1.0, 1.0), 0.0, 1.0, Bet(1, 100), Bet(1, 20)
    )
    fallen = down(up(state(CANARY), HALF), CANARY)
    record = RolloutRecord("guardian", situation(fallen, verdict=shown))
    observation = Observation(record, (Transition(fallen, NOW, "c"),), NOW)
    published = set(re.findall(r"^# TYPE (\S+)", generate_latest(registry([observation])).decode(), re.MULTILINE))
    dashboard = (ROOT / "docs" / "guardian" / "dashboard.json").read_text()
    asked = set(re.findall(r"guardian_rollout_\w+", " ".join(rule["expr"] for rule in rules_of(RULES)) + dashboard))
    assert asked <= published
    overview = set(re.findall(r'=~\\"\.\+_rollout_(\w+)', (ROOT / "docs" / "guardian" / "overview.json").read_text()))
    assert {f"guardian_rollout_{suffix}" for suffix in overview} <= published


def test_long_stages_and_other_names_are_allowed_for(tmp_path: Path) -> None:
    stages = (Stage("slow", 5, timedelta(days=7), 0.01, False), Stage("most", 80, timedelta(0), 0.01, False))
    policies = [Policy("rate-limits", stages, Metrics("web")), Policy("x2", stages[:1], Metrics("web"))]
    file = tmp_path / "rules.yaml"
    file.write_text(alert_rules(policies, "https://wiki.example/runbooks"))
    promtool("check", "rules", "--lint=all", "--lint-fatal", file)
    found = {rule["alert"]: rule for rule in rules_of(file)}
    stuck = found["RateLimitsRolloutStuck"]
    assert "rate_limits_rollout_stage_started_at) > 691200" in stuck["expr"]
    assert stuck["expr"].endswith("max(rate_limits_rollout_percentage) < 80")
    assert stuck["annotations"]["runbook_url"] == "https://wiki.example/runbooks#stuck"
    assert "X2RolloutRollback" in found


def test_rules_for_a_rollout_that_is_not_there_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "nobody", "--repository", str(ROOT)]) == 3
    assert "rollout-state/nobody/policy.yaml is missing" in capsys.readouterr().err
