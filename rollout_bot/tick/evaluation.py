"""One rollout, from the files of a snapshot to a decision: read, measure, analyse, decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from rollout_bot.core.analysis.analysis import analyse
from rollout_bot.core.analysis.trace import Point, trace
from rollout_bot.core.decision.decision import Decision, Request, decide
from rollout_bot.core.decision.plan import own_pulls, refusal
from rollout_bot.core.gates.convergence import Converging, combined
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.model.dependencies import Prerequisite, prerequisite
from rollout_bot.core.model.policy import OFF, Policy
from rollout_bot.core.model.repository import PullState, Snapshot, branch_name, policy_path
from rollout_bot.core.samples import Measurement, Unmeasured, Window
from rollout_bot.core.verdict import Outcome, Verdict
from rollout_bot.files.environment import NotSet, expand
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.tick.neighbours import Neighbours
from rollout_bot.tick.reading import CannotEvaluate, Files, read_files, source_type
from rollout_bot.tick.watch import converging, watched

Draw = Callable[[], tuple[Point, ...]]
"""Draws up the evidence of a stage over time; most ticks show it to nobody."""

HISTORY = timedelta(hours=24)
"""How far before the stage to look for the noise that is usual (see docs/analysis.md)."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is decided for a rollout, and on what. With `problems` its set-up is wrong and nothing was measured, or its
    stage was reached without an approval and nothing goes up.
    """

    situation: Situation
    decision: Decision
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates rollouts of a snapshot at one moment. `root` is the folder that relative paths of sources start from.

    Knows no forge: all it reads beside the snapshot is the metrics source that the policy names. The evidence over time
    is drawn up where a pull request shows it, and for each rollout where `draws` says so.
    """

    now: datetime
    root: Path
    environment: Mapping[str, str]
    draws: bool = field(default=False, kw_only=True)

    def evaluate(self, snapshot: Snapshot, rollout: str, request: Request | None = None) -> Evaluation:
        """Reads, measures, judges and decides. Raises CannotEvaluate if even a rollback could not be written."""
        files = read_files(snapshot, rollout)
        source, problems = (None, files.problems) if files.problems else self.source(files.policy)
        asked: Source | Unmeasured = source or Unmeasured(problems[0])
        found = converging(asked, files.policy, files.standing, self.now)
        verdict, draw = self._judged(files, asked, found)
        situation = Situation(
            policy=files.policy,
            standing=files.standing,
            verdict=verdict,
            now=self.now,
            actor=snapshot.actor,
            source=files.policy.metrics.source,
            queries=_queries(source, files.policy) if source else {},
            approvals=files.approvals,
            refusal=_refusal(snapshot, files),
            watched=watched(asked, files.policy, files.standing, self.now),
            converging=found,
            prerequisites=tuple(_prerequisites(snapshot, files.policy)),
            doubts=files.doubts,
        )
        decision = decide(situation, request)
        if self.draws or decision.proposal is not None or _has_pull(snapshot, rollout):
            situation = replace(situation, trace=draw())
        return Evaluation(situation, decision, (*problems, *files.doubts), files.notes)

    def source(self, policy: Policy) -> tuple[Source | None, tuple[str, ...]]:
        """What measures a rollout, or why nothing can."""
        metrics = policy.metrics
        kind = source_type(metrics.source)
        path = policy_path(policy.rollout)
        try:
            settings = expand(metrics.settings, kind.schema, self.environment, ("metrics",))
        except NotSet as error:
            return None, tuple(f"{path}: {line}" for line in str(error).splitlines())
        try:
            return kind(settings, Surroundings(self.root)), ()
        except Exception as error:  # noqa: BLE001 - a source may come from anybody; a human must still get down
            return None, (f"{path}: metrics source {metrics.source!r} cannot be set up ({type(error).__name__})",)

    def _judged(self, files: Files, source: Source | Unmeasured, found: Converging | None) -> tuple[Verdict, Draw]:
        """The verdict on the stage, and what draws up its evidence."""
        policy, standing = files.policy, files.standing
        stage = policy.stage(standing.state.stage)
        if stage is None or stage == OFF:
            return Verdict(Outcome.INCONCLUSIVE, ("at 0 % there is nothing to measure",), OFF.max_error_rate), tuple
        since, interval = standing.evidence_since, policy.interval
        # Whole intervals back from the stage's beginning, so that one begins exactly there.
        window = Window(since - -(-HISTORY // interval) * interval, self.now, interval)
        measurement = source if isinstance(source, Unmeasured) else measure(source, window)

        def judged(since: datetime) -> Verdict:
            return analyse(
                measurement,
                limit=stage.max_error_rate,
                since=since,
                now=self.now,
                interval=interval,
                settings=policy.analysis,
                whole=stage.whole,
            )

        verdict = judged(since)
        if found is not None:
            proof = None if found.at is None else verdict if found.at <= since else judged(found.at)
            verdict = combined(verdict, proof, found)
        noise = verdict.noise
        return verdict, lambda: trace(measurement, since=since, now=self.now, interval=interval, noise=noise)


def _prerequisites(snapshot: Snapshot, policy: Policy) -> Iterator[Prerequisite]:
    """How far the rollouts that this one waits for have got: their files say so, whatever a tick is asked to do."""
    if not policy.after:
        # To gather the names of a thousand rollouts for each of them would take a fifth of a tick.
        return
    wrong = {fault.path: fault for fault in Neighbours(snapshot.rollouts(), snapshot.files.get).faults(policy)}
    for index, needed in enumerate(policy.after):
        fault = wrong.get(("after", index))
        if fault is not None:
            reason = f"after in {policy_path(policy.rollout)} is {fault.found}; allowed: {fault.allowed}"
            yield Prerequisite(False, reason, wrong=True)
            continue
        try:
            other = read_files(snapshot, needed.rollout)
        except CannotEvaluate as error:
            yield Prerequisite(False, f"waits for {needed}, which cannot be evaluated: {error.problems[0]}")
            continue
        if other.doubts:
            yield Prerequisite(False, f"waits for {needed}, on which nothing may be built: {other.doubts[0]}")
        else:
            yield prerequisite(needed, other.policy, other.standing.state)


def _has_pull(snapshot: Snapshot, rollout: str) -> bool:
    return any(pull.state is PullState.OPEN for pull in own_pulls(snapshot, rollout))


def _refusal(snapshot: Snapshot, files: Files) -> Refusal | None:
    state, policy = files.standing.state, files.policy
    stage = policy.stage(state.stage)
    above = policy.above(stage) if stage else None
    if above is None:
        return None
    branch = branch_name(state.rollout, state.generation + 1, above.name)
    return refusal(snapshot, state.rollout, branch, snapshot.history.get(policy_path(state.rollout), ()))


def measure(source: Source, window: Window) -> Measurement | Unmeasured:
    """What a source delivers. One that fails, or delivers something else, has measured nothing."""
    try:
        found = source.samples(window)
    except Exception as error:  # noqa: BLE001 - a source may come from anybody; its fault must not stop a tick
        return Unmeasured(f"the metrics source failed ({type(error).__name__})")
    if not isinstance(found, Measurement | Unmeasured):
        return Unmeasured(f"the metrics source delivered no measurement ({type(found).__name__})")
    return found


def _queries(source: Source, policy: Policy) -> Mapping[str, str]:
    try:
        queries = {str(name): str(query) for name, query in source.queries().items()}
    except Exception:  # noqa: BLE001 - they are for the record only
        queries = {}
    queries |= {f"guardrails.{each.name}": each.query for each in policy.guardrails}
    if policy.convergence:
        queries["convergence.observed_percentage"] = policy.convergence.observed_percentage
    return queries
