"""What a metrics source is, and how one is found by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rollout_bot.core.finding import Finding
from rollout_bot.core.model.policy import Fault
from rollout_bot.core.samples import Measurement, Readings, Unmeasured, Window

if TYPE_CHECKING:
    import requests

ENTRY_POINTS = "rollout_bot.metrics"
"""The entry-point group: a name for `metrics.source` in a policy → a subclass of `Source`."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source may need beside its settings: the folder that relative paths start from, and the network."""

    root: Path

    def session(self) -> requests.Session:
        """For HTTP: its requests raise OffLimits (`rollout_bot.network.exchange`) where an address is off limits.

        Follow no redirects with it, and set a timeout.
        """
        from rollout_bot.network.reach import session

        return session()


COUNTS_ONLY = "this metrics source measures counts only"


class Source(ABC):
    """Reads counts of requests and failures and, if it can, other values over time.

    `schema` is the JSON Schema (an object with `properties`, `required` …) of the source's own keys in the policy's
    `metrics` section; the key `source` is not among them. A string property marked `"environment": true` has
    `${NAME}` expanded before the source is made.
    """

    schema: ClassVar[Mapping[str, object]]

    chunk: ClassVar[timedelta | None] = timedelta(days=1)
    """How much of a long past to ask for at once; None for a source that is best read whole, at no cost."""

    delay: timedelta = timedelta(0)
    """How long after its end an interval is delivered."""

    @abstractmethod
    def __init__(self, settings: Mapping[str, object], surroundings: Surroundings) -> None:
        """`settings` have passed `schema` and `faults` and have their environment expanded."""

    @abstractmethod
    def samples(self, window: Window) -> Measurement | Unmeasured:
        """Counts of the complete intervals in `window`. Never raises for what the outside world does."""

    def readings(self, queries: Mapping[str, str], window: Window) -> Mapping[str, Readings | Unmeasured]:  # noqa: ARG002
        """The value of each query, given by name, at the end of each complete interval in `window`.

        Answers exactly the names that were asked for. Never raises for what the outside world does. A source that
        overrides this says in `reading_faults` what a query may be.
        """
        return {name: Unmeasured(COUNTS_ONLY) for name in queries}

    @classmethod
    def reading_faults(cls, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:  # noqa: ARG003
        """What can be told from a query of `readings` before it is asked; paths start at the query itself."""
        if cls.readings is Source.readings:
            yield Fault((), repr(query), f"no query: {COUNTS_ONLY}")

    @classmethod
    def faults(cls, settings: Mapping[str, object]) -> Iterator[Fault]:  # noqa: ARG003
        """What the schema cannot see, such as a query that does not parse; paths start below `metrics`."""
        return iter(())

    def extent(self, interval: timedelta) -> tuple[datetime, datetime] | None:  # noqa: ARG002
        """Start of the first interval and end of the last that there are; None for "as far back as it remembers"."""
        return None

    def probe(self, now: datetime, interval: timedelta) -> Iterator[Finding]:  # noqa: ARG002
        """What can be found out about the queries themselves by asking; the subject of each is a query's name."""
        return iter(())

    def queries(self) -> Mapping[str, str]:
        """What is asked for the counts, by name, to be frozen with the evidence. Never an address or a credential."""
        return {}
