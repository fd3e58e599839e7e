"""What `backtest` prints for programs. The published schema is `schemas/backtest.schema.json`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rollout_bot.core.replay.backtest import Backtest
from rollout_bot.core.replay.incidents import Assessment, Incident
from rollout_bot.core.replay.replayed import Transition
from rollout_bot.report.backtest import remarks
from rollout_bot.report.documents import Json, time


def backtest_document(found: Iterable[tuple[str, Sequence[Backtest]]]) -> Json:
    """All backtests of a run, each beside the one that it is compared with."""
    return {"backtests": [_backtest(rollout, each) for rollout, backtests in found for each in backtests]}


def _backtest(rollout: str, backtest: Backtest) -> Json:
    found = backtest.replay
    return {
        "rollout": rollout,
        "policy": backtest.label,
        "start": time(found.start),
        "end": time(found.end),
        "ticks": found.ticks,
        "approve_after_seconds": backtest.approve_after.total_seconds(),
        "seed": backtest.seed,
        "seconds_to_top": None if found.topped_after is None else found.topped_after.total_seconds(),
        "final_stage": found.ended.name,
        "stopped": found.stopped or None,
        "stays": [
            {
                "stage": each.stage.name,
                "percentage": each.stage.percentage,
                "start": time(each.start),
                "end": time(each.end),
            }
            for each in found.stays
        ],
        "transitions": [_transition(each) for each in found.transitions],
        "waits": [
            {"cause": each.cause, "seconds": each.time.total_seconds(), "alone_seconds": each.alone.total_seconds()}
            for each in found.waits
        ],
        "assessment": _assessment(backtest.assessment) if backtest.incidents else None,
        "unmeasured_seconds": backtest.unmeasured[0].total_seconds(),
        "notes": list(remarks(backtest)),
    }


def _transition(transition: Transition) -> Json:
    verdict = transition.verdict
    return {
        "at": time(transition.at),
        "proposed_at": time(transition.proposed_at),
        "kind": "roll_back" if transition.down else "advance",
        "from": transition.origin.name,
        "to": transition.to.name,
        "percentage": transition.to.percentage,
        "reasons": list(transition.reasons),
        "evidence": {
            "outcome": verdict.outcome.value,
            "requests": verdict.stage.requests,
            "failures": verdict.stage.failures,
            "error_rate": verdict.stage.value,
            "lower": verdict.lower,
            "upper": verdict.upper,
            "max_error_rate": verdict.limit,
            "start": time(verdict.start),
            "end": time(verdict.end),
        },
    }


def _assessment(found: Assessment) -> Json:
    return {
        "found": [
            {
                **_incident(each.incident),
                "rolled_back_at": time(each.rollback.at),
                "delay_seconds": each.delay.total_seconds(),
            }
            for each in found.found
        ],
        "missed": [_incident(each) for each in found.missed],
        "unexposed": [_incident(each) for each in found.unexposed],
        "false_alarms": [time(each.at) for each in found.false_alarms],
    }


def _incident(incident: Incident) -> Json:
    return {"start": time(incident.start), "end": time(incident.end)}
