"""The tree of reasons as people read it, and as programs do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest
from jsonschema import Draft202012Validator
from support.rollouts import HALF, HOUR, NOW, policy, situation, standing, state, verdict

from rollout_bot.core.decision.decision import decide
from rollout_bot.core.explanation.explanation import explain
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Guardrail, Watch, Watched
from rollout_bot.core.record import RolloutRecord, TickRecord
from rollout_bot.core.samples import Reading
from rollout_bot.core.verdict import Bet, Comparison, Forecast, Outcome, Rate
from rollout_bot.report.documents import reason_document, rollout_reason
from rollout_bot.report.explanation import explanation_text

Golden = Callable[[str, str], None]
LATENCY = Guardrail("latency_p99", "p99", max=0.5)
BROKEN = Watched(LATENCY, Watch.BREACHED, "0.9, allowed: at most 0.5", Reading(NOW, 0.9), 2, NOW - HOUR)
BETS = {"over": Bet(3e6, 100), "worse": Bet(4e9, 100), "under": Bet(0, 20), "close": Bet(0, 20), "odds": Bet(90, 3)}
BESIDE = Comparison(Rate(30_000.0, 532.0), Rate(270_000.0, 110.0), 0.001, 0.01733, 0.0159, 0.0189)


def judged(outcome: Outcome, failures: float, **fields: object) -> Situation:
    """30,000 requests in the 100 h of canary."""
    known = {
        "stage": Rate(30_000.0, failures),
        "last_hour": Rate(1_200.0, failures / 25),
        "lower": failures / 45_000,
        "upper": failures / 18_000,
        "regression": Bet(0.04, 100),
        "health": Bet(4, 20),
        "start": NOW - 100 * HOUR,
        "end": NOW,
        "intervals": 400,
    }
    found = verdict(outcome, f"{failures:g} of 30,000 requests failed")
    return situation(verdict=replace(found, **(known | fields)))  # type: ignore[arg-type]


def waiting() -> Situation:
    found = judged(Outcome.INCONCLUSIVE, 90, forecast=Forecast(900, 3 * HOUR), noise=1.8, gaps=1, notes=("no data …",))
    return replace(found, standing=standing(state(), entered=-22 * HOUR), queries={})


def regressed() -> Situation:
    found = judged(Outcome.REGRESSED, 532, regression=Bet(4e9, 100), health=Bet(0, 20), comparison=BESIDE, bets=BETS)
    rules = policy(guardrails=(LATENCY,))
    fallen = replace(found.verdict, regressing_since=NOW - timedelta(minutes=30))
    committed = standing(state(HALF, generation=2))
    return replace(found, verdict=fallen, policy=rules, watched=(BROKEN,), standing=committed)


def healthy() -> Situation:
    return judged(Outcome.HEALTHY, 12, health=Bet(200, 20), healthy_since=NOW - 90 * HOUR)


KINDS = {"waits": waiting, "rolls-back": regressed, "advances": healthy}


def record(found: Situation) -> TickRecord:
    return TickRecord(NOW, 0, (RolloutRecord("checkout", found, decide(found)),), dry_run=True)


@pytest.mark.parametrize("kind", KINDS)
def test_an_explanation_reads_as_agreed(kind: str, golden: Golden) -> None:
    golden(f"explain-{kind}.txt", explanation_text(record(KINDS[kind]()), width=120))


@pytest.mark.parametrize("kind", KINDS)
def test_what_programs_read_fits_the_schema(kind: str) -> None:
    schema = json.loads((files("rollout_bot.report") / "schemas" / "tick.schema.json").read_text("utf-8"))
    validator = Draft202012Validator({"$ref": "#/$defs/reason", "$defs": schema["$defs"]})
    found = KINDS[kind]()
    document = reason_document(explain(found, decide(found)))
    validator.validate(json.loads(json.dumps(document, allow_nan=False)))


def test_moments_and_spans_are_written_as_described() -> None:
    document = reason_document(explain(waiting(), decide(waiting())))
    duration = next(each for each in document["children"] if each["name"] == "duration")
    assert duration["figures"]["opens_at"] == "2026-03-10T14:00:00Z"
    assert duration["figures"]["to_go"] == 7200.0


def test_only_a_terminal_gets_colour_and_nothing_from_outside_steers_it() -> None:
    hostile = situation(verdict=verdict(Outcome.INCONCLUSIVE, "\x1b[2J\u202e[red]good\nnews[/red]"))
    text = explanation_text(record(hostile))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]good news[/red]" in text
    painted = explanation_text(record(hostile), color=True)
    assert "\x1b[" in painted
    assert "\x1b[2J" not in painted


def test_lines_fit_the_terminal() -> None:
    assert max(map(len, explanation_text(record(regressed()), width=60).splitlines())) <= 60


def test_a_rollout_that_cannot_be_evaluated_has_no_tree() -> None:
    broken = RolloutRecord("checkout", problems=("state.yaml is missing",))
    assert rollout_reason(broken) is None
    assert explanation_text(TickRecord(NOW, 0, (broken,))) == "2026-03-10 12:00 UTC\n"
