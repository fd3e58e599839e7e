"""What a run on GitHub shows: the job summary word for word, what it remarks upon, and what it hands on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rollouts import HOUR, NOW, asks, situation
from test_golden_texts import MERGE, OPEN, RED, TICKS, bad, done, owned, pull, record, unowned

from rollout_bot.core.decision.decision import decide
from rollout_bot.core.model.repository import PullState
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.record import RolloutRecord, Step, TickRecord
from rollout_bot.core.verdict import Outcome, Verdict
from rollout_bot.report.annotations import Annotation, needs_attention, problem_remarks, remarks
from rollout_bot.report.outputs import outputs
from rollout_bot.report.summary import summary

Golden = Callable[[str, str], None]
INVALID = "rollout-state/billing/policy.yaml:4:3: stages: found nothing; allowed: a list"
BROKEN = RolloutRecord("billing", problems=(INVALID,))
SEVERAL = TickRecord(NOW, 3, (*TICKS["unsure"].rollouts, BROKEN, *TICKS["rolls-back"].rollouts), TICKS["fails"].gates)
KINDS = """
    opens waits-for-owner approved gate-shut merges rolls-back unsure blind broken fails off dry-run refused-request
    complete other-pulls nothing with-baseline without-its-baseline
"""
SHOWN = {"several": SEVERAL, **{kind: TICKS[kind] for kind in KINDS.split()}}


@pytest.mark.parametrize("kind", SHOWN)
def test_a_summary_reads_as_agreed(kind: str, golden: Golden) -> None:
    golden(f"summary-{kind}.md", summary(SHOWN[kind]))


def test_those_that_need_somebody_come_first() -> None:
    headings = [line for line in summary(SEVERAL).splitlines() if line.startswith("### ")]
    assert headings == ["### billing", "### checkout: half 50 %", "### checkout: canary 10 %"]


@given(st.text(max_size=80) | st.sampled_from(["<script>", "@org/team #1", "a|b\n## x", "![x](http://y)", "`"]))
def test_nothing_from_outside_formats_a_summary(text: str) -> None:
    here = situation(verdict=Verdict(Outcome.UNAVAILABLE, (text or "x",), 0.005, notes=(text,)))
    step = Step(replace(OPEN, title=text), error=text)
    shown = summary(TickRecord(NOW, 0, (record(here, steps=(step,), notes=(text,)),)))
    for line in shown.splitlines():
        assert not line.startswith("## ") or line.startswith("## Rollouts at ")
        assert not re.search(r"(?<!\\)<script", line)
        assert "@org" not in line
        assert not re.search(r"(?<!\\)\]\(http", line)


def titles(*records: RolloutRecord, gates: tuple[Step, ...] = ()) -> list[tuple[str, str]]:
    return [(each.level, each.title) for each in remarks(TickRecord(NOW, 0, records, gates))]


@pytest.mark.parametrize(
    "kind",
    ["opens", "merges", "unsure", "off", "complete", "gate-shut", "waits-for-time", "held", "nothing", "dry-run"],
)
def test_what_takes_its_course_is_not_remarked_upon(kind: str) -> None:
    found = [each for each in remarks(TICKS[kind]) if "approval pending" not in each.title]
    assert found == []


def test_a_regression_is_an_error_even_once_it_is_rolled_back() -> None:
    assert titles(record(bad())) == [("error", "checkout: half 50 % has regressed")]
    merged = record(bad(), steps=done(OPEN, MERGE))
    assert titles(merged) == [("error", "checkout: half 50 % has regressed (rolled back)")]


def test_what_could_not_be_measured_is_a_warning_at_the_policy() -> None:
    (found,) = remarks(TickRecord(NOW, 0, (record(replace(owned(), verdict=TICKS_BLIND)),)))
    assert found[:2] == ("warning", "checkout: canary 10 % cannot be judged")
    assert found.file == "rollout-state/checkout/policy.yaml"


TICKS_BLIND = Verdict(Outcome.UNAVAILABLE, ("the server did not answer",), 0.005)


def test_an_invalid_file_is_an_error_at_its_line() -> None:
    expected = Annotation(
        "error",
        "billing: cannot be evaluated",
        "stages: found nothing; allowed: a list",
        "rollout-state/billing/policy.yaml",
        4,
    )
    assert remarks(TickRecord(NOW, 0, (BROKEN,))) == [expected]


@pytest.mark.parametrize(
    ("problem", "file", "line", "message"),
    [
        (INVALID, "rollout-state/billing/policy.yaml", 4, "stages: found nothing; allowed: a list"),
        ("rollout-state/a/state.yaml: unknown stage", "rollout-state/a/state.yaml", None, "unknown stage"),
        ("rollout-state/a/state.yaml is missing", None, None, "rollout-state/a/state.yaml is missing"),
        ("the server: did not answer", None, None, "the server: did not answer"),
        ("rollout-state/a\x1b[2J\u202e##[b/x: y", "rollout-state/a [2J ##\u200b[b/x", None, "y"),
    ],
)
def test_the_place_of_a_problem(problem: str, file: str | None, line: int | None, message: str) -> None:
    assert problem_remarks([problem]) == [
        Annotation("error", "rollout-bot: this cannot be merged", message, file, line)
    ]


def test_a_failed_action_is_an_error_whosever_pull_request_it_was_for() -> None:
    failed = Step(MERGE, error="the branch is protected", pull=3)
    assert titles(record(owned(), steps=(failed,))) == [("error", "checkout: action failed")]
    assert titles(gates=(failed, *done(OPEN))) == [("error", "action failed")]


def test_an_approval_that_is_waited_for_is_a_warning() -> None:
    waiting = record(owned(), pull=pull(owned(), opened_at=NOW - 5 * HOUR))
    (found,) = remarks(TickRecord(NOW, 0, (waiting,)))
    assert found[:2] == ("warning", "checkout: approval pending")
    assert found.message.endswith("has waited for a code owner for 5 h")


def test_only_an_open_green_pull_request_waits_for_an_owner() -> None:
    assert record(owned(), pull=pull(owned())).waits_for_owner
    assert record(owned(), pull=pull(owned(), gate=None)).waits_for_owner
    assert not record(owned()).waits_for_owner
    assert not record(owned(), pull=pull(owned(), gate=RED)).waits_for_owner
    assert not record(owned(), pull=pull(owned(), owners_approved=True)).waits_for_owner
    assert not record(owned(), pull=pull(owned(), state=PullState.MERGED)).waits_for_owner


def test_bugs_markers_and_refusals() -> None:
    assert titles(RolloutRecord("a", problems=("x",), bug=True)) == [("error", "a: bug in rollout-bot")]
    assert titles(record(owned(), notes=("x",))) == [("warning", "checkout: has a file that counts for nothing")]
    assert ("error", "checkout: refused") in titles(*TICKS["refused-request"].rollouts)


def test_a_stage_that_nobody_approved_is_told_once() -> None:
    (told,) = remarks(TICKS["doubted"])
    assert (told.level, told.title) == ("error", "checkout: nothing may be built on its stage")
    assert told.message.startswith("rollout-state/checkout/approvals/half.yaml for attempt 1 is missing")


def test_errors_come_first() -> None:
    waiting = record(owned(), pull=pull(owned()))
    assert [level for level, _ in titles(waiting, BROKEN)] == ["error", "warning"]
    assert needs_attention(waiting)
    assert not needs_attention(record(unowned()))


def test_a_decision_that_calls_somebody_is_a_warning() -> None:
    here = record(owned())
    assert here.decision is not None
    calls = replace(here, decision=replace(here.decision, attention=True, reasons=("too many rollbacks",)))
    (found,) = remarks(TickRecord(NOW, 0, (calls,)))
    assert found[:3] == ("warning", "checkout: canary 10 % needs somebody", "too many rollbacks")
    assert calls.situation is not None
    blind = replace(calls, situation=replace(calls.situation, verdict=TICKS_BLIND))
    assert [each.title.split(" % ")[1] for each in remarks(TickRecord(NOW, 0, (blind,)))] == [
        "cannot be judged",
        "needs somebody",
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("opens", ("10", "canary", "advance", "false", "3")),
        ("merges", ("75", "most", "advance", "true", "")),
        ("rolls-back", ("10", "canary", "roll_back", "true", "")),
        ("dry-run", ("10", "canary", "advance", "false", "")),
        ("broken", ("", "", "hold", "false", "")),
        ("doubted", ("", "", "hold", "false", "")),
        ("nothing", ("", "", "", "false", "")),
    ],
)
def test_what_is_handed_on(kind: str, expected: tuple[str, ...]) -> None:
    names = ("percentage", "stage", "decision", "changed", "pull-request")
    assert outputs(TICKS[kind]) == dict(zip(names, expected, strict=True))


def test_where_a_stage_in_doubt_goes_down_the_stage_below_is_handed_on() -> None:
    here = replace(TICKS["doubted"].rollouts[0], steps=done(MERGE))
    assert here.situation is not None
    back = decide(here.situation, asks(ChangeKind.ROLL_BACK))
    found = outputs(TickRecord(NOW, 0, (replace(here, decision=back),)))
    assert (found["percentage"], found["stage"]) == ("10", "canary")


def test_of_several_rollouts_only_the_change_is_handed_on() -> None:
    assert outputs(SEVERAL) == {"percentage": "", "stage": "", "decision": "", "changed": "true", "pull-request": ""}
