"""Policies over the history of their own metrics: read it, replay it, hold it against what people know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollout_bot.backtest.thinning import Thinned
from rollout_bot.core.model.policy import Metrics, Policy
from rollout_bot.core.progress import Progress, unseen
from rollout_bot.core.replay.backtest import Backtest
from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.replay.incidents import Incident, assess
from rollout_bot.core.replay.replay import as_recorded, replay
from rollout_bot.core.samples import Readings, Unmeasured, Window
from rollout_bot.core.wording import moment
from rollout_bot.files.environment import expand
from rollout_bot.metrics.interface import Source
from rollout_bot.metrics.past import Past
from rollout_bot.metrics.store import Store, fingerprint
from rollout_bot.tick.evaluation import HISTORY, Evaluator, measure
from rollout_bot.tick.reading import CannotEvaluate, source_type
from rollout_bot.tick.watch import readings

DAYS = timedelta(days=90)
"""How far back to look where nothing else is said."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoHistory(Exception):
    """There is nothing to replay; the message says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to replay, and what to assume. Of a recording, all of it unless a span is given; else the last 90 days.

    `seed`: the history is that of all traffic, so thin it. `recording` stands in for the policy's own source.
    """

    start: datetime | None = None
    end: datetime | None = None
    span: timedelta | None = None
    approve_after: timedelta = timedelta(0)
    incidents: tuple[Incident, ...] = ()
    seed: int | None = None
    recording: Path | None = None


@dataclass
class Backtester:
    """Replays policies; those that measure alike share one reading of the history. `cache`: None keeps nothing."""

    evaluator: Evaluator
    question: Question
    cache: Path | None = None
    progress: Progress = unseen
    _known: dict[str, tuple[Source, Hindsight, datetime, datetime]] = field(default_factory=dict)

    def run(self, policy: Policy, label: str) -> Backtest:
        """Raises NoHistory, and CannotEvaluate where the policy's source cannot be set up."""
        question = self.question
        if question.recording is not None:
            policy = replace(policy, metrics=_recorded(policy.metrics, question.recording))
        key = repr((policy.metrics, policy.interval))
        if key not in self._known:
            self._known[key] = self._history(policy)
        source, history, start, end = self._known[key]
        unread = tuple(_guard(policy, source, history, start, end))
        thinning = as_recorded if question.seed is None else Thinned(question.seed)
        lone = replace(policy, after=())
        found = replay(lone, history, start=start, end=end, approve_after=question.approve_after, thinning=thinning)
        return Backtest(
            label,
            found,
            history,
            assess(found, question.incidents),
            question.incidents,
            question.approve_after,
            question.seed,
            (*unread, *_not_replayed(policy), *history.notes),
        )

    def _history(self, policy: Policy) -> tuple[Source, Hindsight, datetime, datetime]:
        source, problems = self.evaluator.source(policy)
        if source is None:
            raise CannotEvaluate(*problems)
        start, end = self._span(source, policy.interval)
        if end - start < policy.interval:
            raise NoHistory(f"nothing lies between {moment(start)} and {moment(end)}; give other times")
        past = Past(source, measure, policy.interval, self.evaluator.now, self._store(policy), self.progress)
        before = -(-HISTORY // policy.interval) * policy.interval
        found = past.read(start - before, end)
        if isinstance(found, Unmeasured):
            raise NoHistory(f"the history of {policy.rollout} cannot be read: {found.reason}")
        try:
            return source, Hindsight(found, policy.interval, source.delay), start, end
        except ValueError as error:
            raise NoHistory(f"the history of {policy.rollout} cannot be used: {error}") from None

    def _span(self, source: Source, interval: timedelta) -> tuple[datetime, datetime]:
        """Whole intervals, on the grid that the source's own lie on."""
        question, now = self.question, self.evaluator.now
        known = source.extent(interval)
        first, last = known or (_EPOCH, now)
        end = first + (min(question.end or last, now) - first) // interval * interval
        if question.start is None and question.span is None and known is not None:
            return first, end
        start = question.start or end - (question.span or DAYS)
        return max(first, first + (start - first) // interval * interval), end

    def _store(self, policy: Policy) -> Store | None:
        kind, settings = source_type(policy.metrics.source), policy.metrics.settings
        if self.cache is None or kind.chunk is None:
            return None
        expanded = expand(settings, kind.schema, self.evaluator.environment, ("metrics",))
        return Store(self.cache / "history" / fingerprint(policy.metrics.source, settings, expanded, policy.interval))


def _guard(policy: Policy, source: Source, history: Hindsight, start: datetime, end: datetime) -> Iterator[str]:
    """Adds the readings of the guardrails to the history; says which could not be read, and are not replayed."""
    for each in policy.guardrails:
        if each.query in history.readings:
            continue
        window = Window(start, end + source.delay, policy.interval)
        found = readings(source, {each.name: each.query}, window)[each.name]
        if isinstance(found, Readings):
            history.readings[each.query] = found
        else:
            yield f"guardrail {each.name} is not replayed, so it held nothing and rolled nothing back: {found.reason}"


def _not_replayed(policy: Policy) -> Iterator[str]:
    if policy.after:
        yield "what the rollout comes after is not replayed: it is taken to be far enough"
    if policy.convergence is not None:
        yield "convergence is not replayed: a stage is taken to be enforced as soon as it is entered"


def _recorded(metrics: Metrics, recording: Path) -> Metrics:
    """The recording as a source; where it is no table, the policy's selectors say which of its counters count."""
    settings: Mapping[str, object] = {"path": str(recording.absolute())}
    if not _is_table(recording):
        settings = {**settings, **{key: metrics.settings[key] for key in ("total", "failed", "baseline") if key in
                                   metrics.settings}}  # fmt: skip
    return Metrics("recording", settings)


def _is_table(recording: Path) -> bool:
    try:
        with recording.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf").startswith(b"time,")
    except OSError:
        return True
