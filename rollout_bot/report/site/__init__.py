"""The published site: pages, status documents, badges and feeds, as texts by path."""

from rollout_bot.report.site.pages import site_files

__all__ = ["site_files"]
