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
from rollout_bot.core.model.approved import doubts
from rollout_bot.core.model.dependencies import Prerequisite, prerequisite
from rollout_bot.core.model.history import Entry, MetricsEntry, Standing, Transition, Unlawful, stand, transitions
from rollout_bot.core.model.policy import OFF, Fault, Policy
from rollout_bot.core.model.repository import (
    PullState,
    Revision,
    Snapshot,
    approval_path,
    branch_name,
    policy_path,
    state_path,
)
from rollout_bot.core.model.state import Approval, State, misfits
from rollout_bot.core.samples import Measurement, Unmeasured, Window
from rollout_bot.core.verdict import Outcome, Verdict
from rollout_bot.files.approval import read_approval
from rollout_bot.files.environment import NotSet, expand
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state
from rollout_bot.metrics import registry
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.tick.neighbours import Neighbours
from rollout_bot.tick.watch import converging, watched

Draw = Callable[[], tuple[Point, ...]]
"""Draws up the evidence of a stage over time; most ticks show it to nobody."""

HISTORY = timedelta(hours=24)
"""How far before the stage to look for the noise that is usual (see docs/analysis.md)."""


class CannotEvaluate(Exception):
    """The rollout's own files are missing, invalid or contradictory; `problems` says how, one sentence each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Files:
    """The readable files of one rollout on the base branch.

    `problems` are of the policy's metrics section: without it nothing can be measured, but a human can still go down.
    `doubts` say why nothing may be built on the stage in force: everything else is as it should be.
    """

    policy: Policy
    standing: Standing
    approvals: Mapping[str, Approval]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is decided for a rollout, and on what. With `problems` its set-up is wrong and nothing was measured, or its
    stage was reached without an approval and nothing goes up.
    """

    situation: Situation
    decision: Decision
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def source_type(name: str) -> type[Source]:
    """What `read_policy` asks for. Raises LookupError with the names there are."""
    try:
        return registry.find(name)
    except registry.SourceUnavailable as error:
        raise LookupError(", ".join(registry.names()), str(error)) from error


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A source may come from anybody: what it raises while it checks its settings is a fault of theirs."""

    source: type[Source]

    @property
    def schema(self) -> Mapping[str, object]:
        return self.source.schema

    def faults(self, settings: Mapping[str, object]) -> Iterator[Fault]:
        try:
            yield from self.source.faults(settings)
        except Exception as error:  # noqa: BLE001
            yield Fault((), f"a source that fails to check them ({type(error).__name__})", "settings that it accepts")

    def reading_faults(self, query: str, settings: Mapping[str, object]) -> Iterator[Fault]:
        try:
            yield from self.source.reading_faults(query, settings)
        except Exception as error:  # noqa: BLE001
            yield Fault((), f"a query that its source fails to check ({type(error).__name__})", "one that it accepts")


def check_policy(content: bytes, path: str) -> Policy:
    """A policy with its metrics section checked by its source. Raises InvalidFile."""
    return read_policy(content, path, sources=lambda name: _Guarded(source_type(name)))


def read_files(snapshot: Snapshot, rollout: str) -> Files:
    """Reads one rollout and where it stands. Raises CannotEvaluate."""
    policy, problems = _policy(snapshot, rollout)
    content = snapshot.files.get(state_path(rollout))
    if content is None:
        raise CannotEvaluate(f"{state_path(rollout)} is missing; write it with: rollout-bot init {rollout}")
    try:
        state = read_state(content, state_path(rollout))
    except InvalidFile as error:
        raise CannotEvaluate(*map(str, error.problems), _way_out(_stand(snapshot, rollout))) from error
    standing = _stand(snapshot, rollout)
    if isinstance(standing, Unlawful):
        reasons = (standing.reason, *misfits(state, policy))
        raise CannotEvaluate(*(f"{state_path(rollout)}: {each}" for each in reasons), _way_out(standing))
    wrong = tuple(misfits(standing.state, policy))
    if wrong:
        way_out = f"nothing is touched until a pull request makes {policy_path(rollout)} fit the state again"
        raise CannotEvaluate(*(f"{state_path(rollout)}: {each}" for each in wrong), way_out)
    approvals, notes = _approvals(snapshot.files, policy)
    found = doubts(standing, policy, approvals, lambda moment: _policy_at(snapshot, moment, policy))
    return Files(policy, standing, approvals, problems, notes, tuple(found))


def _policy_at(snapshot: Snapshot, moment: datetime, present: Policy) -> Policy:
    """The policy in force at a moment; the present one where nobody knows."""
    revisions = snapshot.history.get(policy_path(present.rollout), ())
    then = next((each for each in revisions if each.merged_at <= moment), None)
    if then is None or then is revisions[0]:
        return present
    return _policy_of(then, present.rollout) or present


def _policy(snapshot: Snapshot, rollout: str) -> tuple[Policy, tuple[str, ...]]:
    """The policy, and what is wrong with its metrics section alone."""
    path = policy_path(rollout)
    if path not in snapshot.files:
        raise CannotEvaluate(f"{path} is missing; write it with: rollout-bot init {rollout}")
    content = snapshot.files[path]
    problems: tuple[str, ...] = ()
    try:
        policy = check_policy(content, path)
    except InvalidFile as error:
        problems = tuple(map(str, error.problems))
        try:
            policy = read_policy(content, path)
        except InvalidFile:
            raise CannotEvaluate(*problems) from error
    if policy.rollout != rollout:
        raise CannotEvaluate(f"{path}: rollout is {policy.rollout!r}; allowed: {rollout!r}, the name of its folder")
    return policy, problems


def _way_out(standing: Standing | Unlawful) -> str:
    if isinstance(standing, Unlawful) and standing.lawful is not None:
        put_back = f"git show {standing.commit[:12]}:{state_path(standing.lawful.rollout)}"
        return f"nothing is touched until a pull request puts back the last lawful state ({put_back})"
    return "nothing is touched until a pull request makes it valid"


def committed_states(snapshot: Snapshot, rollout: str) -> tuple[State | None, State | None]:
    """The committed state if it is lawful, and the newest lawful one, whatever the policy is like; None without one."""
    standing = _stand(snapshot, rollout)
    if isinstance(standing, Unlawful):
        return None, standing.lawful
    return standing.state, standing.state


def changes(snapshot: Snapshot, rollout: str) -> tuple[Transition, ...]:
    """The lawful changes of a rollout since it was begun, newest first, as far back as the forge tells."""
    return transitions(tuple(_entry(each, rollout) for each in snapshot.history.get(state_path(rollout), ())))


def _stand(snapshot: Snapshot, rollout: str) -> Standing | Unlawful:
    entries = tuple(_entry(revision, rollout) for revision in snapshot.history.get(state_path(rollout), ()))
    return stand(entries, tuple(_metrics_history(snapshot, rollout, entries)))


def _entry(revision: Revision, rollout: str) -> Entry:
    state = None
    if revision.content is not None:
        try:
            state = read_state(revision.content, state_path(rollout))
        except InvalidFile:
            state = None
    if state is not None and state.rollout != rollout:
        state = None
    deleted = revision.content is None
    return Entry(state, revision.merged_at, revision.commit, deleted, revision.pull, revision.approvers)


def _metrics_history(snapshot: Snapshot, rollout: str, entries: tuple[Entry, ...]) -> Iterator[MetricsEntry]:
    """The policy's revisions back to the first that was there before the oldest state: none before it matters."""
    revisions = snapshot.history.get(policy_path(rollout), ())
    if len(revisions) < 2:
        # The usual case, and reading a policy costs more than all the rest.
        return
    for revision in revisions:
        policy = _policy_of(revision, rollout)
        question = policy.convergence.question if policy and policy.convergence else None
        yield MetricsEntry(policy.metrics if policy else None, revision.merged_at, question)
        if not entries or revision.merged_at <= entries[-1].merged_at:
            return


def _policy_of(revision: Revision, rollout: str) -> Policy | None:
    try:
        return None if revision.content is None else read_policy(revision.content, policy_path(rollout))
    except InvalidFile:
        return None


def _approvals(files: Mapping[str, bytes], policy: Policy) -> tuple[dict[str, Approval], tuple[str, ...]]:
    """The markers by stage. One that cannot be read approves nothing, and is remarked upon."""
    approvals: dict[str, Approval] = {}
    notes: list[str] = []
    for stage in policy.stages:
        path = approval_path(policy.rollout, stage.name)
        if path not in files:
            continue
        try:
            approvals[stage.name] = read_approval(files[path], path)
        except InvalidFile as error:
            notes.extend(map(str, error.problems))
    return approvals, tuple(notes)


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
