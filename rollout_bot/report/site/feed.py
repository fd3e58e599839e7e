"""An Atom feed (RFC 4287) of transitions: whoever reads feeds learns of every change, and of each one once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from rollout_bot.core.links import Links
from rollout_bot.core.model.history import Transition
from rollout_bot.core.wording import one_line
from rollout_bot.report.documents import time
from rollout_bot.report.sentences import evidence_sentences, transition_title

MOST = 100
"""Entries of a feed, the newest."""

_ATOM = "http://www.w3.org/2005/Atom"


def feed(title: str, changes: Mapping[str, Sequence[Transition]], links: Links, now: datetime) -> str:
    """The newest transitions of the given rollouts. Identifiers never change, so that nothing is shown twice."""
    entries = sorted(
        ((each, rollout) for rollout, found in changes.items() for each in found),
        key=lambda pair: (pair[0].at, pair[1], pair[0].state.generation),
        reverse=True,
    )
    root = ET.Element("feed", xmlns=_ATOM)
    _text(root, "title", title)
    _text(root, "id", f"{links.repository or 'urn:rollout-bot'}#{title}")
    _text(root, "updated", time(entries[0][0].at if entries else now) or "")
    _text(ET.SubElement(root, "author"), "name", "rollout-bot")
    for each, rollout in entries[:MOST]:
        _entry(root, each, rollout, links)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _entry(root: ET.Element, change: Transition, rollout: str, links: Links) -> None:
    state = change.state
    entry = ET.SubElement(root, "entry")
    _text(entry, "title", f"{rollout}: {transition_title(state)}")
    _text(entry, "id", f"{links.repository or 'urn:rollout-bot'}#{rollout}-{state.generation}-{change.commit}")
    _text(entry, "updated", time(change.at) or "")
    url = links.pull(change.pull) if change.pull is not None else links.commit(change.commit)
    if url is not None:
        ET.SubElement(entry, "link", href=url)
    _text(entry, "summary", " ".join((f"{one_line(state.change.reason)}.", *evidence_sentences(state.evidence))))


def _text(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
