"""A long past, read from a source piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from rollout_bot.core.progress import Progress, unseen
from rollout_bot.core.samples import Gap, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics.interface import Source
from rollout_bot.metrics.store import Store
from rollout_bot.metrics.table import HOLE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SETTLED = timedelta(hours=1)
"""What ended longer ago than this, and the source's own delay, will not change any more."""


@dataclass(frozen=True, slots=True)
class Past:
    """Reads intervals of one length, as of `now`. `measure` asks the source, and raises nothing.

    A source is asked for as much at once as it likes (`Source.chunk`). Such pieces lie where they always lie, so that
    the store may keep those that are over.
    """

    source: Source
    measure: Callable[[Source, Window], Measurement | Unmeasured]
    interval: timedelta
    now: datetime
    store: Store | None = None
    progress: Progress = unseen

    def read(self, start: datetime, end: datetime) -> Measurement | Unmeasured:
        """What there is from `start` to `end`; a piece that cannot be read is a gap, no piece at all `Unmeasured`."""
        if self.source.chunk is None:
            found = self.measure(self.source, Window(start, end, self.interval))
            return _wordless(found) if isinstance(found, Measurement) else found
        size = max(1, self.source.chunk // self.interval) * self.interval
        first, last = (start - _EPOCH) // size, -(-(end - _EPOCH) // size)
        pieces: list[Measurement | Unmeasured] = []
        for number in range(first, last):
            pieces.append(self._piece(number, size))
            self.progress(len(pieces), last - first)
        whole = [each for each in pieces if isinstance(each, Measurement)]
        if pieces and not whole:
            return pieces[-1]
        bounds = [_EPOCH + number * size for number in range(first, last + 1)]
        notes = dict.fromkeys(note for each in whole for note in each.notes)
        compared = any(each.with_baseline for each in whole)
        return Measurement(tuple(_joined(pieces, bounds)), tuple(notes), with_baseline=compared)

    def _piece(self, number: int, size: timedelta) -> Measurement | Unmeasured:
        kept = self.store.get(number) if self.store else None
        if kept is not None:
            return kept
        begin = _EPOCH + number * size
        until = begin + size + self.source.delay
        # One interval more: where the source's own do not begin where the piece does, one lies across its beginning.
        found = self.measure(self.source, Window(begin - self.interval, min(until, self.now), self.interval))
        if isinstance(found, Unmeasured):
            return found
        found = _wordless(found)
        if self.store and until + _SETTLED <= self.now:
            self.store.put(number, found)
        return found


def _joined(pieces: Sequence[Measurement | Unmeasured], bounds: Sequence[datetime]) -> Iterator[Sample | Gap]:
    reached = bounds[0] if bounds else _EPOCH
    for piece, begin, end in zip(pieces, bounds, bounds[1:], strict=False):
        for entry in (Gap(begin, end, piece.reason),) if isinstance(piece, Unmeasured) else piece.intervals:
            shown = replace(entry, start=max(entry.start, reached)) if isinstance(entry, Gap) else entry
            if reached <= shown.start < shown.end:
                reached = shown.end
                yield shown


def _wordless(measurement: Measurement) -> Measurement:
    """Without the gaps that a table has only once the row after them is there: a tick in them saw nothing yet."""
    kept = tuple(each for each in measurement.intervals if not (isinstance(each, Gap) and each.reason == HOLE))
    return replace(measurement, intervals=kept)
