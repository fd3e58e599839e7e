"""The gates of a pull request as a table: figure, threshold, margin and sample at a glance, and why one is shut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from rollout_bot.core.gates.conditions import Gate, GateName
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Watch
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.wording import amount, count, duration, percent, points
from rollout_bot.report.markdown import escape, table

_SIGNS = {True: "✅", False: "⏳"}


class _Figures(NamedTuple):
    """What was found, what is asked for, how far apart they are, and on how much that rests."""

    figure: str = "–"
    threshold: str = "–"
    margin: str = "–"
    sample: str = "–"


def gate_parts(situation: Situation, gates: Sequence[Gate]) -> tuple[str, ...]:
    """Markdown: the table, and a line for each gate that is shut."""
    rows = [(gate.name.value, _SIGNS[gate.passed], *_figures(situation, gate)) for gate in gates]
    shut = [f"- {_SIGNS[False]} **{gate.name}**: {escape(gate.reason)}" for gate in gates if not gate.passed]
    figures = table(("gate", "", "figure", "threshold", "margin", "sample"), rows)
    return (figures, "\n".join(shut)) if shut else (figures,)


def _figures(situation: Situation, gate: Gate) -> _Figures:
    find = _FOUND.get(gate.name)
    # A gate without figures of its own says in words what was found.
    return find(situation) if find else _Figures(escape(gate.reason))


def _duration(situation: Situation) -> _Figures:
    since, least = situation.clock_since, situation.stage.duration
    if since is None:
        return _Figures("not begun", f"at least {duration(least)}")
    stay = situation.now - since
    if not least:
        return _Figures(duration(stay))
    margin = f"{duration(stay - least)} over" if stay >= least else f"{duration(least - stay)} to go"
    return _Figures(duration(stay), f"at least {duration(least)}", margin)


def _analysis(situation: Situation) -> _Figures:
    verdict = situation.verdict
    rate = verdict.stage.value
    if rate is None or situation.stage == OFF:
        return _Figures("nothing measured", f"at most {percent(verdict.limit)}" if situation.stage != OFF else "–")
    side = "below" if rate <= verdict.limit else "above"
    margin = f"{points(abs(verdict.limit - rate))} {side}"
    return _Figures(
        percent(rate), f"at most {percent(verdict.limit)}", margin, amount(verdict.stage.requests, "request")
    )


def _cooldown(situation: Situation) -> _Figures:
    at = situation.standing.rolled_back_at
    if at is None:
        return _Figures("never rolled back")
    cooldown, passed = situation.policy.cooldown_after(situation.standing.rollbacks), situation.now - at
    margin = f"{duration(passed - cooldown)} over" if passed >= cooldown else f"{duration(cooldown - passed)} to go"
    return _Figures(duration(passed), f"at least {duration(cooldown)}", margin)


def _attempts(situation: Situation) -> _Figures:
    rollbacks, most = situation.standing.rollbacks, situation.policy.max_rollbacks
    left = amount(max(0, most - rollbacks), "rollback")
    return _Figures(amount(rollbacks, "rollback"), f"under {count(most)}", f"{left} left")


def _convergence(situation: Situation) -> _Figures:
    asked, found = situation.policy.convergence, situation.converging
    newest = found.newest if found else None
    if asked is None or newest is None:
        return _Figures("not known")
    share = situation.stage.percentage
    apart = f"{count(abs(newest.value - share))} points apart"
    return _Figures(f"{count(newest.value)} %", f"{share} % ± {count(asked.tolerance)}", apart)


def _guardrails(situation: Situation) -> _Figures:
    binding = [each for each in situation.watched if each.guardrail.binding]
    kept = sum(each.watch is Watch.KEPT for each in binding)
    return _Figures(f"{count(kept)} of {count(len(binding))} kept", "all of them")


_FOUND: Mapping[GateName, Callable[[Situation], _Figures]] = {
    GateName.DURATION: _duration,
    GateName.ANALYSIS: _analysis,
    GateName.COOLDOWN: _cooldown,
    GateName.ATTEMPTS: _attempts,
    GateName.CONVERGENCE: _convergence,
    GateName.GUARDRAILS: _guardrails,
}
