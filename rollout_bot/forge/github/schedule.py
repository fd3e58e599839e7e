"""Whether the schedule of the workflow `rollout` is alive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.wording import duration, readable
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import Purpose
from rollout_bot.forge.interface import ForgeError, NotFound

SUBJECT = "schedule"
WORKFLOW = ".github/workflows/rollout.yml"
LATE, DEAD = timedelta(hours=1), timedelta(days=1)
"""Schedules run every 15 minutes: GitHub may leave out a few of them, but no whole day."""

_RUNS = Purpose("look at the runs of the workflow rollout.yml", "actions: read")
_LOOK = "look at Actions → rollout, whether it ran within the last hour"
_INIT = "rollout-bot init NAME --github writes it; if it is there, the token needs `actions: read`"
_SIXTY_DAYS = "GitHub ends schedules of public repositories after 60 days without activity"


def examine(desk: Desk) -> Iterator[Finding]:
    """The newest scheduled run, and what is known of why there is none."""
    path = f"{desk.place.path}/actions/workflows/rollout.yml"
    try:
        found = desk.transport.get(f"{path}/runs", _RUNS, event="schedule", per_page="1")
    except NotFound:
        text = f"there is no {WORKFLOW}, so nothing ticks unless something else does"
        yield Finding(Level.WEAK, SUBJECT, text, _INIT)
        return
    except ForgeError as error:
        yield Finding(Level.UNKNOWN, SUBJECT, str(error), _LOOK)
        return
    runs = found.get("workflow_runs") if isinstance(found, dict) else None
    if not isinstance(runs, list):
        yield Finding(Level.UNKNOWN, SUBJECT, "GitHub's answer lists no runs", _LOOK)
        return
    age = _age(runs[0], desk.now) if runs else None
    if runs and age is None:
        yield Finding(Level.UNKNOWN, SUBJECT, "GitHub does not say when the last scheduled run was", _LOOK)
        return
    yield _alive(age) or _dead(age, _state(desk, path))
    yield from _ended(runs)


def _age(run: object, now: datetime) -> timedelta | None:
    try:
        created = datetime.fromisoformat(str(run["created_at"] if isinstance(run, dict) else None))
        return now - created
    except (KeyError, ValueError, TypeError):
        return None


def _alive(age: timedelta | None) -> Finding | None:
    if age is None or age > LATE:
        return None
    return Finding(Level.RIGHT, SUBJECT, f"the last scheduled tick began {duration(max(age, timedelta()))} ago")


def _dead(age: timedelta | None, state: str) -> Finding:
    last = "it has never run by its schedule" if age is None else f"the last scheduled tick began {duration(age)} ago"
    if state.startswith("disabled"):
        return Finding(
            Level.WRONG, SUBJECT, f"{WORKFLOW} is switched off ({state}); {last}", "gh workflow enable rollout.yml"
        )
    if age is None:
        fix = f"wait an hour after it came to the default branch; {_SIXTY_DAYS}"
        return Finding(Level.WEAK, SUBJECT, f"{WORKFLOW}: {last}", fix)
    fix = f"Actions → rollout → Run workflow ticks at once, gh workflow enable rollout.yml revives it; {_SIXTY_DAYS}"
    return Finding(Level.WRONG if age > DEAD else Level.WEAK, SUBJECT, last, fix)


def _state(desk: Desk, path: str) -> str:
    """GitHub's word, such as `disabled_inactivity`; empty where it gives none."""
    try:
        found = desk.transport.get(path, _RUNS)
    except ForgeError:
        return ""
    return readable(found.get("state") or "", 50) if isinstance(found, dict) else ""


def _ended(runs: list[object]) -> Iterator[Finding]:
    last = runs[0] if runs else None
    conclusion = last.get("conclusion") if isinstance(last, dict) else None
    if conclusion in ("failure", "startup_failure", "timed_out", "action_required"):
        text = f"the last scheduled tick ended with {conclusion}"
        yield Finding(Level.WEAK, SUBJECT, text, "its log and summary say why: Actions → rollout")
