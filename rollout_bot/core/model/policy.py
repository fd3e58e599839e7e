"""What humans decide: stages, thresholds, queries, gates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from rollout_bot.core.durations import format_duration
from rollout_bot.core.model.guardrails import Guardrail
from rollout_bot.core.model.routes import Channel, Route
from rollout_bot.core.model.windows import Window
from rollout_bot.core.wording import figure

LONGEST_COOLDOWN = timedelta(days=30)
"""Where the growth of the cooldown ends: who has not looked in a month is not helped by a longer one."""

PATIENCE = timedelta(days=3)
"""On top of a stage's duration, unless the policy says otherwise."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A named step. `percentage` is of traffic, `max_error_rate` a fraction, `duration` the least time to stay.

    `max_wait` is since the stage was entered; None for `PATIENCE` more than `duration`.
    """

    name: str
    percentage: int
    duration: timedelta
    max_error_rate: float
    requires_approval: bool
    max_wait: timedelta | None = None

    @property
    def patience(self) -> timedelta:
        """How long to wait in this stage for a verdict before a human is asked; it never advances by itself."""
        return self.duration + PATIENCE if self.max_wait is None else self.max_wait

    @property
    def whole(self) -> bool:
        """Whether it has all the traffic, so that nothing is left to compare it with."""
        return self.percentage == 100


OFF = Stage("off", 0, timedelta(0), 1.0, False)
"""Below the first stage of every rollout: nothing is enforced, so nothing can be measured either."""


class AnalysisRule(StrEnum):
    """What judges a stage: all of its evidence, or the error rate of the last hour alone."""

    SEQUENTIAL = "sequential"
    THRESHOLD = "threshold"


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """How sure to be. `confidence` bounds the chance of rolling back a good stage (1 − confidence, over all looks).

    `max_error_rate_increase` is tolerated over the baseline's error rate, a fraction.
    """

    confidence: float = 0.99
    promote_confidence: float = 0.95
    min_requests: int = 50
    min_failures: int = 3
    confirm_intervals: int = 2
    max_error_rate_increase: float = 0.001
    rule: AnalysisRule = AnalysisRule.SEQUENTIAL


@dataclass(frozen=True, slots=True)
class Metrics:
    """Which source measures, and its own settings, which only that source understands."""

    source: str
    settings: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Convergence:
    """How to see what share of traffic gets the change: a query in per cent, the points it may be off, how long to wait
    for it before somebody is called.
    """

    observed_percentage: str
    tolerance: float = 1.0
    max_wait: timedelta = timedelta(hours=1)

    @property
    def question(self) -> tuple[str, float]:
        """What decides when evidence starts: a change of it starts the evidence anew."""
        return self.observed_percentage, self.tolerance


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that a schema cannot see. `path` leads to the field, as keys and indexes from the document's root."""

    path: tuple[str | int, ...]
    found: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another rollout, and the stage that it must have reached."""

    rollout: str
    stage: str

    def __str__(self) -> str:
        return f"{self.rollout}@{self.stage}"


@dataclass(frozen=True, slots=True)
class Policy:
    """One rollout's rules. `stages` are in order of rising percentage and do not contain `OFF`.

    `operators` may ask for changes by hand: roles in the repository, and people as `@login`. `reviewers`, as `@login`
    or `@org/team`, are asked to review what needs an approval. `deploy_workflow` is started after each merge of the
    bot's own. `links` are addresses for people, by the words to show for them.
    """

    rollout: str
    stages: tuple[Stage, ...]
    metrics: Metrics
    interval: timedelta = timedelta(minutes=15)
    analysis: AnalysisSettings = AnalysisSettings()
    rollback_on_error: bool = True
    cooldown: timedelta = timedelta(hours=24)
    cooldown_backoff: float = 2.0
    max_rollbacks: int = 3
    merge_on_approval: bool = False
    operators: tuple[str, ...] = ("admin", "maintain")
    reviewers: tuple[str, ...] = ()
    deploy_workflow: str | None = None
    notify: tuple[Route, ...] = ()
    window: Window | None = None
    guardrails: tuple[Guardrail, ...] = ()
    convergence: Convergence | None = None
    after: tuple[Dependency, ...] = ()
    links: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def ladder(self) -> tuple[Stage, ...]:
        """`OFF` and then the stages."""
        return (OFF, *self.stages)

    def stage(self, name: str) -> Stage | None:
        """The stage of that name, `OFF` included; None if the policy has none."""
        return next((stage for stage in self.ladder if stage.name == name), None)

    def above(self, stage: Stage) -> Stage | None:
        """The next stage up; None from the last."""
        rest = self.ladder[self.ladder.index(stage) + 1 :]
        return rest[0] if rest else None

    def below(self, stage: Stage) -> Stage | None:
        """The next stage down; None from `OFF`."""
        index = self.ladder.index(stage)
        return self.ladder[index - 1] if index else None

    def cooldown_after(self, rollbacks: int) -> timedelta:
        """How long to wait after the last of so many rollbacks since a human resumed: each waits longer by a factor."""
        longest = max(LONGEST_COOLDOWN, self.cooldown)
        earlier = max(0, rollbacks - 1)
        # Compared as logarithms, because the power itself overflows sooner or later.
        if self.cooldown and earlier * math.log(self.cooldown_backoff) >= math.log(longest / self.cooldown):
            return longest
        return self.cooldown * self.cooldown_backoff**earlier if self.cooldown else self.cooldown

    def opening(self, moment: datetime) -> datetime | None:
        """The first time from then on at which it may advance; None if that is not within a year."""
        return moment if self.window is None else self.window.opens_at(moment)

    def may_operate(self, person: str, role: str | None) -> bool:
        """Whether a person may ask for changes; `role` is None on a forge that knows no roles, where everybody may."""
        return role is None or role in self.operators or f"@{person}".lower() in map(str.lower, self.operators)

    def faults(self) -> Iterator[Fault]:
        """What contradicts itself between the fields, each fault with the way to its field."""
        names: dict[str, int] = {OFF.name: -1}
        previous = OFF
        for index, stage in enumerate(self.stages):
            if stage.name in names:
                other = "the implicit stage below the first" if names[stage.name] < 0 else f"stage {names[stage.name]}"
                yield Fault(("stages", index, "name"), f"{stage.name!r}, the name of {other}", "a name of its own")
            names.setdefault(stage.name, index)
            if stage.percentage <= previous.percentage:
                yield Fault(
                    ("stages", index, "percentage"),
                    f"{stage.percentage} after {previous.percentage} of {previous.name!r}",
                    f"more than {previous.percentage}: every stage raises the percentage",
                )
            if stage.max_wait is not None and stage.max_wait < stage.duration:
                found = f"{format_duration(stage.max_wait)} with a duration of {format_duration(stage.duration)}"
                yield Fault(("stages", index, "max_wait"), found, "at least the duration")
            previous = stage
        yield from self._guardrail_faults()
        yield from self._route_faults()

    def _route_faults(self) -> Iterator[Fault]:
        addresses: dict[str, int] = {}
        for index, route in enumerate(self.notify):
            path = ("notify", index)
            if route.address in addresses:
                found = f"${{{route.address}}}, the address of route {addresses[route.address]}"
                yield Fault((*path, "address"), found, "one route for each address; it can take several events")
            addresses.setdefault(route.address, index)
            if route.channel is Channel.WEBHOOK and route.secret is None:
                yield Fault((*path, "secret"), "no such key", "${NAME}: a webhook signs what it sends")
            if route.channel is not Channel.WEBHOOK and route.secret is not None:
                yield Fault((*path, "secret"), f"a secret for {route.channel}", "a secret for a webhook only")

    def _guardrail_faults(self) -> Iterator[Fault]:
        names: dict[str, int] = {}
        for index, each in enumerate(self.guardrails):
            path = ("guardrails", index)
            if each.name in names:
                yield Fault(
                    (*path, "name"), f"{each.name!r}, the name of guardrail {names[each.name]}", "a name of its own"
                )
            names.setdefault(each.name, index)
            if each.max is not None and each.min is not None and each.min > each.max:
                yield Fault((*path, "min"), f"{figure(each.min)} above max, {figure(each.max)}", "at most max")
