"""GitHub forges on the fake GitHub."""

from __future__ import annotations

from collections.abc import Callable

from rollout_bot.forge.github import GitHubForge
from support.forges import POLICY, STATE
from support.github import FakeGitHub

FILES = {STATE: "stage: quarter\n", POLICY: "stages: []\n"}

Connect = Callable[..., GitHubForge]


def connector(github: FakeGitHub) -> Connect:
    """Makes forges: with the token of an App unless another is given; none of them ever sleeps."""

    def connect(token: str | None = None, **more: str) -> GitHubForge:
        return GitHubForge(
            "acme/shop",
            token=token or github.app_token(),
            now=github.now,
            api_url=github.origin,
            graphql_url=f"{github.origin}/graphql",
            pause=lambda _seconds: None,
            **more,
        )

    return connect
