"""The enforced cohort and the baseline beside it: two measurements of the same intervals become one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core.model.policy import Fault
from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured
from rollout_bot.metrics.intervals import clock, merged

BASELINE = "baseline"

_SHOWN = 3


def together(enforced: Measurement, baseline: Measurement | Unmeasured, interval: timedelta) -> Measurement:
    """The enforced cohort's intervals, each with the baseline's counts of the same time where there are any.

    What is missing of the baseline costs no interval of the enforced cohort, for a regression has to be seen all the
    same; it is told in the notes.
    """
    if isinstance(baseline, Unmeasured):
        notes = (*enforced.notes, f"{BASELINE}: {baseline.reason}")
        return replace(enforced, notes=notes, with_baseline=True)
    found = {each.start: each.enforced for each in baseline.intervals if isinstance(each, Sample)}
    intervals = tuple(each for entry in enforced.intervals for each in _beside(entry, found, interval))
    notes = (*enforced.notes, *(f"{BASELINE}: {each}" for each in baseline.notes), *missing(baseline.intervals))
    return Measurement(intervals, notes, with_baseline=True)


def _beside(entry: Sample | Gap, found: Mapping[datetime, Counts], interval: timedelta) -> Iterator[Sample | Gap]:
    if isinstance(entry, Sample):
        yield replace(entry, baseline=found.get(entry.start))
        return
    reached = entry.start
    pieces: list[Sample | Gap] = []
    while reached < entry.end:
        pieces.append(Gap(reached, reached + interval, entry.reason, found.get(reached)))
        reached += interval
    yield from merged(pieces)


def missing(intervals: Iterable[Sample | Gap]) -> Iterator[str]:
    """A remark for each of the newest gaps of the baseline, and how many there were before."""
    gaps = [each for each in merged(intervals) if isinstance(each, Gap)]
    for gap in gaps[-_SHOWN:]:
        yield f"{BASELINE}: not measured from {clock(gap.start)} to {clock(gap.end)} ({gap.reason})"
    if len(gaps) > _SHOWN:
        yield f"{BASELINE}: and {len(gaps) - _SHOWN} earlier gaps"


def named(queries: Mapping[str, str]) -> dict[str, str]:
    """The baseline's queries under the names by which they are frozen with the evidence."""
    return {f"{BASELINE}.{name}": query for name, query in queries.items()}


def cohort_faults(settings: Mapping[str, object]) -> Iterator[Fault]:
    """A baseline that asks for the enforced cohort itself compares nothing."""
    baseline = settings.get(BASELINE)
    if not isinstance(baseline, Mapping):
        return
    for name, query in baseline.items():
        if isinstance(query, str) and query == settings.get(name):
            yield Fault((BASELINE, name), f"{query!r}, as for the enforced cohort", "what selects the other cohort")
