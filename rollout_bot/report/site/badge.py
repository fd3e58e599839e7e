"""A badge for a README: where a rollout stands, in the colour of its verdict."""

from __future__ import annotations

_COLOURS = {"good": "#116329", "bad": "#a40e26", "wait": "#6b5600"}
_CHARACTER = 6.8
"""Pixels of an average character of the badge's font; `textLength` makes it exact."""


def badge(name: str, text: str, tone: str) -> str:
    """An SVG picture of two fields: "checkout" and "half 50 %". `tone` is good, bad or wait."""
    from rollout_bot.report.site.pages import environment

    left, right = (round(_CHARACTER * len(each)) + 14 for each in (name, text))
    template = environment().get_template("badge.svg")
    return template.render(name=name, text=text, left=left, right=right, colour=_COLOURS[tone])
