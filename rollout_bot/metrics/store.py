"""Pieces of a long past kept on disk: what is over does not change, and need not be asked for twice."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rollout_bot.core.analysis.timeline import checked, disorder
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample

_FORMAT = 1


class Store:
    """A folder of one file for each piece, all of one source, its settings and one interval.

    Whatever cannot be read is as good as not there, and what cannot be written is asked for again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, piece: int) -> Measurement | None:
        try:
            return _read(json.loads(self._path(piece).read_bytes()))
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None

    def put(self, piece: int, measurement: Measurement) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(_written(measurement), file, separators=(",", ":"))
            Path(name).replace(self._path(piece))

    def _path(self, piece: int) -> Path:
        return self._folder / f"{piece}.json"


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where caches lie: `$XDG_CACHE_HOME/rollout-bot`, by default in `~/.cache` (XDG Base Directory Specification)."""
    given = environment.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "rollout-bot"


def fingerprint(source: str, written: Mapping[str, object], expanded: Mapping[str, object], interval: timedelta) -> str:
    """What tells one history from another, as a file name.

    Of `written`, the settings as the policy has them, all counts; of `expanded`, their values from the environment,
    the servers' addresses alone, without name, password and parameters: no secret goes into it.
    """
    known = [_FORMAT, source, written, sorted(_places(expanded)), interval.total_seconds()]
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _places(settings: Mapping[str, object]) -> Iterator[str]:
    for value in settings.values():
        if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
            with suppress(ValueError):
                parts = urlsplit(value)
                yield f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _written(measurement: Measurement) -> dict[str, Any]:
    return {
        "intervals": [_entry(each) for each in measurement.intervals],
        "notes": list(measurement.notes),
        "with_baseline": measurement.with_baseline,
    }


def _entry(entry: Sample | Gap) -> list[Any]:
    span = [entry.start.isoformat(), entry.end.isoformat()]
    told = entry.reason if isinstance(entry, Gap) else [entry.enforced.total, entry.enforced.failed]
    return [*span, told, *([[entry.baseline.total, entry.baseline.failed]] if entry.baseline else [])]


def _read(document: Any) -> Measurement:
    intervals = tuple(_interval(*each) for each in document["intervals"])
    if disorder(intervals) or tuple(checked(intervals)) != intervals:
        raise ValueError("no source delivers that")
    return Measurement(intervals, tuple(map(str, document["notes"])), with_baseline=bool(document["with_baseline"]))


def _interval(start: str, end: str, told: Any, baseline: Any = None) -> Sample | Gap:
    span, other = (_time(start), _time(end)), None if baseline is None else _counts(*baseline)
    return Gap(*span, told, other) if isinstance(told, str) else Sample(*span, _counts(*told), other)


def _counts(total: float, failed: float) -> Counts:
    return Counts(float(total), float(failed))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
