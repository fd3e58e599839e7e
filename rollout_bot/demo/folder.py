"""Leaves the story to be explored: a timeline and each pull request as text, beside the repository itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rollout_bot.core.model.repository import PullRequest
from rollout_bot.core.wording import moment
from rollout_bot.demo.play import Event
from rollout_bot.forge.local import LocalForge
from rollout_bot.report.markdown import escape, table

_FENCE = "`````"


def write_folder(folder: Path, events: Iterable[Event], forge: LocalForge) -> None:
    """Writes `timeline.md` and `pulls/NNNN.md` into the folder of a finished play."""
    rows = [
        (moment(event.at), f"{event.stage} {event.percentage} %", event.actor, escape(event.text)) for event in events
    ]
    (folder / "timeline.md").write_text(table(("when", "stage", "who", "what"), rows) + "\n", encoding="utf-8")
    (folder / "pulls").mkdir()
    for pull in forge.pulls():
        (folder / "pulls" / f"{pull.number:04}.md").write_text(_pull(pull, forge), encoding="utf-8")


def _pull(pull: PullRequest, forge: LocalForge) -> str:
    ended = f", {pull.state} {moment(pull.closed_at)} by {pull.closed_by}" if pull.closed_at else ""
    comments = [f"- {moment(each.at)}, {each.by}: {escape(each.text)}" for each in forge.comments(pull.number)]
    parts = [
        f"# {escape(pull.title)} (#{pull.number})",
        f"`{pull.branch}` by {pull.author}, opened {moment(pull.opened_at)}{ended}",
        f"Approved by {', '.join(pull.approvers) or 'nobody'}; gate {pull.gate.state if pull.gate else 'not set'}",
        pull.body.strip(),
        "\n".join(("## Comments", "", *comments)) if comments else "",
        f"## Changes\n\n{_FENCE}diff\n{forge.diff(pull.number).strip()}\n{_FENCE}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
