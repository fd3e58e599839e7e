"""Backtests for people: what a team lead needs first, then every move with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO

from rollout_bot.core.replay.backtest import Backtest
from rollout_bot.core.replay.replayed import APPROVAL, Transition, Wait
from rollout_bot.core.wording import amount, duration, moment, one_line
from rollout_bot.report.markdown import escape, table

_CAUSES = {
    "duration": "the least time to stay",
    "analysis: inconclusive": "not enough evidence of health",
    "analysis: regressed": "a regression that may not be rolled back",
    "analysis: unavailable": "missing or late data",
    "analysis: shared": "trouble that the baseline shares",
    "cooldown": "the cooldown after a rollback",
    "guardrails": "a guardrail",
    "window": "the hours in which it may not move",
    APPROVAL: "an approval",
}
_SHOWN = 4


def backtest_text(rollout: str, backtests: Sequence[Backtest], *, color: bool = False, width: int = 100) -> str:
    """One or two replays of a rollout: a sentence for each, the figures side by side, the moves of each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = StringIO()
    console = Console(file=stream, width=width, no_color=not color, force_terminal=color, highlight=False)
    console.print(Text(one_line(f"{rollout}  {_span(backtests[0])}"), style="bold"))
    for each in backtests:
        console.print(Text(one_line(f"{_named(each, backtests)}{verdict(each)}")))
    figures = Table(box=None, show_header=len(backtests) > 1, padding=(0, 3, 0, 0), pad_edge=False)
    for title in ("", *(each.label for each in backtests)):
        figures.add_column(Text(one_line(title)), style="dim" if not title else "")
    for name, *cells in _figures(backtests):
        figures.add_row(Text(name), *(Text(one_line(cell)) for cell in cells))
    console.print()
    console.print(figures)
    for each in backtests:
        console.print()
        moves = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
        for title in ("when", _moves_of(each, backtests), "evidence"):
            moves.add_column(Text(title, style="dim"), no_wrap=title != "evidence")
        for row in each.replay.transitions:
            style = ("red" if _is_false(row, each) else "yellow") if row.down else "green"
            moves.add_row(Text(_when(row.at)), Text(_move(row), style=style), Text(one_line(_evidence(row, each))))
        console.print(moves if each.replay.transitions else Text("no move at all", style="dim"))
    for note in dict.fromkeys(note for each in backtests for note in remarks(each)):
        console.print()
        console.print(Text(one_line(f"note: {note}"), style="yellow"))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def backtest_markdown(rollout: str, backtests: Sequence[Backtest]) -> str:
    """The same for a job summary, with a chart of the traffic that had the change. Text from outside is escaped."""
    parts = [f"## Backtest of {escape(rollout)}", escape(_span(backtests[0]))]
    parts.append("\n".join(f"- {escape(f'{_named(each, backtests)}{verdict(each)}')}" for each in backtests))
    header = ("", *(escape(each.label) for each in backtests))
    parts.append(table(header, [tuple(map(escape, row)) for row in _figures(backtests)]))
    parts.append(_chart(backtests))
    for each in backtests:
        rows = [(_when(row.at), escape(_move(row)), escape(_evidence(row, each))) for row in each.replay.transitions]
        if rows:
            parts.append(table(("when", escape(_moves_of(each, backtests)), "evidence"), rows))
    notes = dict.fromkeys(note for each in backtests for note in remarks(each))
    if notes:
        parts.append("\n".join(f"- {escape(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def verdict(backtest: Backtest) -> str:
    """What came of it, in a sentence or two."""
    found = backtest.replay
    top = found.policy.stages[-1]
    if found.topped_after is None:
        first = f"never reaches {top.percentage} %; ends at {found.ended.name} {found.ended.percentage} %"
    else:
        first = f"reaches {top.percentage} % after {duration(found.topped_after)}"
        if found.ended != top:
            first += f", but ends at {found.ended.name} {found.ended.percentage} %"
    stopped = f". It stops at {moment(found.end)}: {found.stopped}" if found.stopped else ""
    return f"{first}, with {_rollbacks(backtest)}{stopped}"


def remarks(backtest: Backtest) -> Iterator[str]:
    """What to know before believing it."""
    if backtest.seed is not None:
        yield (
            "the history is taken for that of all traffic, and thinned at random to each stage's percentage "
            f"(seed {backtest.seed})"
        )
    if backtest.replay.rollbacks and not backtest.incidents:
        yield (
            "nobody said when something was really wrong, so every rollback counts as false unless something was; "
            "name such times with --incident FROM/TO"
        )
    missing, why = backtest.unmeasured
    if missing:
        yield f"not measured for {duration(missing)} of it: {why}"
    yield from backtest.notes[:_SHOWN]


def _span(backtest: Backtest) -> str:
    found = backtest.replay
    length = duration(found.end - found.start)
    wait = f", approvals after {duration(backtest.approve_after)}" if backtest.approve_after else ", approvals at once"
    return f"replayed from {moment(found.start)} to {moment(found.end)} ({length}){wait}"


def _named(backtest: Backtest, backtests: Sequence[Backtest]) -> str:
    return f"{backtest.label}: " if len(backtests) > 1 else ""


def _moves_of(backtest: Backtest, backtests: Sequence[Backtest]) -> str:
    return f"moves of {backtest.label}" if len(backtests) > 1 else "move"


def _rollbacks(backtest: Backtest) -> str:
    rollbacks, false = len(backtest.replay.rollbacks), len(backtest.assessment.false_alarms)
    if not rollbacks:
        return "no rollback"
    if not backtest.incidents:
        return f"{amount(rollbacks, 'rollback')}, false unless something was really wrong then"
    return f"{amount(rollbacks, 'rollback')}, {false or 'none'} of them false"


def _figures(backtests: Sequence[Backtest]) -> Iterator[tuple[str, ...]]:
    """Rows of a name and one cell for each backtest."""
    found = [each.replay for each in backtests]
    top = found[0].policy.stages[-1].percentage
    yield f"to {top} %", *(duration(each.topped_after) if each.topped_after is not None else "never" for each in found)
    yield "at the end", *(f"{each.ended.name} {each.ended.percentage} %" for each in found)
    yield "advances", *(str(len(each.advances)) for each in found)
    yield "rollbacks", *(str(len(each.rollbacks)) for each in found)
    if any(each.incidents for each in backtests):
        yield "false alarms", *(str(len(each.assessment.false_alarms)) for each in backtests)
        yield "incidents", *(_incidents(each) for each in backtests)
    causes = dict.fromkeys(wait.cause for each in found for wait in each.waits[:_SHOWN])
    for index, cause in enumerate(causes):
        waits = [next((wait for wait in each.waits if wait.cause == cause), None) for each in found]
        yield f"{'held by ' if index == 0 else '    and '}{_CAUSES.get(cause, cause)}", *map(_waited, waits)


def _incidents(backtest: Backtest) -> str:
    found = backtest.assessment
    parts = []
    if found.found:
        delays = ", ".join(duration(each.delay) for each in found.found)
        parts.append(f"{len(found.found)} found (after {delays})")
    parts += [f"{len(found.missed)} missed"] if found.missed else []
    parts += [f"{len(found.unexposed)} met no enforced stage"] if found.unexposed else []
    return ", ".join(parts)


def _waited(wait: Wait | None) -> str:
    if wait is None:
        return "–"
    alone = "" if wait.alone == wait.time else f" ({duration(wait.alone)} alone)" if wait.alone else " (never alone)"
    return f"{duration(wait.time)}{alone}"


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _move(transition: Transition) -> str:
    origin, to = transition.origin, transition.to
    return f"{origin.name} {origin.percentage} % {'↓' if transition.down else '→'} {to.name} {to.percentage} %"


def _is_false(transition: Transition, backtest: Backtest) -> bool:
    return bool(backtest.incidents) and transition in backtest.assessment.false_alarms


def _evidence(transition: Transition, backtest: Backtest) -> str:
    waited = transition.at - transition.proposed_at
    # What is said of an advance begins with the stage, which stands beside it already.
    told = transition.reasons[0] if transition.down else transition.verdict.reasons[0]
    if waited:
        told += f"; proposed {duration(waited)} before"
    if not transition.down or not backtest.incidents:
        return told
    return f"{'false alarm' if _is_false(transition, backtest) else 'incident'}: {told}"


def _chart(backtests: Sequence[Backtest]) -> str:
    """A line of percentages for each backtest; GitHub draws mermaid by itself."""
    start = min(each.replay.start for each in backtests)
    end = max(each.replay.end for each in backtests)
    points = 60
    step = (end - start) / points
    lines = [
        "    line [" + ", ".join(map(str, _percentages(each, [start + n * step for n in range(points)]))) + "]"
        for each in backtests
    ]
    days = (end - start) / timedelta(days=1)
    what = " and ".join(each.label for each in backtests) if len(backtests) > 1 else ""
    title = f"traffic that has the change, in %{', of ' + what if what else ''}"
    quoted = "".join(sign if sign.isalnum() or sign in " ,.%/_-" else " " for sign in title)
    chart = ["```mermaid", "xychart-beta", f'    title "{quoted}"', f'    x-axis "days" 0 --> {days:.2f}',
             '    y-axis "%" 0 --> 100', *lines, "```"]  # fmt: skip
    return "\n".join(chart)


def _percentages(backtest: Backtest, moments: Iterable[datetime]) -> Iterator[int]:
    for at in moments:
        stage = backtest.replay.stage_at(at)
        yield (stage or backtest.replay.ended).percentage
