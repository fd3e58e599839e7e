"""One rollout as the files and the history of a snapshot tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from rollout_bot.core.model.approved import doubts
from rollout_bot.core.model.history import Entry, MetricsEntry, Standing, Transition, Unlawful, stand, transitions
from rollout_bot.core.model.policy import Fault, Policy
from rollout_bot.core.model.repository import Revision, Snapshot, approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, State, misfits
from rollout_bot.files.approval import read_approval
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state
from rollout_bot.metrics import registry
from rollout_bot.metrics.interface import Source


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
