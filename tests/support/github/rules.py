"""What keeps a pull request from being merged: CODEOWNERS, required statuses, reviews, the queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rollout_bot.forge.codeowners import PLACES, Owners, fold, read_owners
from support.github.model import ROLES, Pull, Review, Rules, Status
from support.github.store import Store


@dataclass(frozen=True)
class OwnersFile:
    """CODEOWNERS of one commit; `errors` are the lines passed over: number, text, reason."""

    path: str | None
    owners: Owners
    errors: tuple[tuple[int, str, str], ...] = ()


@dataclass
class Rulebook:
    """Answers from the repository's settings and files; holds no state of its own but a cache."""

    store: Store
    rules: Rules
    roles: Mapping[str, str]
    teams: Mapping[str, frozenset[str]]
    default: str

    def can_write(self, person: str) -> bool:
        return ROLES.index(self.roles.get(fold(person), "none")) >= ROLES.index("write")

    def owners(self, commit: str) -> OwnersFile:
        """The first CODEOWNERS file of a commit; GitHub passes over lines that it cannot read."""
        for place in PLACES:
            oid = self.store.resolve(f"{commit}:{place}")
            if oid is not None:
                return self._read(place, self.store.blob(oid).decode("utf-8", "replace"))
        return OwnersFile(None, Owners())

    def _read(self, place: str, text: str) -> OwnersFile:
        kept, errors = [], []
        for number, line in enumerate(text.split("\n"), start=1):
            fault = read_owners(place, line.encode()).fault
            unknown = [name for name in line.partition("#")[0].split()[1:] if not self._has_access(name)]
            if fault or unknown:
                errors.append(
                    (number, line, fault or f"Unknown owner: make sure {unknown[0]} exists and has write access")
                )
            if not fault:
                kept.append(" ".join(word for word in line.split() if word not in unknown))
        return OwnersFile(place, read_owners(place, "\n".join(kept).encode(), self.teams), tuple(errors))

    def _has_access(self, owner: str) -> bool:
        return fold(owner) in self.teams if "/" in owner else self.can_write(owner)

    def opinions(self, pull: Pull) -> dict[str, Review]:
        """Everybody's latest review that says yes or no, dismissed ones left out."""
        latest = {review.author.login: review for review in pull.reviews if review.state != "COMMENTED"}
        return {login: review for login, review in latest.items() if review.state != "DISMISSED"}

    def approvers(self, pull: Pull) -> tuple[str, ...]:
        """People whose approval counts: no bots, no readers, never the author."""
        return tuple(
            login
            for login, review in self.opinions(pull).items()
            if review.state == "APPROVED"
            and not review.author.bot
            and self.can_write(login)
            and login != pull.author.login
        )

    def decision(self, pull: Pull) -> str | None:
        """GitHub's `reviewDecision`; None where nothing asks for a review."""
        if not (self.rules.code_owners or self.rules.approvals) or pull.base != self._guarded():
            return None
        if any(r.state == "CHANGES_REQUESTED" and self.can_write(who) for who, r in self.opinions(pull).items()):
            return "CHANGES_REQUESTED"
        if next(self._missing_reviews(pull), None):
            return "REVIEW_REQUIRED"
        return "APPROVED" if self.approvers(pull) else None

    def violations(self, pull: Pull, statuses: list[Status]) -> list[str]:
        """Why the rules of the base branch forbid the merge, in GitHub's words; empty if they do not."""
        if pull.base != self._guarded():
            return []
        found = list(self._missing_reviews(pull))
        if self.decision(pull) == "CHANGES_REQUESTED":
            found.append("Changes have been requested.")
        for context, app in self.rules.required_checks.items():
            state = current(statuses, context, app)
            if state is None or state == "pending":
                found.append(f'Required status check "{context}" is expected.')
            elif state != "success":
                found.append(f'Required status check "{context}" is failing.')
        if self.rules.queue:
            found.append("Changes must be made through the merge queue")
        return found

    def _missing_reviews(self, pull: Pull) -> Iterator[str]:
        approvers = self.approvers(pull)
        if len(approvers) < self.rules.approvals:
            missing = self.rules.approvals - len(approvers)
            yield f"At least {missing} approving review is required by reviewers with write access."
        if self.rules.code_owners:
            base = self.store.head(pull.base) or pull.base_oid
            paths = list(self.store.diff(base, pull.head))
            waiting = self.owners(base).owners.waiting(paths, approvers)
            if waiting:
                names = sorted({owner for owners in waiting.values() for owner in owners})
                yield f"Waiting on code owner review from {', '.join(name.removeprefix('@') for name in names)}."

    def _guarded(self) -> str:
        # The ruleset is that of the default branch, to which every pull request of these tests goes or does not.
        return self.default if self.rules.any else ""


def current(statuses: list[Status], context: str, app: int | None = None) -> str | None:
    """The newest state of a context, of one App alone where `app` is given."""
    states = [each.state for each in statuses if each.context == context and app in (None, each.app)]
    return states[-1] if states else None
