"""The GraphQL mutations that a bot may use; each needs what GitHub asks of its token."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from support.github.model import Pull, Refused
from support.github.nodes import Context, LabelNode
from support.github.objects import CommitNode, RefNode
from support.github.pulls import CommentNode, PullRequestNode, ReviewNode
from support.github.repository import RepositoryNode, find

Input = Mapping[str, Any]


class Mutations:
    """The root of every mutation: one method for each, called with its input."""

    def __init__(self, context: Context) -> None:
        self.context, self.world = context, context.world
        self.actor = context.token.actor
        self.cost = context.cost

    def _pull(self, given: Input, key: str = "pullRequestId") -> Pull:
        found = find(self.context, given[key])
        if not isinstance(found, PullRequestNode):
            raise Refused(404, f"Could not resolve to a node with the global id of '{given[key]}'.", "NOT_FOUND")
        return found.data

    def _done(self, given: Input, **fields: Any) -> dict[str, Any]:
        return {"clientMutationId": given.get("clientMutationId"), "actor": None} | fields

    def _shown(self, pull: Pull) -> PullRequestNode:
        return PullRequestNode(self.context, pull)

    def create_ref(self, input: Input) -> dict[str, Any]:  # noqa: A002 - the schema's name
        self.context.need("contents", "write")
        name = given_branch(input["name"])
        if self.world.store.head(name):
            raise Refused(422, f'A ref named "refs/heads/{name}" already exists in the repository.')
        self.world.create_branch(name, input["oid"], self.actor)
        return self._done(input, ref=RefNode(self.context, name))

    def update_ref(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("contents", "write")
        name = find(self.context, input["refId"]).data
        self.world.push(name, input["oid"], self.actor, old=self.world.head(name), actions=self.context.token.actions)
        return self._done(input, ref=RefNode(self.context, name))

    def delete_ref(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("contents", "write")
        self.world.delete_branch(find(self.context, input["refId"]).data, self.actor)
        return self._done(input)

    def update_refs(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("contents", "write")
        for each in input["refUpdates"]:
            name = given_branch(each["name"])
            if each.get("beforeOid") not in (None, self.world.store.head(name)):
                raise Refused(422, f"Reference update failed: {each['name']} is not at {each['beforeOid']}")
            if set(each["afterOid"]) != {"0"}:
                raise Refused(422, "the fake only deletes")
        for each in input["refUpdates"]:
            self.world.delete_branch(given_branch(each["name"]), self.actor)
        return self._done(input)

    def create_commit_on_branch(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("contents", "write")
        target = input["branch"]
        branch = given_branch(target.get("branchName") or find(self.context, target["id"]).data)
        head = self.world.store.head(branch)
        if head is None:
            raise Refused(404, f"No such ref: refs/heads/{branch}", "NOT_FOUND")
        if head != input["expectedHeadOid"]:
            text = f'Expected branch to point to "{input["expectedHeadOid"]}" but it did not. Pull and try again.'
            raise Refused(409, text, "STALE_DATA")
        changes = input.get("fileChanges") or {}
        files: dict[str, bytes | None] = {each["path"]: None for each in changes.get("deletions") or ()}
        files |= {each["path"]: base64.b64decode(each["contents"]) for each in changes.get("additions") or ()}
        message = input["message"]
        text = message["headline"] + (f"\n\n{message['body']}" if message.get("body") else "")
        oid = self.world.commit_at(branch, head, files, text, self.actor, actions=self.context.token.actions)
        return self._done(input, commit=CommitNode(self.context, oid), ref=RefNode(self.context, branch))

    def create_pull_request(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        if self.context.token.actions and not self.world.rules.actions_may_open:
            raise Refused(403, "GitHub Actions is not permitted to create or approve pull requests.", "FORBIDDEN")
        head, base = given_branch(input["headRefName"]), given_branch(input["baseRefName"])
        draft = bool(input.get("draft"))
        pull = self.world.open(head, base, input["title"], input.get("body") or "", self.actor, draft=draft)
        return self._done(input, pullRequest=self._shown(pull))

    def update_pull_request(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input)
        self.world.edit(pull, input.get("title"), input.get("body"))
        return self._done(input, pullRequest=self._shown(pull))

    def close_pull_request(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input)
        self.world.close(pull, self.actor)
        return self._done(input, pullRequest=self._shown(pull))

    def reopen_pull_request(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input)
        self.world.reopen(pull, self.actor)
        return self._done(input, pullRequest=self._shown(pull))

    def merge_pull_request(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("contents", "write")
        pull = self._pull(input)
        self.world.merge(
            pull,
            self.actor,
            str(input.get("mergeMethod", "MERGE")).lower(),
            sha=input.get("expectedHeadOid"),
            headline=input.get("commitHeadline"),
            body=input.get("commitBody"),
            actions=self.context.token.actions,
        )
        return self._done(input, pullRequest=self._shown(pull))

    def enable_pull_request_auto_merge(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("contents", "write")
        self.context.need("pull_requests", "write")
        pull = self._pull(input)
        if input.get("expectedHeadOid") not in (None, pull.head):
            raise Refused(422, "Head branch was modified. Review and try the merge again.")
        method = str(input.get("mergeMethod", "MERGE")).lower()
        self.world.arm(pull, self.actor, method, input.get("commitHeadline"), input.get("commitBody"))
        return self._done(input, pullRequest=self._shown(pull))

    def disable_pull_request_auto_merge(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input)
        pull.auto_merge = None
        return self._done(input, pullRequest=self._shown(pull))

    def add_comment(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input, "subjectId")
        comment = CommentNode(self.context, self.world.comment(pull, self.actor, input["body"]))
        edge = {"cursor": "last", "node": comment}
        return self._done(input, commentEdge=edge, subject=self._shown(pull), timelineEdge=edge)

    def create_label(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        if input["name"] in self.world.labels:
            raise Refused(422, "Name has already been taken")
        label = self.world.label(input["name"])
        label.color, label.description = input["color"], input.get("description")
        return self._done(input, label=LabelNode(self.context, label))

    def add_labels_to_labelable(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input, "labelableId")
        ids = {f"LA_{label.id}": label.name for label in self.world.labels.values()}
        self.world.add_labels(pull, [ids[each] for each in input["labelIds"]])
        return self._done(input, labelable=self._shown(pull))

    def add_pull_request_review(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
        pull, state = self._pull(input), states[input["event"]]
        review = self.world.review(pull, self.actor, state, input.get("body") or "", actions=self.context.token.actions)
        return self._done(input, pullRequestReview=ReviewNode(self.context, review))

    def request_reviews_by_login(self, input: Input) -> dict[str, Any]:  # noqa: A002
        self.context.need("pull_requests", "write")
        pull = self._pull(input)
        self.world.request(pull, list(input.get("userLogins") or ()), list(input.get("teamSlugs") or ()))
        return self._done(input, pullRequest=self._shown(pull))

    def repository(self) -> RepositoryNode:
        return RepositoryNode(self.context, self.world)


def given_branch(name: str) -> str:
    """A branch as inputs name it, with `refs/heads/` or without."""
    return name.removeprefix("refs/heads/")
