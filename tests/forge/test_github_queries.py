"""What is asked of GitHub fits GitHub's published schema."""

from __future__ import annotations

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate
from support.npm import github_graphql_schema

from rollout_bot.forge.github import queries


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(github_graphql_schema(), assume_valid=True)  # it defines some fields twice


def more() -> str:
    asking = queries.Asking()
    asking.revisions("0" * 40, "rollout-state/a/state.yaml", None, 20)
    asking.blob("0" * 40, "rollout-state/a/state.yaml")
    asking.names("0" * 40, "rollout-state")
    asking.paths(7, "cursor")
    return asking.document()


DOCUMENTS = {
    "look": queries.LOOK,
    "more_open": queries.MORE_OPEN,
    "search": queries.SEARCH,
    "branch": queries.BRANCH,
    "pull": queries.PULL,
    "create": queries.CREATE,
    "commit": queries.COMMIT,
    "auto_merge": queries.AUTO_MERGE,
    "more": more(),
    "close": queries.closing(comment=True, close=True, branch=True),
    "delete_branch": queries.closing(comment=False, close=False, branch=True),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_fits_the_published_schema(name: str, schema: GraphQLSchema) -> None:
    assert validate(schema, parse(DOCUMENTS[name])) == []


def test_a_thousand_rollouts_stay_below_the_node_limit() -> None:
    for files in (1, 2, 40, 2_000, 100_000):
        revisions = queries.revisions_at_once(files)
        assert revisions >= 1
        assert files > 32_000 or files * revisions * queries.REVISION_NODES <= queries.NODES
    assert queries.revisions_at_once(2_000) >= 15
