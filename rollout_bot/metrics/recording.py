"""Counts from a file: for demonstrations, tests and looking back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, cast

from rollout_bot.core.policy import Fault
from rollout_bot.core.samples import Measurement, Unmeasured, Window
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.table import Malformed, measurement, read

LARGEST = 256 * 1024 * 1024
"""Bytes of a recording."""


class Recording(Source):
    """A CSV file of counts per interval or, where `total` and `failed` name counters, an OpenMetrics file."""

    # `path` is not expanded from the environment, because messages show it.
    schema: ClassVar[Mapping[str, object]] = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "description": "Relative to the repository's root."},
            "total": {"type": "string", "minLength": 1, "description": "Selector of the counters of all requests."},
            "failed": {"type": "string", "minLength": 1, "description": "Selector of the counters of failures."},
        },
        "required": ["path"],
        "dependentRequired": {"total": ["failed"], "failed": ["total"]},
        "additionalProperties": False,
    }

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        self._name = str(settings["path"])
        self._path = surroundings.root / self._name
        self._selectors = {name: str(settings[name]) for name in ("total", "failed") if name in settings}

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:
        from rollout_bot.metrics.selectors import selector_faults

        return selector_faults(settings)

    def queries(self) -> Mapping[str, str]:
        return {"path": self._name, **self._selectors}

    def samples(self, window: Window) -> Measurement | Unmeasured:
        """Rows or counters of the file; `Unmeasured` where it is missing, too large or malformed."""
        try:
            content = self._content()
            if self._selectors:
                return self._counters(content, window)
            return measurement(read(content, self._name, window.interval), window)
        except Malformed as error:
            return Unmeasured(str(error))

    def _content(self) -> str:
        try:
            if self._path.stat().st_size > LARGEST:
                raise Malformed(f"{self._name} is larger than {LARGEST // 1024**2} MB")
            return self._path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise Malformed(f"{self._name} is not UTF-8 text") from None
        except (OSError, ValueError) as error:
            reason = cast("str | None", getattr(error, "strerror", None)) or type(error).__name__
            raise Malformed(f"{self._name} cannot be read ({reason})") from None

    def _counters(self, content: str, window: Window) -> Measurement | Unmeasured:
        from rollout_bot.metrics.counters import arrivals_after_gaps, first_seen, measured, tally
        from rollout_bot.metrics.exposition import read_series
        from rollout_bot.metrics.intervals import Grid

        grid = Grid.complete(window)
        found = read_series(content, self._name, self._selectors, until=window.end.timestamp())
        observed = first_seen(found["total"])
        total = tally(found["total"], grid, observed)
        total.notes += arrivals_after_gaps(total, grid)
        return measured(total, tally(found["failed"], grid, observed), grid, absent_is_zero=True)
