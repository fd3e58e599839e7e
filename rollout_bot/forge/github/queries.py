"""What is asked of GitHub, as GraphQL. Values from outside travel as variables, never in a text.

GitHub counts the nodes a query could return, at most 500,000, by the page sizes of nested connections; a tree's
entries are no connection and count nothing. One page of open pull requests costs 22,500 of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PAGE = 100
"""GitHub's largest page."""

NODES = 450_000
"""Of the 500,000 that a query may ask for, so that the small things beside the histories fit."""

REVISION_NODES = 14
"""Nodes that one revision costs: commit, pull request, its merge commit, ten reviews, and some air."""

REVISIONS_AT_ONCE = 20

_ACTOR = "login __typename ... on Node { id }"
_BLOB = "... on Blob { oid byteSize isBinary isTruncated text }"
_FILES = f"... on Tree {{ oid entries {{ name mode oid object {{ {_BLOB} }} }} }}"
_STATE = f"... on Tree {{ oid entries {{ name mode oid object {{ {_BLOB}"
_STATE += f" ... on Tree {{ oid entries {{ name mode oid object {{ {_BLOB} {_FILES} }} }} }} }} }} }}"
_NAMES = "... on Tree { entries { name mode oid object { ... on Tree { entries { name mode oid } } } } }"
_NAMES = f"... on Tree {{ entries {{ name mode oid object {{ {_NAMES} }} }} }}"
_REVIEWS = f"nodes {{ state author {{ {_ACTOR} }} commit {{ oid }} }}"
_FILE_PAGE = "pageInfo { hasNextPage endCursor } nodes { path changeType }"

_PULL = f"""
fragment pull on PullRequest {{
  id number title state createdAt closedAt isCrossRepository baseRefName headRefName headRefOid
  mergedAt mergeCommit {{ oid }}
  headRepositoryOwner {{ login }}
  author {{ {_ACTOR} }}
}}
"""

_OPEN = f"""
fragment open on PullRequest {{
  ...pull
  body isDraft mergeable reviewDecision changedFiles
  headRef {{ id }}
  autoMergeRequest {{ enabledAt }}
  labels(first: 100) {{ nodes {{ name }} }}
  latestOpinionatedReviews(first: 100, writersOnly: true) {{ {_REVIEWS} }}
  files(first: 100) {{ {_FILE_PAGE} }}
  commits(last: 1) {{ nodes {{ commit {{
    oid
    file(path: $root) {{ oid }}
    status {{ context(name: $gate) {{ state description creator {{ {_ACTOR} }} }} }}
  }} }} }}
}}
"""

_CLOSED = f"""
fragment closed on PullRequest {{
  ...pull
  timelineItems(last: 1, itemTypes: [CLOSED_EVENT]) {{ nodes {{ ... on ClosedEvent {{ actor {{ {_ACTOR} }} }} }} }}
}}
"""

_BASE = f"""
fragment base on Ref {{
  name
  target {{
    oid
    ... on Commit {{
      file(path: $root) {{ mode object {{ {_STATE} }} }}
      owners0: file(path: ".github/CODEOWNERS") {{ mode object {{ {_BLOB} }} }}
      owners1: file(path: "CODEOWNERS") {{ mode object {{ {_BLOB} }} }}
      owners2: file(path: "docs/CODEOWNERS") {{ mode object {{ {_BLOB} }} }}
      history(first: 100) {{ nodes {{ oid committedDate parents(first: 3) {{ nodes {{ oid }} }} }} }}
    }}
  }}
}}
"""

_BRANCH = f"""
fragment branch on Ref {{
  name prefix
  target {{ oid }}
  associatedPullRequests(first: 5, orderBy: {{field: CREATED_AT, direction: DESC}}) {{ nodes {{
    state headRefOid baseRefName
    author {{ {_ACTOR} }}
  }} }}
}}
"""

_NOTES = f"status {{ contexts {{ context description creator {{ {_ACTOR} }} }} }}"

_REVISION = f"""
fragment revisions on CommitHistoryConnection {{
  pageInfo {{ hasNextPage endCursor }}
  nodes {{
    oid committedDate {_NOTES}
    associatedPullRequests(first: 1) {{ nodes {{
      number baseRefName mergedAt headRefOid
      author {{ {_ACTOR} }}
      mergeCommit {{ oid parents(first: 2) {{ totalCount }} {_NOTES} }}
      latestOpinionatedReviews(first: 10, writersOnly: true) {{ {_REVIEWS} }}
    }} }}
  }}
}}
"""

LOOK = (
    """
query Look($owner: String!, $name: String!, $base: String, $ref: String!, $named: Boolean!, $root: String!,
           $gate: String!) {
  viewer { login id }
  repository(owner: $owner, name: $name) {
    id
    ref(qualifiedName: $ref) @include(if: $named) { ...base }
    defaultBranchRef @skip(if: $named) { ...base }
    open: pullRequests(states: OPEN, baseRefName: $base, first: 100, orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor } nodes { ...open }
    }
    closed: pullRequests(states: CLOSED, baseRefName: $base, first: 100,
                         orderBy: {field: UPDATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor } nodes { ...closed }
    }
    ours: refs(refPrefix: "refs/heads/rollout/", first: 100) { nodes { ...branch } }
  }
}
"""
    + _PULL
    + _OPEN
    + _CLOSED
    + _BASE
    + _BRANCH
)
"""Everything whose names are known beforehand, as of one commit of the base branch."""

MORE_OPEN = (
    """
query MoreOpen($owner: String!, $name: String!, $base: String!, $after: String!, $root: String!, $gate: String!) {
  repository(owner: $owner, name: $name) {
    open: pullRequests(states: OPEN, baseRefName: $base, first: 100, after: $after,
                       orderBy: {field: CREATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor } nodes { ...open }
    }
  }
}
"""
    + _PULL
    + _OPEN
)

SEARCH = (
    """
query Search($what: String!, $after: String) {
  search(type: ISSUE, query: $what, first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { ...closed }
  }
}
"""
    + _PULL
    + _CLOSED
)
"""Pull requests that were closed long ago. The index lags behind by moments, which the newest page of LOOK covers."""

BRANCH = (
    """
query Branch($owner: String!, $name: String!, $branch: String!, $ref: String!, $root: String!, $gate: String!) {
  repository(owner: $owner, name: $name) {
    ref(qualifiedName: $ref) { id target { oid } }
    pulls: pullRequests(headRefName: $branch, first: 100, orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { ...open ...closed }
    }
  }
}
"""
    + _PULL
    + _OPEN
    + _CLOSED
)
"""A branch and its pull requests in any state, newest first: what there is where an action may have been done."""

PULL = (
    """
query Pull($owner: String!, $name: String!, $number: Int!, $base: String!, $root: String!, $gate: String!) {
  repository(owner: $owner, name: $name) {
    mergeQueue(branch: $base) { id }
    pullRequest(number: $number) {
      ...open ...closed
      mergeStateStatus isInMergeQueue
      checked: commits(last: 1) { nodes { commit {
        status { context(name: $gate) { isRequired(pullRequestNumber: $number) } }
      } } }
    }
  }
}
"""
    + _PULL
    + _OPEN
    + _CLOSED
)
"""One pull request, and what stands between it and its merge."""

_COMMITTED = """createCommitOnBranch(input: $commit) {
    commit { oid }
    ref { id repository { pullRequests(headRefName: $branch, first: 20, orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { number isCrossRepository baseRefName mergedAt mergeCommit { oid } }
    } } }
  }"""
"""The answer tells the branch's pull requests: what somebody has just refused, or another run has opened or merged
since the look, is not opened again.
"""

CREATE = f"""
mutation Create($ref: CreateRefInput!, $commit: CreateCommitOnBranchInput!, $branch: String!) {{
  createRef(input: $ref) {{ ref {{ id }} }}
  {_COMMITTED}
}}
"""
"""A branch and its one commit: GitHub carries the steps of a mutation out one after the other."""

COMMIT = f"""
mutation Commit($commit: CreateCommitOnBranchInput!, $branch: String!) {{
  {_COMMITTED}
}}
"""

UPDATE_REFS = """
mutation UpdateRefs($input: UpdateRefsInput!) {
  updateRefs(input: $input) { clientMutationId }
}
"""
"""Of the ways to delete a branch the one that compares its commit first."""

AUTO_MERGE = """
mutation AutoMerge($input: EnablePullRequestAutoMergeInput!) {
  enablePullRequestAutoMerge(input: $input) { pullRequest { number } }
}
"""


@dataclass
class Asking:
    """A query that grows: each part under an alias of its own, its values in variables."""

    parts: list[str] = field(default_factory=list)
    declared: list[str] = field(default_factory=list)
    variables: dict[str, str | int | None] = field(default_factory=dict)
    revising: bool = False

    def value(self, kind: str, value: str | int | None) -> str:
        """Declares a variable of a GraphQL type; answers its name."""
        name = f"v{len(self.declared)}"
        self.declared.append(f"${name}: {kind}")
        self.variables[name] = value
        return f"${name}"

    def add(self, part: str) -> str:
        """Adds a field of the repository; answers its alias in the answer."""
        alias = f"a{len(self.parts)}"
        self.parts.append(f"{alias}: {part}")
        return alias

    def revisions(self, commit: str, path: str, after: str | None, first: int) -> str:
        asked, place = self.value("String!", commit), self.value("String!", path)
        history = f"history(first: {first}, path: {place}, after: {self.value('String', after)})"
        content = f"nodes {{ file(path: {place}) {{ mode object {{ {_BLOB} }} }} }}"
        self.revising = True
        return self.add(f"object(expression: {asked}) {{ ... on Commit {{ {history} {{ ...revisions {content} }} }} }}")

    def blob(self, commit: str, path: str) -> str:
        asked, place = self.value("String!", commit), self.value("String!", path)
        file = f"file(path: {place}) {{ mode object {{ {_BLOB} }} }}"
        return self.add(f"object(expression: {asked}) {{ ... on Commit {{ {file} }} }}")

    def names(self, commit: str, folder: str) -> str:
        return self.add(f"object(expression: {self.value('String!', f'{commit}:{folder}')}) {{ {_NAMES} }}")

    def paths(self, number: int, after: str) -> str:
        pull = self.value("Int!", number)
        cursor = self.value("String!", after)
        return self.add(f"pullRequest(number: {pull}) {{ files(first: 100, after: {cursor}) {{ {_FILE_PAGE} }} }}")

    def document(self) -> str:
        declared = ", ".join(["$owner: String!", "$name: String!", *self.declared])
        fields = "\n".join(self.parts)
        query = f"query More({declared}) {{ repository(owner: $owner, name: $name) {{\n{fields}\n}} }}"
        return query + (_REVISION if self.revising else "")


def closing(*, comment: bool, close: bool, branch: bool) -> str:
    """The steps of closing a pull request, in one mutation: comment, close, delete the branch."""
    steps: Mapping[str, tuple[bool, str]] = {
        "comment": (comment, "addComment(input: $comment) { clientMutationId }"),
        "close": (close, "closePullRequest(input: $close) { pullRequest { state closedAt } }"),
        "branch": (branch, "deleteRef(input: $branch) { clientMutationId }"),
    }
    kinds = {"comment": "AddCommentInput!", "close": "ClosePullRequestInput!", "branch": "DeleteRefInput!"}
    wanted = [name for name, (asked, _) in steps.items() if asked]
    declared = ", ".join(f"${name}: {kinds[name]}" for name in wanted)
    return f"mutation Close({declared}) {{ {' '.join(steps[name][1] for name in wanted)} }}"


def revisions_at_once(files: int, most: int = REVISIONS_AT_ONCE) -> int:
    """How many revisions of each file to ask for, so that the histories of all fit into one query."""
    return max(1, min(most, NODES // (REVISION_NODES * max(1, files))))
