"""Says what is right, wrong and unknowable about a set-up, before a rollout finds out. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.gates.situation import Situation
from rollout_bot.core.model.policy import OFF
from rollout_bot.core.model.repository import Snapshot
from rollout_bot.core.verdict import Outcome
from rollout_bot.core.wording import amount, moment
from rollout_bot.forge.interface import Forge, ForgeError
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.reading import CannotEvaluate

_PERCENT = "let the query give per cent, 0 to 100 and not 0 to 1"
_SET_QUERY = "ask the server for the query in policy.yaml: it has to give one series, at every moment"
_SET_QUERIES = "compare the queries in policy.yaml with what the service exports, and the address with the server's"


def examine(forge: Forge, evaluator: Evaluator) -> Iterator[Finding]:
    """Every finding about a repository: its files, its metrics, its forge. Raises ForgeError if it cannot be read."""
    snapshot = forge.snapshot()
    rollouts = snapshot.rollouts()
    if not rollouts:
        fix = "rollout-bot init NAME, then commit the files to the base branch"
        yield Finding(Level.WRONG, "rollouts", f"there are none on branch {snapshot.base_branch}", fix)
    for rollout in rollouts:
        yield from _rollout(forge, snapshot, evaluator, rollout)
    yield from forge.examine(rollouts)


def _rollout(forge: Forge, snapshot: Snapshot, evaluator: Evaluator, rollout: str) -> Iterator[Finding]:
    try:
        found = evaluator.evaluate(snapshot, rollout)
    except CannotEvaluate as error:
        for problem in error.problems:
            yield Finding(
                Level.WRONG, rollout, problem, "rollout-bot validate shows the place; mend it by pull request"
            )
        return
    state = found.situation.state
    yield Finding(Level.RIGHT, rollout, f"policy and state are valid: {state.stage}, {state.percentage} %")
    for note in found.notes:
        yield Finding(Level.WEAK, rollout, note, "mend or remove the file by pull request")
    yield from _reviewers(forge, rollout, found.situation.policy.reviewers)
    for doubt in found.situation.doubts:
        yield Finding(Level.WRONG, rollout, doubt, "until then nothing advances")
    wrong = [each for each in found.problems if each not in found.situation.doubts]
    if wrong:
        for problem in wrong:
            yield Finding(Level.WRONG, rollout, problem, "until then nothing is measured, and nothing advances")
    else:
        yield _metrics(rollout, found.situation)
        yield from _guardrails(rollout, found.situation)
        yield from _convergence(rollout, found.situation)


def _reviewers(forge: Forge, rollout: str, reviewers: Iterable[str]) -> Iterator[Finding]:
    """Whether those whom the policy names can be asked, on a forge that knows roles."""
    subject = f"{rollout} reviewers"
    for name in reviewers:
        person, _, team = name.removeprefix("@").partition("/")
        try:
            role = forge.role(person)
        except ForgeError as error:
            yield Finding(Level.UNKNOWN, subject, str(error), f"see whether {name} has access to the repository")
            continue
        if role is not None and team:
            text = f"whether {name} can be asked cannot be told; a GITHUB_TOKEN sees no teams"
            yield Finding(Level.UNKNOWN, subject, text, "let an App act, and give the team access to the repository")
        elif role == "none":
            text = f"{name} has no access to the repository, so nobody at all is asked for a review"
            yield Finding(Level.WEAK, subject, text, f"give {name} access, or take the name out of the policy")
        elif role is not None:
            yield Finding(Level.RIGHT, subject, f"{name} can be asked (role {role})")


def _metrics(rollout: str, situation: Situation) -> Finding:
    """Whether the queries deliver counts that grow: a query that finds nothing, or stands still, proves nothing."""
    verdict, subject = situation.verdict, f"{rollout} metrics"
    if situation.stage == OFF:
        return Finding(Level.UNKNOWN, subject, verdict.reasons[0], "ask again once a stage is entered")
    if verdict.outcome is Outcome.UNAVAILABLE:
        return Finding(Level.WRONG, subject, verdict.reasons[0], _SET_QUERIES)
    if verdict.start is None or verdict.end is None:
        return Finding(Level.UNKNOWN, subject, verdict.reasons[0], "ask again after the next interval")
    if verdict.stage.requests == 0:
        text = f"no request was counted from {moment(verdict.start)} to {moment(verdict.end)}"
        return Finding(Level.WRONG, subject, text, _SET_QUERIES)
    counted = f"{amount(verdict.stage.requests, 'request')} and {amount(verdict.stage.failures, 'failure')}"
    return Finding(Level.RIGHT, subject, f"{counted} counted since {moment(verdict.start)}")


def _guardrails(rollout: str, situation: Situation) -> Iterator[Finding]:
    """Whether each query gives values, one at a time; that they are good is for a tick to say."""
    for each in situation.watched:
        subject = f"{rollout} guardrail {each.guardrail.name}"
        if each.newest is not None and not each.blind:
            yield Finding(Level.RIGHT, subject, f"newest value {each.reason}")
        elif each.blind:
            yield Finding(Level.WRONG, subject, each.reason, _SET_QUERY)
        else:
            yield Finding(Level.UNKNOWN, subject, each.reason, "ask again after the next interval")


def _convergence(rollout: str, situation: Situation) -> Iterator[Finding]:
    found, subject = situation.converging, f"{rollout} convergence"
    if found is None:
        return
    if found.blind:
        yield Finding(Level.WRONG, subject, found.reason, _SET_QUERY)
    elif found.newest is None and not found.holds:
        yield Finding(Level.UNKNOWN, subject, found.reason, "ask again after the next interval")
    elif found.overdue:
        share = found.newest is not None and 0 < found.newest.value <= 1
        fix = "see why the deployment does not bring what is committed"
        yield Finding(Level.WEAK, subject, found.reason, f"{_PERCENT}, or {fix}" if share else fix)
    else:
        yield Finding(Level.RIGHT, subject, found.reason)
