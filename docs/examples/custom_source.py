"""A metrics source of your own: counts from a SQLite file. Twenty lines, and one more in pyproject.toml:

[project.entry-points."rollout_bot.metrics"]
sqlite = "custom_source:Sqlite"
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import ClassVar

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.interface import Source, Surroundings

QUERY = "SELECT count(*), coalesce(sum(failed), 0) FROM requests WHERE time >= ? AND time < ?"


class Sqlite(Source):
    schema: ClassVar[Mapping[str, object]] = {
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
        "additionalProperties": False,
    }

    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        self._path = surroundings.root / str(settings["path"])

    def samples(self, window: Window) -> Measurement | Unmeasured:
        measured: list[Sample | Gap] = []
        try:
            with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as database:
                for index in range((window.end - window.start) // window.interval):
                    start = window.start + index * window.interval
                    end = start + window.interval
                    total, failed = database.execute(QUERY, (start.timestamp(), end.timestamp())).fetchone()
                    measured.append(Sample(start, end, Counts(total, failed)))
        except sqlite3.Error as error:
            return Unmeasured(f"the database cannot be read ({error})")
        return Measurement(tuple(measured))
