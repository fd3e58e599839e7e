"""The embedded forge: a plain git repository with its own pull requests, reviews and merges."""

from rollout_bot.forge.local.forge import LocalForge

__all__ = ["LocalForge"]
