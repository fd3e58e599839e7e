"""All files of the site. Data in, text out: every page is written from one look at the repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from rollout_bot.core.links import Links
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.repository import is_name
from rollout_bot.core.record import TickRecord
from rollout_bot.core.wording import amount, count, duration, moment, one_line, percent
from rollout_bot.report.documents import status_document, time
from rollout_bot.report.json_text import json_text
from rollout_bot.report.site.badge import badge
from rollout_bot.report.site.feed import feed
from rollout_bot.report.site.view import RolloutView, overview_row, view

if TYPE_CHECKING:
    from jinja2 import Environment

Changes = Mapping[str, Sequence[Transition]]

_ASSETS = ("style.css", "site.js", "icon.svg")


def site_files(record: TickRecord, changes: Changes, links: Links) -> Iterator[tuple[str, str]]:
    """Path and content of every file. `changes` are the transitions of each rollout, newest first.

    Paths are relative, with "/" between folders; every link within the site is relative too, so that it can be
    published below any address.
    """
    for name in _ASSETS:
        yield name, _template_text(name)
    views = [view(each, changes.get(each.rollout, ()), links) for each in record.rollouts]
    yield "index.html", _overview(views, record.now)
    yield (
        "feed.atom",
        feed("Rollouts", changes, links, record.now),
    )
    statuses = [status_document(each.situation) for each in record.rollouts if each.situation]
    yield "api/rollouts.json", json_text(statuses)
    for each in views:
        # Any other folder's name could lead anywhere, out of the site or over another of its files.
        if is_name(each.name):
            yield from _rollout(each, changes.get(each.name, ()), links, record.now)


def _overview(views: Sequence[RolloutView], now: datetime) -> str:
    rows = sorted(map(overview_row, views), key=lambda row: (not row.attention, row.name))
    calls = sum(row.attention for row in rows)
    lead = f"{amount(len(rows), 'rollout')}, {f'{calls} in need of somebody' if calls else 'none in need of anybody'}."
    return environment().get_template("overview.html").render(root="", now=now, rows=rows, lead=lead)


def _rollout(
    each: RolloutView, changes: Sequence[Transition], links: Links, now: datetime
) -> Iterator[tuple[str, str]]:
    page = environment().get_template("rollout.html")
    yield f"{each.name}/index.html", page.render(root="../", now=now, view=each)
    yield f"{each.name}/badge.svg", badge(each.name, each.place, each.tone)
    yield f"{each.name}/feed.atom", feed(each.name, {each.name: changes}, links, now)
    if each.situation is not None:
        # The path of the original specification, so that `curl … | jq` goes on working.
        yield f"api/{each.name}/rollout/status", json_text(status_document(each.situation))


def _template_text(name: str) -> str:
    return (files("rollout_bot.report.site") / "templates" / name).read_text(encoding="utf-8")


@cache
def environment() -> Environment:
    """Text from outside is escaped wherever a template puts it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("rollout_bot.report.site"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "percent": percent,
        "count": count,
        "duration": duration,
        "moment": moment,
        "iso": time,
        "clock": _clock,
    }
    environment.filters.update(filters)
    return environment


def _unbroken(value: object) -> object:
    """Text without what a reader cannot see; a number stays on one line with its sign of per cent."""
    return one_line(value).replace(" %", "\N{NO-BREAK SPACE}%") if type(value) is str else value


def _clock(moment: datetime) -> str:
    """A label of the time axis: the date at midnight, else the time of day."""
    at = moment.astimezone(UTC)
    return f"{at:%d %b}" if (at.hour, at.minute) == (0, 0) else f"{at:%H:%M}"
