"""Counts and other values per interval from any JSON over HTTP, picked out by JMESPath expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

from rollout_bot.core.durations import parse_duration
from rollout_bot.core.model.policy import Fault
from rollout_bot.core.samples import Counts, Measurement, Reading, Readings, Unmeasured, Window
from rollout_bot.metrics import connection
from rollout_bot.metrics.cohorts import BASELINE, cohort_faults, named
from rollout_bot.metrics.failures import ExchangeFailed
from rollout_bot.metrics.http import Client
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.table import BASELINE as COLUMNS
from rollout_bot.metrics.table import (
    Malformed,
    Row,
    Table,
    check_order,
    measurement,
    parse_count,
    parse_time,
    parse_value,
)

_EXPRESSIONS = ("rows", "time", "total", "failed")
_LONGEST = 500
"""Characters of an expression; the compiler recurses."""

_LATEST = 1e11
"""Seconds since 1970 that still leave room before the end of the calendar."""

_EXPRESSION: Mapping[str, object] = {"type": "string", "minLength": 1, "maxLength": _LONGEST}
_PARAMETER: Mapping[str, object] = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"}


class Web(Source):
    """Source `web`: `rows` picks a list from the document, `time`, `total` and `failed` are picked from each row."""

    schema: ClassVar[Mapping[str, object]] = {
        "type": "object",
        "properties": {
            "url": {**connection.SECRET, "description": "Answers a GET with a JSON document."},
            "rows": {**_EXPRESSION, "description": "JMESPath from the document to a list, one entry an interval."},
            "time": {**_EXPRESSION, "description": "JMESPath from a row to the end of its interval."},
            "total": {**_EXPRESSION, "description": "JMESPath from a row to its requests."},
            "failed": {**_EXPRESSION, "description": "JMESPath from a row to its failures."},
            BASELINE: {
                "type": "object",
                "description": "JMESPath from a row to the counts of the cohort without the change.",
                "properties": {"total": _EXPRESSION, "failed": _EXPRESSION},
                "required": ["total", "failed"],
                "additionalProperties": False,
            },
            "time_format": {"enum": ["rfc3339", "seconds", "milliseconds"], "default": "rfc3339"},
            "time_is": {"enum": ["end", "start"], "default": "end", "description": "What `time` is of the interval."},
            "parameters": {
                "type": "object",
                "description": "Names under which the URL is given the window.",
                "properties": {"start": _PARAMETER, "end": _PARAMETER, "step": _PARAMETER},
                "additionalProperties": False,
            },
            "scrape_delay": {**connection.DURATION, "default": "1m"},
            **connection.PROPERTIES,
        },
        "required": ["url", *_EXPRESSIONS],
        "additionalProperties": False,
    }

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        self._access = connection.access(settings, surroundings, "url")
        baseline = cast("Mapping[str, object]", settings.get(BASELINE, {}))
        self._baseline = named({name: str(baseline[name]) for name in ("total", "failed") if name in baseline})
        self._expressions = {name: str(settings[name]) for name in _EXPRESSIONS} | self._baseline
        self._format = str(settings.get("time_format", "rfc3339"))
        self._starts = settings.get("time_is", "end") == "start"
        parameters = settings.get("parameters", {})
        self._parameters: Mapping[str, str] = parameters if isinstance(parameters, dict) else {}
        self.delay = parse_duration(str(settings.get("scrape_delay", "1m")))

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:
        yield from connection.connection_faults(settings, "url")
        yield from connection.duration_faults(settings, "scrape_delay", least=0)
        baseline = cast("Mapping[str, object]", settings.get(BASELINE, {}))
        fields = [((name,), settings.get(name)) for name in _EXPRESSIONS]
        for path, text in (*fields, *(((BASELINE, name), text) for name, text in baseline.items())):
            if isinstance(text, str):
                yield from _misfits(path, text)
        yield from cohort_faults(settings)

    @classmethod
    def reading_faults(cls, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:  # noqa: ARG003
        yield from _misfits((), query)

    def queries(self) -> Mapping[str, str]:
        return dict(self._expressions)

    def samples(self, window: Window) -> Measurement | Unmeasured:
        try:
            rows = [self._row(row, place, window) for row, place in self._rows(window)]
            rows.sort(key=lambda row: row.time)
            check_order(rows, window.interval)
            table = Table(tuple(rows), COLUMNS if self._baseline else ())
            return measurement(table, window, window.end - self.delay)
        except (ExchangeFailed, Malformed) as error:
            return Unmeasured(self._access.hide(str(error)))

    def readings(self, queries: Mapping[str, str], window: Window) -> Mapping[str, Readings | Unmeasured]:
        """Each query is a JMESPath from a row to a number, or to nothing where there is no value."""
        try:
            rows = [(self._end(row, place, window), row, place) for row, place in self._rows(window)]
        except (ExchangeFailed, Malformed) as error:
            return dict.fromkeys(queries, Unmeasured(self._access.hide(str(error))))
        rows.sort(key=lambda row: row[0])
        latest = window.end - self.delay
        inside = [row for row in rows if row[0] - window.interval >= window.start and row[0] <= latest]
        return {name: self._values(query, inside) for name, query in queries.items()}

    def _values(self, query: str, rows: list[tuple[datetime, object, str]]) -> Readings | Unmeasured:
        points = []
        try:
            for time, row, place in rows:
                value = _search(query, "the query", row, place)
                if value is not None:
                    points.append(Reading(time, _number(value, f"{place}: {query}")))
        except Malformed as error:
            return Unmeasured(self._access.hide(str(error)))
        return Readings(tuple(points))

    def _asked(self, window: Window) -> dict[str, str]:
        values = {
            "start": self._written(window.start),
            "end": self._written(window.end),
            "step": f"{window.interval.total_seconds():g}",
        }
        return {name: values[key] for key, name in self._parameters.items()}

    def _written(self, time: datetime) -> str:
        if self._format == "rfc3339":
            return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return f"{time.timestamp() * (1000 if self._format == 'milliseconds' else 1):.0f}"

    def _rows(self, window: Window) -> Iterator[tuple[object, str]]:
        """Each row with what messages call it. Raises Malformed and ExchangeFailed."""
        with Client(self._access) as client:
            document = client.ask("GET", "", self._asked(window))
        rows = self._pick("rows", document, "the document")
        if not isinstance(rows, list):
            raise Malformed(f"rows picks {_kind(rows)} from the document; allowed: a list")
        return ((row, f"row {number}") for number, row in enumerate(rows, 1))

    def _row(self, row: object, place: str, window: Window) -> Row:
        return Row(
            place,
            self._end(row, place, window),
            self._counts(row, place, ("total", "failed")),
            self._counts(row, place, tuple(self._baseline)) if self._counted_beside(row, place) else None,
        )

    def _counts(self, row: object, place: str, names: tuple[str, ...]) -> Counts:
        return Counts(*(_count(self._pick(name, row, place), f"{place}: {name}") for name in names))

    def _counted_beside(self, row: object, place: str) -> bool:
        """Whether a row knows the baseline at all; where it names one count, it must name both."""
        return any(self._pick(name, row, place) is not None for name in self._baseline)

    def _end(self, row: object, place: str, window: Window) -> datetime:
        time = self._time(self._pick("time", row, place), f"{place}: time")
        return time + window.interval if self._starts else time

    def _pick(self, name: str, value: object, place: str) -> Any:
        return _search(self._expressions[name], name, value, place)

    def _time(self, value: object, place: str) -> datetime:
        if self._format == "rfc3339":
            if isinstance(value, str):
                return parse_time(value, place)
            raise Malformed(f"{place}: found {_kind(value)}; allowed: an RFC 3339 time, or set time_format")
        number = _count(value, place) / (1000 if self._format == "milliseconds" else 1)
        if number > _LATEST:
            raise Malformed(f"{place}: found {number:g} s; allowed: {self._format} since 1970")
        return datetime.fromtimestamp(number, UTC)


def _search(expression: str, name: str, value: object, place: str) -> Any:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(expression, value)
    # Functions of the library raise Python's own errors for values that they do not expect.
    except (JMESPathError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError):
        raise Malformed(f"{name} cannot be evaluated in {place}") from None


def _count(value: object, place: str) -> float:
    return parse_count(_written(value, place), place)


def _number(value: object, place: str) -> float:
    return parse_value(_written(value, place), place)


def _written(value: object, place: str) -> str:
    """A number as text. repr() gives what the parsers read, or "nan" and "inf", which they refuse."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    raise Malformed(f"{place}: found {_kind(value)}; allowed: a number")


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "nothing")


def _misfits(path: tuple[str, ...], expression: str) -> Iterator[Fault]:
    if why := _misfit(expression):
        yield Fault(path, f"{expression!r}: {why}", "a JMESPath expression, such as data.buckets")


def _misfit(expression: str) -> str | None:
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(expression)
    except (JMESPathError, RecursionError, ValueError) as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return None
