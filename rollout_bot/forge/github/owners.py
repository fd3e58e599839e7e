"""Whether the owners that CODEOWNERS names can approve on GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rollout_bot.core.finding import Finding, Level
from rollout_bot.core.model.repository import approval_path, policy_path
from rollout_bot.core.wording import readable
from rollout_bot.forge import ownership
from rollout_bot.forge.codeowners import Owners, fold
from rollout_bot.forge.github.acting import role
from rollout_bot.forge.github.desk import Desk
from rollout_bot.forge.github.errors import LONGEST, Purpose
from rollout_bot.forge.interface import ForgeError

SUBJECT = "CODEOWNERS"
_ERRORS = Purpose("list GitHub's errors in CODEOWNERS", "contents: read")
_VIEW = "open the file on the web site, which marks its errors"
_MAY_APPROVE = ("admin", "maintain", "write")
_SHOWN = 20


def examine(desk: Desk, rollouts: Sequence[str]) -> Iterator[Finding]:
    """What the file says, what GitHub finds wrong with it, and who of the owners has write access."""
    view = desk.view
    yield from ownership.examine(view.owners, rollouts, there=view.owned)
    if not view.owned:
        return
    yield from _errors(desk)
    for owner in _named(view.owners, rollouts):
        yield _owner(desk, owner)


def _errors(desk: Desk) -> Iterator[Finding]:
    try:
        found = desk.transport.get(f"{desk.place.path}/codeowners/errors", _ERRORS, ref=desk.base)
    except ForgeError as error:
        yield Finding(Level.UNKNOWN, SUBJECT, str(error), _VIEW)
        return
    errors = found.get("errors") if isinstance(found, dict) else None
    if not isinstance(errors, list):
        yield Finding(Level.UNKNOWN, SUBJECT, "GitHub's answer lists no errors and does not say there are none", _VIEW)
        return
    if not errors:
        yield Finding(Level.RIGHT, SUBJECT, "GitHub finds no errors in it")
    for each in [each if isinstance(each, dict) else {} for each in errors][:_SHOWN]:
        place = f"{readable(each.get('path') or 'CODEOWNERS', 100)}:{readable(each.get('line') or '?', 10)}"
        # Of GitHub's message the first line says what is wrong; the others draw the place.
        said = str(each.get("message") or each.get("kind") or "").strip().split("\n")[0]
        yield Finding(
            Level.WRONG,
            SUBJECT,
            f"{place}: {readable(said, LONGEST) or 'an error without a name'}",
            "mend that line: GitHub passes it over in silence",
        )
    if len(errors) > _SHOWN:
        yield Finding(Level.WRONG, SUBJECT, f"{len(errors) - _SHOWN} more errors", _VIEW)


def _named(owners: Owners, rollouts: Iterable[str]) -> list[str]:
    """Everybody who owns approvals or policies, once, in the order of the rollouts."""
    paths = [path for each in rollouts for path in (approval_path(each, "any"), policy_path(each))]
    return list({fold(owner): owner for path in paths for owner in owners.of(path)}.values())


def _owner(desk: Desk, owner: str) -> Finding:
    if "/" in owner:
        text = f"whether {owner} is visible and has write access to the repository cannot be told with this token"
        fix = f"look in Settings → Collaborators and teams; without both, nobody of {owner} has to approve"
        return Finding(Level.UNKNOWN, SUBJECT, text, fix)
    if not owner.startswith("@"):
        text = f"whose account {owner} belongs to cannot be told"
        return Finding(Level.UNKNOWN, SUBJECT, text, "name the account, as @USER")
    try:
        found = role(desk, owner.removeprefix("@"))
    except ForgeError as error:
        return Finding(Level.UNKNOWN, SUBJECT, str(error), f"look for {owner} in Settings → Collaborators and teams")
    if found in _MAY_APPROVE:
        return Finding(Level.RIGHT, SUBJECT, f"{owner} may approve (role {found})")
    text = f"{owner} has no write access (role {found}), so their approval does not count"
    return Finding(Level.WRONG, SUBJECT, text, f"give {owner} the role write, or name another owner")
