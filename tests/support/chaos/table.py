"""The page that tells what a campaign has come to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from support.chaos.campaign import LIFE, RECOVERY, Outcome, Report
from support.chaos.injection import Kind, Target

_PAGE = """\
# Faults

What becomes of a rollout when something goes wrong in the middle of a tick. This page is written by a command:

```console
$ {command}
```

It lives a whole life cycle of {steps} ticks on the local forge and on a GitHub made for tests: a refusal, approvals, a
rollback to `off`, one to the stage below, metrics that are gone, a hold, an edit of `state.yaml` by hand. At every call
that leaves the bot (a git process, a file, a request to GitHub, to the metrics source, to a notifier or a publisher,
and the look at the clock) it breaks one thing, then lets clean ticks follow. A fault is survived if

- after at most {recovery} clean ticks base branch, branches, open pull requests, gates and labels are what they would
  have been,
- whoever had to be told was told, and what is published is right,
- after each tick all holds that must always hold: nothing went up on bad evidence, too early, without its owner or
  before the cooldown; at most one advance is open; a lost message or figure kept nothing from happening.

A person whose request failed asks once more. What was written while the clock was wrong keeps the wrong time, and a
pull request that was opened too early stays open: its gate keeps it from being merged until it is time. A label that
could not be set before a merge is not set later. *Recovery* counts clean ticks; on GitHub the branch of a merged pull
request is always left to one of them.

## By what was called

{targets}

## By what went wrong

{kinds}

Pairs strike one tick, or one and the next.
"""

_HEAD = ("calls", "faults injected", "survived", "worst recovery")


def page(report: Report, command: str) -> str:
    single = [each for each in report.outcomes if _faults(each) == 1]
    targets = list(_by_target(report, single))
    kinds = list(_by_kind(report.outcomes, single))
    return _PAGE.format(
        command=command,
        steps=len(LIFE),
        recovery=RECOVERY,
        targets=_table(("forge", "called", *_HEAD), targets),
        kinds=_table(("fault", *_HEAD[1:]), kinds),
    )


def _by_target(report: Report, single: list[Outcome]) -> Iterator[tuple[str, ...]]:
    for forge in ("local", "GitHub"):
        for target in Target:
            if calls := report.calls[forge, target]:
                met = _those(single, lambda each, forge=forge, target=target: _first(each, forge) is target)  # type: ignore[misc]
                yield forge, str(target), f"{calls:,}", *_counted(met)
    yield "both", "all", f"{report.calls.total():,}", *_counted(single)


def _by_kind(outcomes: list[Outcome], single: list[Outcome]) -> Iterator[tuple[str, ...]]:
    for kind in Kind:
        yield str(kind), *_counted([each for each in single if each.trial[0][0].kind is kind])
    yield "pairs of these, at random", *_counted([each for each in outcomes if _faults(each) == 2])


def _those(outcomes: Iterable[Outcome], wanted: Callable[[Outcome], bool]) -> list[Outcome]:
    return [each for each in outcomes if wanted(each)]


def _first(outcome: Outcome, forge: str) -> Target | None:
    return outcome.trial[0][0].target if outcome.forge == forge else None


def _faults(outcome: Outcome) -> int:
    return sum(map(len, outcome.trial))


def _counted(outcomes: list[Outcome]) -> tuple[str, str, str]:
    worst = max((each.ticks or 0 for each in outcomes), default=0)
    return f"{len(outcomes):,}", f"{sum(each.survived for each in outcomes):,}", str(worst)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
