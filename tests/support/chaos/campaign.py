"""Lives the life once for every fault: each strikes one tick, and the clean ticks after it have to make up for it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rollout_bot.core.decision.decision import Request
from rollout_bot.forge.interface import ForgeError
from support.chaos.holds import check, told_why
from support.chaos.hostings import GitHubHosting, Hosting, LocalHosting
from support.chaos.injection import KINDS, Fault, Kind, Target, injected
from support.chaos.life import FILES, LIFE, Step
from support.chaos.services import services
from support.github import FakeGitHub, strict
from support.hosted import Site
from support.ticks import STATE, Killed

RECOVERY = 2
"""Clean ticks after which nothing may remind of a fault."""

_APP = 4711
LEAVES = frozenset((Target.NOTIFIER, Target.GATEWAY, Target.TEXTFILE))
KILLS = frozenset((Kind.KILLED_BEFORE, Kind.KILLED_AFTER))
_SKEW = {Kind.CLOCK_AHEAD: timedelta(days=1), Kind.CLOCK_BEHIND: timedelta(days=-1)}

Trial = tuple[tuple[Fault, ...], tuple[Fault, ...]]
"""Faults of the step's own tick, and of the one after it."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: after how many clean ticks (None: not at all), or what was broken on the way."""

    forge: str
    step: str
    trial: Trial
    ticks: int | None
    broken: str = ""

    @property
    def survived(self) -> bool:
        return self.ticks is not None and not self.broken

    def __str__(self) -> str:
        faults = [f"{each.kind} at {each.target} call {each.nth}" for tick in self.trial for each in tick]
        said = self.broken or f"not as if undisturbed after {RECOVERY} clean ticks"
        return f"{self.forge}, “{self.step}”: {' and '.join(faults)}: {said}"


@dataclass(frozen=True)
class Plan:
    """Which faults to try at each step; what is random is drawn from the seed.

    `kinds` of those that can befall a call are tried at each (None: all), at a `share` of all calls; then `pairs`.
    """

    seed: int
    kinds: int | None = None
    share: float = 1.0
    pairs: int = 0
    part: int = 0
    parts: int = 1

    def trials(self, forge: str, index: int, calls: Counter[Target]) -> Iterator[Trial]:
        if index % self.parts != self.part:
            return
        draw = random.Random(f"{self.seed} {forge} {index}")
        every: list[Fault] = []
        for target, nth in _numbered(calls):
            faults = [Fault(target, nth, kind) for kind in KINDS[target]]
            every += faults
            if draw.random() < self.share:
                yield from (((fault,), ()) for fault in draw.sample(faults, min(self.kinds or 99, len(faults))))
        for _ in range(self.pairs):
            one, other = draw.sample(every, 2)
            yield ((one, other), ()) if draw.random() < 0.5 else ((one,), (other,))


def _numbered(calls: Counter[Target]) -> Iterator[tuple[Target, int]]:
    for target in sorted(calls):
        yield from ((target, nth) for nth in range(1, calls[target] + 1))


@dataclass
class Report:
    """What a campaign has come to. `calls` are those of one undisturbed life."""

    calls: Counter[tuple[str, Target]] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        return [str(each) for each in self.outcomes if not each.survived]


@contextmanager
def hosting(forge: str, folder: Path) -> Iterator[Hosting]:
    """The repository of the life at its beginning; `forge` is local or GitHub."""
    folder.mkdir(parents=True, exist_ok=True)
    with services(folder) as around:
        if forge == LocalHosting.name:
            yield LocalHosting(folder, FILES, around)
            return
        with FakeGitHub(folder, FILES, rules=strict(_APP)) as github:
            yield GitHubHosting(github, Site(github, folder, github.app_token(app=_APP)), around)


def live(here: Hosting, plan: Plan, steps: Sequence[Step] = LIFE) -> Report:
    """The whole life, undisturbed, with the trials of the plan at each of its steps."""
    report = Report()
    for index, step in enumerate(steps):
        step.act(here)
        here.now += step.after
        before = here.keep()
        _forget(here)
        calls = _run(here, step.request, ())
        calls[Target.CLOCK] = 1
        report.calls.update({(here.name, target): count for target, count in calls.items()})
        once = here.end()
        for _ in range(RECOVERY):
            _run(here, None, ())
        after, end = here.keep(), _End.of(here)
        assert _stage(here) == step.stage, f"the life has gone another way: {step.name}"
        for trial in plan.trials(here.name, index, calls):
            here.restore(before)
            _forget(here)
            report.outcomes.append(_tried(here, step, trial, once, end))
        here.restore(after)
    return report


@dataclass(frozen=True)
class _End:
    """What is left at last: the repository, what people were told, what is published."""

    repository: object
    gist: object
    told: frozenset[str]
    published: tuple[str, ...]

    @classmethod
    def of(cls, here: Hosting) -> _End:
        return cls(here.end(), here.gist(), frozenset(here.services.told()), here.services.published())

    def reached(self, here: Hosting, trial: Trial) -> bool:
        """Told may be more than that, such as the trouble itself; never less.

        Where the clock was wrong, what was written keeps a wrong time.
        """
        skewed = any(fault.kind in _SKEW for tick in trial for fault in tick)
        same = here.gist() == self.gist if skewed else here.end() == self.repository
        return same and here.services.told() >= self.told and here.services.published() == self.published


def _tried(here: Hosting, step: Step, trial: Trial, once: object, end: _End) -> Outcome:
    first, second = trial
    try:
        _run(here, step.request, first)
        if all(each.target in LEAVES and each.kind not in KILLS for each in first):
            assert here.end() == once, "4: what could not be told or published kept the bot from its work"
        if second:
            _run(here, step.request, second)
        for ticks in range(RECOVERY):
            if end.reached(here, trial):
                return Outcome(here.name, step.name, trial, ticks)
            # Whoever asked for something and saw it fail asks again.
            _run(here, None if ticks else step.request, ())
    except Exception as error:  # noqa: BLE001 - whatever it is, the table has to tell
        return Outcome(here.name, step.name, trial, None, f"{type(error).__name__}: {error}")
    return Outcome(here.name, step.name, trial, RECOVERY if end.reached(here, trial) else None)


def _run(here: Hosting, request: Request | None, faults: Sequence[Fault]) -> Counter[Target]:
    """One tick with faults in it, and whether all holds afterwards. Answers how often whom was called."""
    skew = sum((_SKEW[each.kind] for each in faults if each.kind in _SKEW), timedelta())
    with injected(faults, here.hosts, files=here.files) as injector:
        try:
            record = here.tick(request, skew)
            if not injector.dead:
                told_why(record)
        except (ForgeError, Killed):
            pass
        except Exception:
            # After a kill nobody hears what else goes wrong.
            if not injector.dead:
                raise
    check(here)
    return injector.counts


def _forget(here: Hosting) -> None:
    here.services.box.take()
    here.services.pushed = ""
    here.services.textfile.unlink(missing_ok=True)


def _stage(here: Hosting) -> str:
    content = here.forge(here.now).snapshot().files[STATE].decode()
    return next(line.split()[1].strip('"') for line in content.splitlines() if line.startswith("stage:"))
