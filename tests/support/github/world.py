"""The repository as GitHub sees it: branches, pull requests, reviews, statuses, and what follows from each change."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime

import yaml

from rollout_bot.forge.codeowners import fold
from rollout_bot.forge.git import GitFailed
from support.github.model import (
    ACTIONS,
    Actor,
    AutoMerge,
    Comment,
    Event,
    Label,
    Pull,
    Refused,
    Review,
    Rules,
    Run,
    Status,
    Token,
    not_found,
)
from support.github.rules import Rulebook
from support.github.store import NOBODY, Store

_VIOLATED = "Repository rule violations found\n\n"


class World:
    """All state of one repository. Methods are what somebody does; they raise `Refused` as GitHub would."""

    def __init__(self, store: Store, name: str, default: str, rules: Rules, now: datetime) -> None:
        self.store, self.rules, self.now = store, rules, now
        self.owner, self.name = name.split("/")
        self.default = default
        self.roles: dict[str, str] = {}
        self.teams: dict[str, frozenset[str]] = {}
        self.tokens: dict[str, Token] = {}
        self.pulls: dict[int, Pull] = {}
        self.labels: dict[str, Label] = {}
        self.statuses: dict[str, list[Status]] = {}
        self.runs: list[Run] = []
        self.disabled: dict[str, str] = {}
        """Workflows that are switched off: their names, and GitHub's word for why."""
        self.unknown_looks = 1
        """How many looks find the mergeability unknown after a head or the base has moved."""
        self._ids = itertools.count(1001)
        self._numbers = itertools.count(1)

    @property
    def book(self) -> Rulebook:
        return Rulebook(self.store, self.rules, self.roles, self.teams, self.default)

    def next_id(self) -> int:
        return next(self._ids)

    def role(self, person: str) -> str:
        return self.roles.get(fold(person), "none")

    def pull(self, number: int) -> Pull:
        if number not in self.pulls:
            raise not_found()
        return self.pulls[number]

    # Branches and commits

    def head(self, branch: str) -> str:
        found = self.store.head(branch)
        if found is None:
            raise not_found()
        return found

    def _reserves(self, branch: str, who: Actor) -> None:
        ours = branch == "rollout" or branch.startswith("rollout/")
        if ours and self.rules.reserved not in (None, who.login if who.bot else ""):
            raise Refused(422, f"{_VIOLATED}Cannot update this protected ref.\n\n")

    def create_branch(self, branch: str, oid: str, token: Actor) -> None:
        self._reserves(branch, token)
        try:
            self.store.move(branch, oid, NOBODY)
        except GitFailed:
            if self.store.head(branch):
                raise Refused(422, "Reference already exists") from None
            raise Refused(422, "Object does not exist") from None

    def push(self, branch: str, oid: str, who: Actor, *, old: str, bypass: bool = False, actions: bool = False) -> None:
        """Moves a branch; pull requests from it and to it notice."""
        self._reserves(branch, who)
        if branch == self.default and self.rules.pull_request and not bypass:
            raise Refused(409, _VIOLATED + "Changes must be made through a pull request.\n\n")
        self.store.move(branch, oid, old)
        for pull in self.open_from(branch):
            pull.head, pull.updated, pull.auto_merge = oid, self.now, None
            self.store.keep(f"{pull.number}/head", oid)
            self.add_event(pull, "head_ref_updated", who)
            if self.rules.dismiss_stale:
                self._dismiss_stale(pull)
        if branch == self.default and not actions:
            self._start_on_push(who)

    def _dismiss_stale(self, pull: Pull) -> None:
        for review in pull.reviews:
            if review.state == "APPROVED":
                review.state = "DISMISSED"

    def commit(self, branch: str, files: Mapping[str, bytes | None], message: str, who: Actor, **options: bool) -> str:
        """One commit on top of a branch."""
        old = self.head(branch)
        return self.commit_at(branch, old, files, message, who, **options)

    def commit_at(
        self, branch: str, old: str, files: Mapping[str, bytes | None], message: str, who: Actor, **options: bool
    ) -> str:
        tree = self.store.write_tree(old, files)
        oid = self.store.write_commit(tree, (old,), message, who.rest_login, self.now)
        self.push(branch, oid, who, old=old, **options)
        return oid

    def delete_branch(self, branch: str, who: Actor) -> None:
        """GitHub closes the pull requests of a branch that goes away."""
        self.head(branch)
        self._reserves(branch, who)
        if branch == self.default:
            raise Refused(422, "Cannot delete the default branch")
        self.store.delete(branch)
        for pull in self.open_from(branch):
            self.close(pull, who)
        for pull in self.pulls.values():
            if pull.branch == branch:
                self.add_event(pull, "head_ref_deleted", who)

    def open_from(self, branch: str) -> list[Pull]:
        return [pull for pull in self.pulls.values() if pull.branch == branch and pull.state == "OPEN"]

    # Pull requests

    def open(self, branch: str, base: str, title: str, body: str, who: Actor, *, draft: bool = False) -> Pull:
        head, target = self.store.head(branch), self.store.head(base)
        if not title.strip():
            raise _invalid({"resource": "PullRequest", "code": "missing_field", "field": "title"})
        if len(body) > 65536:
            raise _invalid(_custom("body is too long (maximum is 65536 characters)"))
        for field, found in (("head", head), ("base", target)):
            if found is None:
                raise _invalid({"resource": "PullRequest", "field": field, "code": "invalid"})
        assert head
        assert target
        if any(pull.base == base for pull in self.open_from(branch)):
            raise _invalid(_custom(f"A pull request already exists for {self.owner}:{branch}."))
        if not self.store.between(target, head):
            raise _invalid(_custom(f"No commits between {base} and {branch}"))
        number = next(self._numbers)
        pull = Pull(number, who, branch, base, target, head, title, body, self.now, self.now, draft)
        self.store.keep(f"{number}/head", head)
        self.pulls[number] = pull
        self._ask_owners(pull)
        return pull

    def _ask_owners(self, pull: Pull) -> None:
        """GitHub asks the code owners of changed paths by itself."""
        owners = self.book.owners(pull.base_oid).owners
        names = [
            name.removeprefix("@") for path in self.store.diff(pull.base_oid, pull.head) for name in owners.of(path)
        ]
        pull.requested = [name for name in dict.fromkeys(names) if fold(name) != fold(pull.author.login)]

    def edit(self, pull: Pull, title: str | None, body: str | None) -> None:
        if body is not None and len(body) > 65536:
            raise _invalid(_custom("body is too long (maximum is 65536 characters)"))
        pull.title = pull.title if title is None else title
        pull.body = pull.body if body is None else body
        pull.updated = self.now

    def close(self, pull: Pull, who: Actor) -> None:
        if pull.state == "OPEN":
            pull.state, pull.closed, pull.updated, pull.auto_merge = "CLOSED", self.now, self.now, None
            self.add_event(pull, "closed", who)

    def reopen(self, pull: Pull, who: Actor) -> None:
        if pull.state != "CLOSED" or self.store.head(pull.branch) is None:
            raise _invalid(_custom("state cannot be changed. The head branch was deleted or the pull request merged."))
        pull.state, pull.closed, pull.updated = "OPEN", None, self.now
        self.add_event(pull, "reopened", who)

    def add_event(self, pull: Pull, kind: str, who: Actor) -> None:
        pull.events.append(Event(self.next_id(), kind, who, self.now))

    def review(self, pull: Pull, who: Actor, state: str, body: str = "", *, actions: bool = False) -> Review:
        if pull.state != "OPEN":
            raise _invalid("Can not review a pull request that is closed")
        if state != "COMMENTED" and who == pull.author:
            verb = "approve" if state == "APPROVED" else "request changes on"
            raise _invalid(f"Can not {verb} your own pull request")
        if actions and state == "APPROVED" and not self.rules.actions_may_open:
            raise _invalid("GitHub Actions is not permitted to approve pull requests.")
        review = Review(self.next_id(), who, state, body, pull.head, self.now)
        pull.reviews.append(review)
        self.settle(pull)
        return review

    def dismiss(self, pull: Pull, review: int) -> Review:
        for each in pull.reviews:
            if each.id == review:
                each.state = "DISMISSED"
                return each
        raise not_found()

    def comment(self, pull: Pull, who: Actor, body: str) -> Comment:
        comment = Comment(self.next_id(), who, body, self.now)
        pull.comments.append(comment)
        return comment

    def label(self, name: str) -> Label:
        """The label of a name; naming an unknown one makes it."""
        if name not in self.labels:
            self.labels[name] = Label(self.next_id(), name)
        return self.labels[name]

    def add_labels(self, pull: Pull, names: list[str]) -> None:
        for name in names:
            if self.label(name) not in pull.labels:
                pull.labels.append(self.label(name))

    def request(self, pull: Pull, people: list[str], teams: list[str]) -> None:
        """All of them, or nobody."""
        whole = [f"{self.owner}/{slug}" for slug in teams]
        strangers = [each for each in people if self.role(each) == "none"]
        if strangers or any(fold(each) not in self.teams for each in whole):
            who = f"users or teams you specified is not a collaborator of the {self.owner}/{self.name} repository."
            raise Refused(422, f"Reviews may only be requested from collaborators. One or more of the {who}")
        if any(fold(each) == pull.author.login for each in people):
            raise Refused(422, "Review cannot be requested from pull request author.")
        pull.requested += [each for each in (*people, *whole) if each not in pull.requested]

    def set_status(
        self,
        oid: str,
        context: str,
        state: str,
        who: Actor,
        *,
        description: str | None,
        url: str | None,
        app: int | None,
    ) -> Status:
        there = self.statuses.setdefault(oid, [])
        if sum(each.context == context for each in there) >= 1000:
            raise _invalid(_custom("This SHA and context has reached the maximum number of statuses."))
        if self.store.resolve(oid) is None:
            raise Refused(422, f"No commit found for SHA: {oid}")
        if description is not None and len(description) > 140:
            raise _invalid(_custom("description is too long (maximum is 140 characters)"))
        status = Status(self.next_id(), context, state, description, url, who, app, self.now)
        there.append(status)
        for pull in list(self.pulls.values()):
            if pull.head == oid and pull.state == "OPEN":
                self.settle(pull)
        return status

    # Merging

    def look(self, pull: Pull) -> str:
        """MERGEABLE, CONFLICTING or, at the first looks after something has moved, UNKNOWN."""
        key = pull.head, self.head(pull.base)
        if pull.known != key:
            pull.known, pull.looks = key, 0
        pull.looks += 1
        if pull.looks <= self.unknown_looks:
            return "UNKNOWN"
        return "MERGEABLE" if self.store.merged_tree(key[1], pull.head) else "CONFLICTING"

    def merge_state(self, pull: Pull, mergeable: str) -> str:
        """GitHub's `mergeStateStatus`."""
        if mergeable == "UNKNOWN" or pull.state != "OPEN":
            return "UNKNOWN"
        if mergeable == "CONFLICTING":
            return "DIRTY"
        if pull.draft:
            return "DRAFT"
        if self.book.violations(pull, self.statuses.get(pull.head, [])):
            return "BLOCKED"
        states = {each.context: each.state for each in self.statuses.get(pull.head, [])}
        return "UNSTABLE" if set(states.values()) - {"success"} else "CLEAN"

    def merge(
        self,
        pull: Pull,
        who: Actor,
        method: str = "merge",
        *,
        sha: str | None = None,
        headline: str | None = None,
        body: str | None = None,
        actions: bool = False,
    ) -> str:
        """Merges through every rule; answers the commit. Raises `Refused` with 405 or 409."""
        if pull.state != "OPEN" or pull.draft:
            raise Refused(405, "Pull Request is still a draft" if pull.draft else "Pull Request is not mergeable")
        if sha is not None and sha != pull.head:
            raise Refused(409, "Head branch was modified. Review and try the merge again.")
        if method not in self.rules.methods:
            raise Refused(405, f"{method.capitalize()} merges are not allowed on this repository.")
        if self.look(pull) != "MERGEABLE":
            raise Refused(405, "Pull Request is not mergeable")
        if violations := self.book.violations(pull, self.statuses.get(pull.head, [])):
            raise Refused(405, _VIOLATED + "\n\n".join(violations) + "\n\n")
        return self._merge(pull, who, method, headline, body, actions=actions)

    def _merge(
        self, pull: Pull, who: Actor, method: str, headline: str | None, body: str | None, *, actions: bool
    ) -> str:
        base = self.head(pull.base)
        tree = self.store.merged_tree(base, pull.head)
        assert tree
        pull.commits = self.store.between(base, pull.head)
        squash = method != "merge"
        title = headline or (f"{pull.title} (#{pull.number})" if squash else f"Merge pull request #{pull.number}")
        message = title + (f"\n\n{body}" if body else "")
        parents = (base,) if squash else (base, pull.head)
        pull.merge_commit = self.store.write_commit(tree, parents, message, who.rest_login, self.now)
        pull.state, pull.closed, pull.updated = "MERGED", self.now, self.now
        pull.merged_by, pull.auto_merge = who, None
        self.add_event(pull, "merged", who)
        self.add_event(pull, "closed", who)
        self.push(pull.base, pull.merge_commit, who, old=base, bypass=True, actions=actions)
        if self.rules.delete_branch and self.store.head(pull.branch):
            self.store.delete(pull.branch)
        return pull.merge_commit

    def arm(self, pull: Pull, who: Actor, method: str, headline: str | None, body: str | None) -> None:
        """Merges by itself as soon as the rules allow it."""
        if not self.rules.auto_merge:
            raise Refused(422, "Auto merge is not allowed for this repository")
        if pull.state != "OPEN" or pull.draft:
            raise Refused(422, "Pull request is in draft or closed")
        if not self.rules.any:
            raise Refused(422, "Pull request Protected branch rules not configured for this branch")
        state = self.merge_state(pull, "MERGEABLE")
        if state in ("CLEAN", "UNSTABLE"):
            raise Refused(422, f"Pull request Pull request is in {state.lower()} status")
        pull.auto_merge = AutoMerge(who, method, headline, body, self.now)

    def settle(self, pull: Pull) -> None:
        """Carries out an armed merge once nothing is in its way."""
        armed = pull.auto_merge
        if armed is None or self.book.violations(pull, self.statuses.get(pull.head, [])):
            return
        if self.store.merged_tree(self.head(pull.base), pull.head):
            self._merge(pull, armed.by, armed.method, armed.headline, armed.body, actions=armed.by == ACTIONS)

    # Workflows

    def workflow(self, name: str, ref: str) -> dict[object, object]:
        """A workflow file as of a branch, its triggers under True, as YAML 1.1 reads `on`."""
        oid = self.store.resolve(f"{ref}:.github/workflows/{name}")
        if oid is None:
            raise not_found()
        content = yaml.safe_load(self.store.blob(oid))
        return content if isinstance(content, dict) else {}

    def dispatch(self, name: str, ref: str, inputs: Mapping[str, str], who: Actor) -> None:
        if self.store.head(ref) is None:
            raise Refused(422, f"No ref found for: {ref}")
        triggers = self.workflow(name, ref).get(True)
        known = list(triggers) if isinstance(triggers, dict | list) else [triggers]
        if "workflow_dispatch" not in known:
            raise Refused(422, "Workflow does not have 'workflow_dispatch' trigger")
        asked = (triggers.get("workflow_dispatch") or {}) if isinstance(triggers, dict) else {}
        unexpected = [key for key in inputs if key not in (asked.get("inputs") or {})]
        if unexpected:
            raise Refused(422, f"Unexpected inputs provided: {unexpected}")
        self.runs.append(Run(name, "workflow_dispatch", ref, dict(inputs), who, self.now))

    def _start_on_push(self, who: Actor) -> None:
        folder = self.store.resolve(f"{self.default}:.github/workflows")
        for entry in self.store.tree(folder) if folder else ():
            triggers = self.workflow(entry.name, self.default).get(True)
            if triggers == "push" or (isinstance(triggers, dict | list) and "push" in triggers):
                self.runs.append(Run(entry.name, "push", self.default, {}, who, self.now))


def _custom(message: str) -> dict[str, str]:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _invalid(error: object) -> Refused:
    detail = error.get("message") if isinstance(error, dict) else error
    return Refused(422, "Validation Failed", errors=[error if isinstance(error, dict) else detail])
