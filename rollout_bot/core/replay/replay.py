"""A policy over history: what ticks would have decided, one after another.

No rule is written down here a second time: evidence is a stage's `Course`, `decide` says what follows from it, and
`stand` where that leads. Approvals are given after a fixed time, and what is merged is merged by a tick.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from rollout_bot.core.analysis.analysis import analyse, course_after, is_late
from rollout_bot.core.analysis.course import Course
from rollout_bot.core.analysis.timeline import Timeline, filled, timeline
from rollout_bot.core.decision.decision import Decision, DecisionAction, decide
from rollout_bot.core.gates.conditions import GateName
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.guardrails import Watched, looked_at_from, watch
from rollout_bot.core.model.history import Entry, Standing, Unlawful, stand
from rollout_bot.core.model.policy import OFF, Policy, Stage
from rollout_bot.core.model.state import State, start
from rollout_bot.core.replay.hindsight import Hindsight
from rollout_bot.core.replay.replayed import APPROVAL, Replay, Stay, Transition, Wait
from rollout_bot.core.samples import Gap, Measurement, Sample
from rollout_bot.core.verdict import Outcome, Verdict

QUARTER = timedelta(minutes=15)
"""How often the bot ticks where nobody says otherwise."""

_ACTOR = "rollout-bot"
_DAY = timedelta(hours=24)

Thinning = Callable[[Sample, Stage], Sample]
"""A recorded interval as a stage would have had it."""


def as_recorded(sample: Sample, _stage: Stage) -> Sample:
    return sample


def replay(
    policy: Policy,
    history: Hindsight,
    *,
    start: datetime,
    end: datetime,
    approve_after: timedelta = timedelta(0),
    thinning: Thinning = as_recorded,
    every: timedelta = QUARTER,
) -> Replay:
    """Begins with the first stage at `start`, and ticks until `end`, or until only a human could restart it.

    Ticks come `every` so often, in whole intervals of the policy. What was recorded before `start` tells how noisy the
    service is. Guardrails that the history has no readings of are left out, as is convergence. Raises ValueError where
    the history has another interval than the policy.
    """
    guardrails = tuple(each for each in policy.guardrails if each.query in history.readings)
    policy = replace(policy, guardrails=guardrails, convergence=None)
    if history.interval != policy.interval:
        raise ValueError(f"a history in intervals of {history.interval}, for a policy with {policy.interval}")
    step = max(1, -(-every // policy.interval)) * policy.interval
    run = _Run(policy, history, start, approve_after, thinning)
    ticks, now = 0, start + step
    while now <= end and not run.stopped:
        run.tick(now, step)
        ticks, now = ticks + 1, now + step
    return run.result(now - step if run.stopped else end, ticks)


class _Evidence:
    """What the ticks see of one stage: its course, fed as far as a tick could see, and the whole verdict on demand."""

    def __init__(self, policy: Policy, stage: Stage, since: datetime, history: Hindsight, thinning: Thinning) -> None:
        self._policy, self._stage, self._since, self._history = policy, stage, since, history
        self._thinning = thinning
        self._first = self._next = history.first(since)
        self._before = history.first(since - -(-_DAY // policy.interval) * policy.interval)
        self._reached = since
        self._course = self._anew()

    def _anew(self) -> Course:
        past = self._measurement(self._history.entries[self._before : self._first])
        times = timeline(past, since=self._since, now=self._since, interval=self._policy.interval)
        return course_after(
            times.history if isinstance(times, Timeline) else (),
            self._stage.max_error_rate,
            self._policy.interval,
            self._policy.analysis,
            with_baseline=self._history.with_baseline,
            whole=self._stage.whole,
        )

    def _entries(self, first: int, last: int) -> Iterator[Sample | Gap]:
        for entry in self._history.entries[first:last]:
            yield self._thinning(entry, self._stage) if isinstance(entry, Sample) else entry

    def _measurement(self, entries: Iterable[Sample | Gap]) -> Measurement:
        return Measurement(tuple(entries), with_baseline=self._history.with_baseline)

    def brief(self, now: datetime) -> Verdict:
        """The outcome alone: enough to tell whether a tick moves anything."""
        shown = self._history.shown(now)
        for entry in filled(self._entries(self._next, shown), self._reached, self._policy.interval):
            self._reached = entry.end
            if isinstance(entry, Gap):
                self._course.gap(entry)
            else:
                self._course.sample(entry)
        self._next = max(self._next, shown)
        course = self._course
        if is_late(self._history.newest(now, self._since), self._since, now, self._policy.interval):
            return Verdict(Outcome.UNAVAILABLE, ("late",), course.limit)
        outcome = course.outcome
        return Verdict(outcome, (outcome.value,), course.limit, healthy_since=course.healthy_since)

    def whole(self, now: datetime) -> Verdict:
        """The verdict with its reasons and figures, by the analysis itself."""
        entries = (
            *self._history.entries[self._before : self._first],
            *self._entries(self._first, max(self._first, self._history.shown(now))),
        )
        return analyse(
            self._measurement(entries),
            limit=self._stage.max_error_rate,
            since=self._since,
            now=now,
            interval=self._policy.interval,
            settings=self._policy.analysis,
            whole=self._stage.whole,
        )


class _Run:
    """Where the rollout stands after each tick."""

    def __init__(
        self, policy: Policy, history: Hindsight, begin: datetime, approve_after: timedelta, thinning: Thinning
    ) -> None:
        self._policy, self._history, self._thinning = policy, history, thinning
        self._begin, self._approve_after = begin, approve_after
        self._entries: list[Entry] = []
        self._stays: list[Stay] = []
        self._transitions: list[Transition] = []
        self._waits: Counter[str] = Counter()
        self._alone: Counter[str] = Counter()
        self._step = timedelta(0)
        self.stopped = ""
        first = policy.stages[0]
        self._enter(start(policy.rollout, first, by=_ACTOR, reason="the replay begins", now=begin), first, begin)

    def _enter(self, state: State, stage: Stage, now: datetime) -> None:
        self._entries.insert(0, Entry(state, now, str(state.generation)))
        standing = stand(self._entries)
        if isinstance(standing, Unlawful):
            raise TypeError(f"a decision led to an unlawful state: {standing.reason}")
        self._standing: Standing = standing
        self._stage, self._entered = stage, now
        self._proposed_at: datetime | None = None
        self._evidence = (
            None
            if stage == OFF
            else _Evidence(self._policy, stage, standing.evidence_since, self._history, self._thinning)
        )

    def tick(self, now: datetime, step: timedelta) -> None:
        self._step = step
        brief = self._evidence.brief(now) if self._evidence else _nothing()
        decision = decide(self._situation(brief, now))
        if decision.action is DecisionAction.HOLD:
            self._hold(decision, brief)
        elif decision.action in (DecisionAction.ADVANCE, DecisionAction.ROLL_BACK):
            self._proposed_at = self._proposed_at or now
            waits = decision.proposal is not None and decision.proposal.approval is not None
            if waits and now < self._proposed_at + self._approve_after:
                self._count([APPROVAL])
            else:
                self._move(now)

    def _situation(self, verdict: Verdict, now: datetime) -> Situation:
        return Situation(self._policy, self._standing, verdict, now, _ACTOR, watched=self._watched(now))

    def _watched(self, now: datetime) -> tuple[Watched, ...]:
        guardrails, interval, since = self._policy.guardrails, self._policy.interval, self._standing.evidence_since
        if not guardrails or self._stage == OFF:
            return ()
        start = looked_at_from(guardrails, since, now, interval)
        found = {each.name: self._history.read(each.query, start, now) for each in guardrails}
        return watch(guardrails, found, since=since, now=now, interval=interval)

    def _move(self, now: datetime) -> None:
        verdict = self._evidence.whole(now) if self._evidence else _nothing()
        decision = decide(self._situation(verdict, now))
        if decision.proposal is None or decision.to is None:
            raise TypeError(f"the whole analysis decides {decision.action}, the course of the evidence otherwise")
        proposed_at = now if decision.action is DecisionAction.ROLL_BACK else self._proposed_at or now
        self._transitions.append(Transition(now, self._stage, decision.to, decision.reasons, verdict, proposed_at))
        self._stays.append(Stay(self._stage, self._entered, now))
        self._enter(decision.proposal.state, decision.to, now)

    def _hold(self, decision: Decision, verdict: Verdict) -> None:
        attempts = next((gate for gate in decision.waits if gate.name is GateName.ATTEMPTS), None)
        if attempts is not None:
            self.stopped = attempts.reason
        elif self._policy.above(self._stage) is not None:
            self._count([
                f"{gate.name}: {verdict.outcome}" if gate.name is GateName.ANALYSIS else gate.name.value
                for gate in decision.waits
            ])  # fmt: skip

    def _count(self, causes: list[str]) -> None:
        self._waits.update(causes)
        if len(causes) == 1:
            self._alone.update(causes)

    def result(self, end: datetime, ticks: int) -> Replay:
        stays = (*self._stays, Stay(self._stage, self._entered, end))
        waits = (Wait(cause, n * self._step, self._alone[cause] * self._step) for cause, n in self._waits.most_common())
        return Replay(
            self._policy, self._begin, end, ticks, stays, tuple(self._transitions), tuple(waits), self.stopped
        )


def _nothing() -> Verdict:
    return Verdict(Outcome.INCONCLUSIVE, ("at 0 % there is nothing to measure",), OFF.max_error_rate)
