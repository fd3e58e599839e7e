"""Who owns which path: GitHub's CODEOWNERS, read by the library `codeowners`."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codeowners import CodeOwners

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where the file is looked for; the first found counts."""

LIMIT = 1 << 20
"""Bytes; a larger file is not read."""

_COMMENT = re.compile(r"(^|\s)#.*")
_OWNER = re.compile(r"@[^\s@/]+(/[^\s@/]+)?|[^\s@]+@[^\s@]+")
_RANGE = re.compile(r"(?<!\\)(\\\\)*\[")
# The library stands "/" in for a space, which no wildcard matches; a private character behaves like any other.
_STAND_INS = str.maketrans({" ": "\ue000", "\n": "\ue001"})


@dataclass(frozen=True)
class Owners:
    """The owners of paths. `fault` names file and line where the file cannot be read: then nobody can approve.

    `teams` maps "org/team" to its members, since a plain git repository does not know them.
    """

    rules: CodeOwners | None = None
    fault: str | None = None
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    place: str = PLACES[0]
    """Where the file is."""

    def of(self, path: str) -> tuple[str, ...]:
        """The owners of a path as written, such as "@alice"; none where the last matching line names none."""
        return tuple(name for _, name in self.rules.of(path.translate(_STAND_INS))) if self.rules else ()

    def owns(self, person: str, owners: Sequence[str]) -> bool:
        """Whether a person is one of the owners: by name, by e-mail address or as member of a team."""
        name = fold(person)
        return any(name in self.teams.get(owner, ()) if "/" in owner else name == owner for owner in map(fold, owners))

    def approved(self, paths: Sequence[str], approvers: Sequence[str]) -> bool:
        """Whether every path that has owners was approved by one of them."""
        return self.fault is None and not self.waiting(paths, approvers)

    def waiting(self, paths: Sequence[str], approvers: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The owned paths that none of their owners approved, with the owners."""
        owned = {path: self.of(path) for path in paths}
        return {
            path: owners
            for path, owners in owned.items()
            if owners and not any(self.owns(person, owners) for person in approvers)
        }

    def counting(self, paths: Sequence[str], approvers: Sequence[str]) -> tuple[str, ...]:
        """Those of the approvers who own one of the paths."""
        owned = [owners for owners in map(self.of, paths) if owners]
        return tuple(person for person in approvers if any(self.owns(person, owners) for owners in owned))


def fold(name: str) -> str:
    """A name for comparison: "@Alice" and "alice" are one, as on GitHub."""
    return name.strip().removeprefix("@").casefold()


def read_owners(place: str, content: bytes, teams: Mapping[str, frozenset[str]] | None = None) -> Owners:
    """Reads a CODEOWNERS file. Whatever cannot be understood becomes `fault`, never an unowned path."""
    from codeowners import CodeOwners

    members = teams or {}
    if len(content) > LIMIT:
        return Owners(fault=f"{place}: larger than {LIMIT:,} bytes; shorten it", teams=members)
    try:
        lines = [_COMMENT.sub("", line).strip() for line in content.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        broken = content[: error.start].count(b"\n") + 1
        return Owners(fault=f"{place}:{broken}: not UTF-8; save the file as UTF-8", teams=members)
    for number, line in enumerate(lines, start=1):
        if fault := _fault(line):
            return Owners(fault=f"{place}:{number}: {fault}", teams=members)
    return Owners(CodeOwners("\n".join(lines).replace("\\ ", "\ue000")), teams=members, place=place)


def _fault(line: str) -> str | None:
    if not line:
        return None
    pattern, *owners = line.replace("\\ ", "\ue000").split()
    if len(line.splitlines()) > 1:
        return "a control character inside the line; remove it"
    if pattern.startswith("!") or _RANGE.search(pattern):
        return f"{_quoted(pattern)}: CODEOWNERS knows neither `!` nor `[ ]`; write one line for each pattern"
    if bad := [owner for owner in owners if not _OWNER.fullmatch(owner)]:
        return f"{_quoted(bad[0])} is no owner; allowed are @user, @org/team and an e-mail address"
    return _unreadable(line)


def _unreadable(line: str) -> str | None:
    from codeowners import CodeOwners

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            CodeOwners(line)
    except (ValueError, IndexError, re.error, Warning) as error:
        return f"{_quoted(line)} cannot be read ({error}); correct the pattern"
    return None


def _quoted(value: str) -> str:
    return repr(value.replace("\ue000", " "))[:100]
