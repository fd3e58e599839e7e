"""Puts a measurement in order: what came before the stage, and the stage's own intervals and gaps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rollout_bot.core.samples import Counts, Gap, Measurement, Sample, Unmeasured
from rollout_bot.core.wording import moment

_MOST = 2.0**53
"""From here on a counter kept as a float no longer counts by ones."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """`history` holds the whole service's counts before the stage, `stage` what was seen of it and what was not.

    `newest` is the end of the newest interval that could be measured, before the stage or in it.
    """

    history: tuple[Counts, ...]
    stage: tuple[Sample | Gap, ...]
    newest: datetime | None


def timeline(measurement: Measurement, *, since: datetime, now: datetime, interval: timedelta) -> Timeline | Unmeasured:
    """Splits at `since`; an interval that straddles it is of no use, and one that ends after `now` is not complete.

    Counts that cannot be true become gaps. So do holes that the source left without a word, if an interval would have
    fitted in. Intervals that overlap or go back would count requests twice: then nothing is believed.
    """
    entries = tuple(checked(entry for entry in measurement.intervals if entry.end <= now))
    fault = disorder(entries)
    if fault:
        return Unmeasured(fault)
    history = tuple(counts for entry in entries if entry.end <= since and (counts := _service(entry)) is not None)
    ends = [entry.end for entry in entries if isinstance(entry, Sample)]
    stage = tuple(_joined(filled(_of_stage(entries, since, interval), since, interval)))
    return Timeline(history, stage, ends[-1] if ends else None)


def checked(entries: Iterable[Sample | Gap]) -> Iterator[Sample | Gap]:
    """The entries, with a gap for each whose counts cannot be true, and no baseline where that is the one."""
    for entry in entries:
        if isinstance(entry, Gap):
            yield entry
        elif fault := _fault(entry.enforced):
            yield Gap(entry.start, entry.end, fault)
        else:
            yield replace(entry, baseline=None) if entry.baseline and _fault(entry.baseline) else entry


def _fault(counts: Counts) -> str | None:
    if counts.total > _MOST and math.isfinite(counts.total):
        return f"total is {counts.total:g}; allowed: up to {_MOST:g}, what a counter can hold exactly"
    return counts.fault()


def disorder(entries: Sequence[Sample | Gap]) -> str | None:
    """Why entries are not in order of time, without overlap; None if they are."""
    previous: datetime | None = None
    for entry in entries:
        if entry.end <= entry.start:
            return (
                f"the interval that starts at {moment(entry.start)} has no length; the source must deliver whole ones"
            )
        if previous is not None and entry.start < previous:
            return (
                f"the interval that starts at {moment(entry.start)} begins before the one before it ends"
                f" ({moment(previous)}); the source must deliver intervals in order and without overlap"
            )
        previous = entry.end
    return None


def _service(entry: Sample | Gap) -> Counts | None:
    """Both cohorts together: noise is the service's own, and a first stage has no enforced traffic before it."""
    baseline = entry.baseline if entry.baseline is not None and not _fault(entry.baseline) else None
    if isinstance(entry, Gap) or baseline is None:
        return baseline if isinstance(entry, Gap) else entry.enforced
    return Counts(entry.enforced.total + baseline.total, entry.enforced.failed + baseline.failed)


def _of_stage(entries: Sequence[Sample | Gap], since: datetime, interval: timedelta) -> Iterator[Sample | Gap]:
    for entry in entries:
        if entry.start >= since:
            yield entry
        elif isinstance(entry, Gap) and entry.end - since >= interval:
            yield replace(entry, start=since)


def filled(entries: Iterable[Sample | Gap], since: datetime, interval: timedelta) -> Iterator[Sample | Gap]:
    """The entries after `since`, with a gap for each hole between them in which an interval would have fitted."""
    previous = since
    for entry in entries:
        if entry.start - previous >= interval:
            yield Gap(previous, entry.start, "the source delivered nothing for this time")
        yield entry
        previous = entry.end


def _joined(entries: Iterator[Sample | Gap]) -> Iterator[Sample | Gap]:
    """Neighbouring gaps of one reason become one: it is one trouble, and should read as one."""
    held: Gap | None = None
    for entry in entries:
        if isinstance(entry, Gap) and held and (held.end, held.reason) == (entry.start, entry.reason):
            held = replace(held, end=entry.end, baseline=None)
            continue
        if held:
            yield held
        held = entry if isinstance(entry, Gap) else None
        if held is None:
            yield entry
    if held:
        yield held
