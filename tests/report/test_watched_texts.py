"""How guardrails and the fleet read in every report, word for word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from support.rollouts import CANARY, HALF, HOUR, NOW, policy, situation, state, verdict

from rollout_bot.core.decision.decision import decide
from rollout_bot.core.gates.convergence import Converging
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Guardrail, Severity, Watch, Watched
from rollout_bot.core.model.policy import Convergence
from rollout_bot.core.record import RolloutRecord, TickRecord
from rollout_bot.core.samples import Reading
from rollout_bot.report.annotations import remarks
from rollout_bot.report.documents import convergence_document, guardrail_document, status_document
from rollout_bot.report.pull_request import pull_text
from rollout_bot.report.summary import summary
from rollout_bot.report.terminal import tick_text

Golden = Callable[[str, str], None]
P99 = Guardrail("latency_p99", "histogram_quantile(0.99, x)", max=0.5)
ORDERS = Guardrail("orders", "sum(rate(orders[$interval]))", min=10, severity=Severity.HOLD)
CPU = Guardrail("cpu|`", "cpu", max=0.8, severity=Severity.WARN)
TRIAL = Guardrail("queue", "queue", max=100, breaches=0, observe_only=True)
AT = NOW - timedelta(minutes=10)

KEPT = (
    Watched(P99, Watch.KEPT, "0.18, allowed: at most 0.5", Reading(AT, 0.18)),
    Watched(ORDERS, Watch.KEPT, "52, allowed: at least 10", Reading(AT, 52), notes=("1 value of NaN left out",)),
)
TOLD = (
    Watched(CPU, Watch.UNKNOWN, "not measured: the query gives 2 <series>", blind=True),
    Watched(TRIAL, Watch.BREACHED, "120, allowed: at most 100; broken in 1 interval since 2026-03-10 11:30 UTC",
            Reading(AT, 120), 1, NOW - HOUR / 2),
)  # fmt: skip
BROKEN = Watched(
    P99,
    Watch.BREACHED,
    "0.9, allowed: at most 0.5; broken in 2 intervals in a row since 2026-03-10 11:20 UTC; 1 is tolerated",
    Reading(AT, 0.9),
    2,
    AT - HOUR / 2,
)
STRAINED = Watched(ORDERS, Watch.TOLERATED, "8, allowed: at least 10; broken in 1 interval; 1 is tolerated",
                   Reading(AT, 8), 1)  # fmt: skip
THERE = Converging(True, "the fleet enforces 50.2 % of 50 % (tolerance 1), since 2026-03-08 00:00 UTC",
                   NOW - 60 * HOUR, Reading(AT, 50.2))  # fmt: skip
APART = Converging(False, "the fleet enforces 10 % of 50 % (tolerance 1)", None, Reading(AT, 10), overdue=True,
                   notes=("1 value of NaN left out",))  # fmt: skip


def here(*watched: Watched, fleet: Converging | None = THERE) -> Situation:
    rules = policy(guardrails=tuple(each.guardrail for each in watched), convergence=Convergence("share"))
    queries = {"total": "a", "guardrails.latency_p99": P99.query}
    committed = state(HALF, generation=2)
    found = verdict(start=NOW - HOUR, end=NOW)
    return situation(committed, rules=rules, watched=watched, converging=fleet, queries=queries, verdict=found)


SITUATIONS = {
    "kept": here(*KEPT, *TOLD),
    "broken": here(BROKEN, STRAINED),
    "apart": here(STRAINED, fleet=APART),
}


@pytest.mark.parametrize("kind", ["kept", "broken"])
def test_a_pull_request_shows_what_is_watched(kind: str, golden: Golden) -> None:
    text = pull_text(SITUATIONS[kind], decide(SITUATIONS[kind]))
    golden(f"watched-pull-{kind}.md", f"# {text.title}\n\n{text.body}")


def record(kind: str) -> TickRecord:
    found = SITUATIONS[kind]
    return TickRecord(NOW, 3, (RolloutRecord("checkout", found, decide(found)),))


@pytest.mark.parametrize("kind", SITUATIONS)
def test_a_tick_shows_what_is_watched(kind: str, golden: Golden) -> None:
    golden(f"watched-tick-{kind}.txt", tick_text(record(kind)))
    golden(f"watched-summary-{kind}.md", summary(record(kind)))


def test_a_runner_is_told_of_what_is_broken_or_cannot_be_read() -> None:
    told = {kind: [(each.level, each.title) for each in remarks(record(kind))] for kind in SITUATIONS}
    assert told == {
        "kept": [
            ("warning", "checkout: half 50 % cannot be guarded"),
            ("warning", "checkout: half 50 % breaks a guardrail"),
        ],
        "broken": [("error", "checkout: half 50 % breaks a guardrail")],
        "apart": [("warning", "checkout: half 50 % needs somebody")],
    }
    merged = replace(record("broken").rollouts[0], problems=("x",))
    assert [each.title for each in remarks(TickRecord(NOW, 0, (merged,)))] == [
        "checkout: cannot be evaluated",
        "checkout: half 50 % breaks a guardrail",
    ]


def test_the_facts_of_a_pull_request_follow_the_guardrails_and_not_their_values() -> None:
    def facts(*watched: Watched) -> str:
        return pull_text(here(*watched), decide(here(*KEPT))).facts

    assert facts(*KEPT) == facts(replace(KEPT[0], newest=Reading(NOW, 0.2)), KEPT[1])
    assert facts(*KEPT) != facts(BROKEN, KEPT[1])


def test_programs_are_told_the_same() -> None:
    assert guardrail_document(BROKEN) == {
        "name": "latency_p99",
        "state": "breached",
        "severity": "rollback",
        "observe_only": False,
        "min": None,
        "max": 0.5,
        "value": 0.9,
        "at": "2026-03-10T11:50:00Z",
        "streak": 2,
        "since": "2026-03-10T11:20:00Z",
        "reason": BROKEN.reason,
    }
    assert guardrail_document(TOLD[0])["value"] is None
    assert convergence_document(APART) == {
        "holds": False,
        "at": None,
        "observed": 10,
        "observed_at": "2026-03-10T11:50:00Z",
        "overdue": True,
        "reason": APART.reason,
    }
    assert convergence_document(Converging(False, "x"))["observed"] is None
    assert status_document(here())["converged_at"] == "2026-03-08T00:00:00Z"
    assert status_document(situation(state(CANARY)))["converged_at"] is None
