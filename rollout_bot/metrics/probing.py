"""What can be told of queries by asking for a little of their raw samples: how many series, and how often scraped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from rollout_bot.core.durations import format_duration
from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.wording import amount, duration, readable
from rollout_bot.metrics.answers import matrix
from rollout_bot.metrics.counters import Series
from rollout_bot.metrics.failures import ExchangeFailed
from rollout_bot.metrics.http import Client
from rollout_bot.metrics.selectors import Malformed, parse_query

_SPAN = timedelta(hours=1)
SCRAPES = 4
"""A window that holds fewer may miss what happened in it: one scrape lost, and it has no two left to compare."""


def probe(client: Client, queries: Mapping[str, str], now: datetime, interval: timedelta) -> Iterator[Finding]:
    """Findings on each query by its name; what cannot be asked is one, too."""
    for name, query in queries.items():
        try:
            if name.endswith("_query"):
                yield from _expression(client, name, query, now, interval)
            else:
                yield _selector(client, name, query, now, interval)
        except ExchangeFailed as error:
            yield Finding(
                Level.UNKNOWN, name, f"cannot be asked: {client.hide(str(error))}", "see that the server can be reached"
            )


def _selector(client: Client, name: str, query: str, now: datetime, interval: timedelta) -> Finding:
    series = _raw(client, query, now)
    if not series:
        if name.endswith("failed"):
            text = f"no series of {readable(query)} in {duration(_SPAN)}: no failures, or another name"
            return Finding(Level.WEAK, name, text, "see that the service exports it under that name once it fails")
        text = f"no series of {readable(query)} in {duration(_SPAN)}"
        return Finding(Level.WRONG, name, text, "compare the selector with what the service exports")
    every = _spacing(series)
    found = f"{amount(len(series), 'series', 'series')}"
    if every is None:
        return Finding(Level.UNKNOWN, name, f"{found} of one sample each", "ask again once it was scraped for an hour")
    found += f", a sample every {duration(every)}"
    if interval < SCRAPES * every:
        text = f"{found}: an interval of {format_duration(interval)} holds fewer than {SCRAPES} of them"
        return Finding(Level.WRONG, name, text, f"interval: {_at_least(SCRAPES * every)}, or scrape more often")
    return Finding(Level.RIGHT, name, found)


def _expression(client: Client, name: str, query: str, now: datetime, interval: timedelta) -> Iterator[Finding]:
    try:
        ranges = list(_ranges(parse_query(query.replace("$interval", f"{int(interval.total_seconds())}s"))))
    except Malformed as error:
        yield Finding(Level.WRONG, name, str(error), "an expression that PromQL understands")
        return
    for selector, span in ranges:
        every = _spacing(_raw(client, selector, now))
        if every is None:
            text = f"no samples of {readable(selector)} in {duration(_SPAN)}"
            yield Finding(Level.WRONG, name, text, "compare the selector with what the service exports")
        elif span < SCRAPES * every:
            text = f"a window of {duration(span)} over samples every {duration(every)}: fewer than {SCRAPES} of them"
            yield Finding(Level.WRONG, name, text, f"a window of {_at_least(SCRAPES * every)} or more")
        else:
            yield Finding(Level.RIGHT, name, f"a window of {duration(span)} over samples every {duration(every)}")


def _raw(client: Client, selector: str, now: datetime) -> list[Series]:
    asked = {"query": f"{selector}[{int(_SPAN.total_seconds())}s]", "time": f"{now.timestamp():.3f}"}
    return matrix(client.ask("POST", "/api/v1/query", asked))


def _spacing(series: list[Series]) -> timedelta | None:
    """The usual time between two samples; None where no series has two."""
    gaps = [later[0] - earlier[0] for each in series for earlier, later in pairwise(each.samples)]
    return timedelta(seconds=round(median(gaps), 3)) if gaps else None


def _at_least(span: timedelta) -> str:
    return format_duration(timedelta(seconds=-(-span // timedelta(seconds=1))))


def _ranges(tree: Any) -> Iterator[tuple[str, timedelta]]:
    """The selectors with a range in a syntax tree, each with its range."""
    if hasattr(tree, "vector_selector"):
        yield str(tree.vector_selector).removesuffix("{}"), tree.range
        return
    for name in ("expr", "lhs", "rhs", "args"):
        below = getattr(tree, name, None)
        for each in below if isinstance(below, list) else [below]:
            if each is not None:
                yield from _ranges(each)
