"""What is watched beside the counts, as every report tells it: guardrails, and what the fleet enforces."""

from __future__ import annotations

from collections.abc import Iterator

from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Severity, Watch, Watched
from rollout_bot.core.wording import figure
from rollout_bot.report.blocks import Line
from rollout_bot.report.markdown import escape, table

_STYLES = {Watch.KEPT: "green", Watch.TOLERATED: "yellow", Watch.BREACHED: "bold red", Watch.UNKNOWN: "yellow"}
_SIGNS = {Watch.KEPT: "✅", Watch.TOLERATED: "⏳", Watch.BREACHED: "🔴", Watch.UNKNOWN: "⚠️"}
_EFFECTS = {Severity.ROLLBACK: "rolls back", Severity.HOLD: "holds", Severity.WARN: "warns"}


def watch_lines(situation: Situation) -> Iterator[Line]:
    """For a terminal: a line for the fleet, and one for each guardrail."""
    fleet = situation.converging
    if fleet is not None:
        yield "fleet", fleet.reason, "green" if fleet.holds else "bold yellow" if fleet.overdue else "yellow"
    for each in situation.watched:
        yield "guardrail", f"{each.guardrail.name} {each.watch}: {_reason(each)}", _style(each)
    for note in situation.notes:
        yield "note", note, "yellow"


def _style(watched: Watched) -> str:
    return _STYLES[watched.watch] if watched.guardrail.binding or watched.watch is Watch.KEPT else "yellow"


def _reason(watched: Watched) -> str:
    return watched.told.removeprefix(f"guardrail {watched.guardrail.name}: ")


def watch_parts(situation: Situation) -> Iterator[str]:
    """In Markdown, everything from outside escaped: a sentence for the fleet, and a table of the guardrails."""
    fleet = situation.converging
    if fleet is not None:
        sign = "✅" if fleet.holds else "⚠️" if fleet.overdue else "⏳"
        yield f"{sign} **Convergence**: {escape(fleet.reason)}"
    if situation.watched:
        yield table(("guardrail", "", "newest", "allowed", "if broken", "why"), map(_row, situation.watched))
    if situation.notes:
        yield "\n".join(f"- {escape(note)}" for note in situation.notes)


def _row(watched: Watched) -> tuple[str, ...]:
    guardrail, newest = watched.guardrail, watched.newest
    effect = f"{_EFFECTS[guardrail.severity]}{', only observed' if guardrail.observe_only else ''}"
    return (
        escape(guardrail.name),
        f"{_SIGNS[watched.watch]} {watched.watch}",
        figure(newest.value) if newest else "–",
        guardrail.allowed,
        effect,
        "" if watched.watch is Watch.KEPT else escape(_reason(watched)),
    )
