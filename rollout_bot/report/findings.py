"""What an examination found, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rollout_bot.core.finding import Finding, Level
from rollout_bot.report.blocks import Line, render

_STYLES = {Level.RIGHT: "green", Level.WEAK: "yellow", Level.WRONG: "bold red", Level.UNKNOWN: "dim"}


def findings_text(findings: Iterable[Finding], *, color: bool = False, width: int = 100) -> str:
    """One block for each subject, each fault with its fix, and a closing count."""
    known = tuple(findings)
    subjects = dict.fromkeys(finding.subject for finding in known)
    blocks = [[("", subject, "bold"), *_lines(known, subject)] for subject in subjects]
    counts = ", ".join(f"{sum(each.level is level for each in known)} {level}" for level in Level)
    return render([*blocks, [("", counts, "dim")]], color=color, width=width)


def _lines(findings: Iterable[Finding], subject: str) -> Iterator[Line]:
    for finding in findings:
        if finding.subject != subject:
            continue
        yield finding.level, finding.found, _STYLES[finding.level]
        if finding.fix:
            yield "", f"→ {finding.fix}", ""
