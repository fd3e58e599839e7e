"""Sentences that several reports share, so that a change reads the same wherever it is told. Plain text, unescaped."""

from __future__ import annotations

from collections.abc import Iterator

from rollout_bot.core.model.state import ChangeKind, Evidence, State
from rollout_bot.core.wording import amount, count, moment, percent, points


def transition_title(state: State) -> str:
    """The change that led to a state, in a few words: "canary → quarter 25 %"."""
    change, there = state.change, f"{state.stage} {state.percentage} %"
    match change.kind:
        case ChangeKind.START:
            return f"begins at {there}"
        case ChangeKind.ADVANCE:
            return f"{change.from_stage} → {there}"
        case ChangeKind.ROLL_BACK:
            return f"rolled back: {change.from_stage} → {there}"
        case kind:
            return f"{kind.value} at {there}"


def evidence_sentences(evidence: Evidence | None) -> Iterator[str]:
    """What was known when a change was proposed; nothing where nothing had been measured."""
    if evidence is None or evidence.start is None or evidence.end is None:
        return
    rate = "no requests"
    if evidence.error_rate is not None:
        rate = _rate(evidence.error_rate, evidence.requests, evidence.failures)
    span = f"{moment(evidence.start)} to {moment(evidence.end)}"
    yield f"Evidence: {evidence.outcome}, {rate}, limit {percent(evidence.max_error_rate)}, {span}."
    baseline = evidence.baseline
    if baseline is not None and baseline.error_rate is not None and baseline.increase is not None:
        rate = _rate(baseline.error_rate, baseline.requests, baseline.failures)
        tolerated = points(baseline.max_error_rate_increase)
        yield f"Baseline: {rate}, increase {points(baseline.increase)}, tolerated {tolerated}."


def _rate(rate: float, requests: float, failures: float) -> str:
    return f"{percent(rate)} of {amount(requests, 'request')} failed ({count(failures)})"
