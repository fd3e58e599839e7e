"""The machine itself: metrics of all kinds, ticks of all kinds, and stories that seldom come about by chance."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from rollout_bot.core.model.repository import rollout_of
from rollout_bot.core.model.state import ChangeKind
from support.machine.feed import Answer, Weather
from support.machine.ground import HOURS, MINUTES
from support.machine.people import NAME, People
from support.machine.texts import NAMES
from support.model_forge import OWNER
from support.rollouts import asks
from support.ticks import Killed

REQUESTS = st.sampled_from([ChangeKind.ADVANCE, ChangeKind.ROLL_BACK, ChangeKind.HOLD, ChangeKind.RESUME])
WEATHER = st.sampled_from([Weather.GOOD, Weather.GOOD, Weather.BAD, *Weather])
BEFORE = st.sampled_from([None, Weather.GOOD, Weather.GOOD, Weather.BAD])
ANSWERS = st.sampled_from([Answer.FINE, Answer.FINE, *Answer])


class Metrics(People):
    @rule(name=NAME, weather=WEATHER)
    def the_weather_turns(self, name: str, weather: Weather) -> None:
        self.feeds[name].weather = weather

    @rule(name=NAME, answer=ANSWERS)
    def the_server_answers_otherwise(self, name: str, answer: Answer) -> None:
        self.feeds[name].answer = answer

    @rule(name=NAME)
    def the_metrics_are_late(self, name: str) -> None:
        """Or they catch up again."""
        feed = self.feeds[name]
        feed.stuck = self.place.now if feed.stuck is None else None


class Ticks(Metrics):
    @rule(minutes=MINUTES)
    def tick(self, minutes: int) -> None:
        self.time_passes(minutes)
        self.undisturbed()

    @rule(name=NAME, kind=REQUESTS, by=st.sampled_from([OWNER, OWNER, "bob"]), minutes=MINUTES)
    def somebody_asks(self, name: str, kind: ChangeKind, by: str, minutes: int) -> None:
        self.time_passes(minutes)
        line = self.laws.lines[name]
        record, watched = self.run_tick((name, asks(kind, by=by)))
        one, look = record.rollouts[0], watched.rounds[0].looks[name]
        if not look.sound:
            assert one.problems
            assert one.steps == ()
            return
        assert one.decision is not None
        if by != OWNER and self.place.roles:
            assert one.decision.refused, "somebody asks who may not"
            assert one.steps == ()
        elif kind is ChangeKind.ROLL_BACK and not look.off:
            self.what_the_repository_shows()
            assert one.failed if self.protected else line.moves[-1].back, "4: a rollback by hand waits for something"

    @rule(name=NAME, before=BEFORE, asked=st.none() | st.none() | st.tuples(NAME, REQUESTS), last=st.integers(1, 6))
    def a_tick_is_killed(
        self, name: str, before: Weather | None, asked: tuple[str, ChangeKind] | None, last: int
    ) -> None:
        self.turns(name, before)
        with suppress(Killed):
            self.run_tick((asked[0], asks(asked[1], by=OWNER)) if asked else None, last=last)

    @rule(name=NAME, before=BEFORE)
    def a_tick_runs_twice(self, name: str, before: Weather | None) -> None:
        self.turns(name, before)
        first = {each.rollout for each in self.undisturbed().rollouts if each.merged}
        again = {each.rollout for each in self.undisturbed().rollouts if each.merged}
        assert not first & again, "it moves twice at one moment"

    @rule(data=st.data(), name=NAME, before=BEFORE, at=st.integers(1, 3), late=st.sampled_from([0, 15, 700]))
    def a_tick_is_disturbed(self, data: st.DataObject, name: str, before: Weather | None, at: int, late: int) -> None:
        """Just before its action number `at` something else happens, `late` minutes after it had looked."""
        self.turns(name, before)
        deeds: dict[str, Callable[[], object]] = {
            "another tick": self.run_tick,
            "a hold": lambda: self.run_tick((data.draw(NAME), asks(ChangeKind.HOLD, by=OWNER))),
            "a push": lambda: self.push_to_a_branch(data, data.draw(st.booleans())),
            "a refusal": lambda: self.close(data),
            "an approval": lambda: self.approve(data, OWNER),
            "a merge": lambda: self.merge(data),
            "a policy": lambda: self.change_the_policy(data, data.draw(NAME)),
            "an edit": lambda: self.break_the_state(data, data.draw(NAME)),
        }
        deed = deeds[data.draw(st.sampled_from(list(deeds)))]

        def meanwhile() -> None:
            self.time_passes(late)
            self.do(deed)

        self.run_tick(at=at, meanwhile=meanwhile)
        self.what_the_repository_shows()
        self.undisturbed()


class Rollouts(Ticks):
    """Two rollouts in one repository."""

    @rule(
        names=st.sampled_from([NAMES, NAMES, *((name,) for name in NAMES)]),
        clear=st.booleans(),
        times=st.integers(1, 6),
        agreed=st.booleans(),
    )
    def all_goes_well(self, names: tuple[str, ...], clear: bool, times: int, agreed: bool) -> None:
        """Hours on which an owner looks at what waits. Those not named stay in whatever trouble they are."""
        for name in names:
            self.clear(name) if clear else self.turns(name, Weather.GOOD)
        for _ in range(times):
            self._an_hour_comes(agreed=agreed)

    def _an_hour_comes(self, *, agreed: bool) -> None:
        """At which something could go up. Whether an owner agrees to what waits is another matter."""
        self.time_passes(HOURS)
        self.undisturbed()
        for pull in self.own() if agreed else []:
            self.approved(pull, OWNER)
            self.merged(pull)
        self.what_the_repository_shows()

    @rule(name=NAME, minutes=MINUTES, protected=st.booleans())
    def it_goes_wrong(self, name: str, minutes: int, protected: bool) -> None:
        self.protect(on=protected)
        self.feeds[name].heal()
        self.feeds[name].weather = Weather.BAD
        self.time_passes(max(minutes, 15))
        self.undisturbed()

    @rule(name=NAME, more=st.sampled_from(["nothing", "a marker", "a policy"]))
    def somebody_goes_up_alone(self, name: str, more: str) -> None:
        """All is lawful but the approval, which no owner has given; or an owner likes the policy that comes along."""
        self.clear(name)
        self.turns(name, Weather.GOOD)
        self.propose_by_hand(name, up=1, next_attempt=False, more=more, takes=False)
        self.undisturbed()
        for pull in self.seen().open_pulls():
            if more == "a policy":
                self.approved(pull, OWNER)
            self.merged(pull)

    @rule(name=NAME)
    def the_question_changes(self, name: str) -> None:
        """Just before it would go up."""
        self.clear(name)
        self.turns(name, Weather.GOOD)
        self.queries[name] += 1
        self.mend_the_policy(name)
        self.undisturbed()

    @rule(name=NAME, minutes=MINUTES, trouble=st.sampled_from([None, None, *Weather]))
    def an_advance_is_refused(self, name: str, minutes: int, trouble: Weather | None) -> None:
        """And all goes on as well as before, or not."""
        self.clear(name)
        self.turns(name, Weather.GOOD)
        self.undisturbed()
        for pull in self.own():
            if rollout_of(pull.branch) == name:
                self.closed(pull)
        if trouble:
            self.turns(name, trouble)
            self.turns(name, Weather.GOOD)
        self.time_passes(minutes)
        self.undisturbed()

    @rule(name=NAME)
    def it_is_held(self, name: str) -> None:
        """And nothing else is in its way."""
        self.clear(name)
        self.run_tick((name, asks(ChangeKind.HOLD, by=OWNER)))
        self.turns(name, Weather.GOOD)
        self.undisturbed()

    @rule(name=NAME, up=st.integers(1, 3), again=st.integers(1, 4), agreed=st.booleans())
    def it_falls_and_climbs(self, name: str, up: int, again: int, agreed: bool) -> None:
        """Up with an owner who agrees to all, down, and up again with one who may not."""
        self.clear(name)
        for _ in range(up):
            self._an_hour_comes(agreed=True)
        self.it_goes_wrong(name, 15, protected=False)
        self.turns(name, Weather.GOOD)
        for _ in range(again):
            self._an_hour_comes(agreed=agreed)
