"""Whether CODEOWNERS makes people approve what they should, and lets the bot merge what it must."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.model.repository import approval_path, policy_path, state_path
from rollout_bot.forge.codeowners import Owners

_SUBJECT = "CODEOWNERS"


def examine(owners: Owners, rollouts: Iterable[str], *, there: bool) -> Iterator[Finding]:
    """What the file says of each rollout's paths; `there` is False where the repository has no such file."""
    if owners.fault is not None:
        yield Finding(Level.WRONG, _SUBJECT, owners.fault, "mend that line: until then nobody can approve anything")
        return
    if not there:
        yield Finding(
            Level.WRONG, _SUBJECT, "there is none, so nobody has to approve", "rollout-bot init NAME writes it"
        )
        return
    if not owners.of(owners.place):
        text = "it has no owner itself, so anybody can merge a change that takes the others away"
        yield Finding(Level.WEAK, _SUBJECT, text, f"add at the end: /{owners.place} @OWNER")
    for rollout in rollouts:
        yield from _rollout(owners, rollout)


def _rollout(owners: Owners, rollout: str) -> Iterator[Finding]:
    approvals, policy, state = approval_path(rollout, "any"), policy_path(rollout), state_path(rollout)
    folder = approvals.rsplit("/", 1)[0] + "/"
    for path, pattern, what in ((approvals, folder, "approvals/"), (policy, policy, "policy.yaml")):
        found = owners.of(path)
        if found:
            yield Finding(Level.RIGHT, _SUBJECT, f"{rollout}: {what} belongs to {', '.join(found)}")
        else:
            text = f"{rollout}: {what} has no owner, so anybody can merge a change of it"
            yield Finding(Level.WRONG, _SUBJECT, text, f"add at the end: /{pattern} @OWNER")
    found = owners.of(state)
    if found:
        text = f"{rollout}: state.yaml belongs to {', '.join(found)}, so the bot cannot merge a rollback"
        yield Finding(Level.WRONG, _SUBJECT, text, f"add at the end, without an owner: /{state}")
    else:
        yield Finding(Level.RIGHT, _SUBJECT, f"{rollout}: state.yaml has no owner, so the bot can merge a rollback")
