"""The forge on GitHub or GitHub Enterprise Server."""

from rollout_bot.forge.github.forge import GitHubForge

__all__ = ["GitHubForge"]
