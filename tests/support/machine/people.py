"""What people do: approve, merge, close, push, propose, change policies, edit past the gate, and put it back."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from rollout_bot.core.model.repository import approval_path, branch_name, policy_path, state_path
from rollout_bot.core.model.state import Approval, ChangeKind, Override
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state
from support.machine.ground import Ground
from support.machine.places import REFUSED, STRANGER
from support.machine.texts import BROKEN, NAMES, UNKNOWN_SOURCE
from support.model_forge import OWNER
from support.rollouts import asks

NAME = st.sampled_from(NAMES)


class People(Ground):
    @rule(data=st.data(), by=st.sampled_from([OWNER, OWNER, STRANGER]))
    def approve(self, data: st.DataObject, by: str) -> None:
        for pull in self.some(data):
            self.approved(pull, by)

    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        for pull in self.some(data):
            self.merged(pull)

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        for pull in self.some(data):
            self.closed(pull)

    @rule(data=st.data(), more=st.booleans())
    def push_to_a_branch(self, data: st.DataObject, more: bool) -> None:
        for pull in self.some(data):
            path = next(iter(pull.changes), "app.py")
            content = data.draw(st.sampled_from([*BROKEN, self.state(NAMES[0], "nowhere", 100)]))
            self.do(self.place.push_to, pull, {"app.py": b"evil\n"} if more else {path: content})

    @precondition(lambda self: len(self.seen().open_pulls()) < 5)
    @rule(
        name=NAME,
        up=st.sampled_from([-1, 0, 1, 1, 2]),
        next_attempt=st.booleans(),
        more=st.sampled_from(["nothing", "a marker", "a policy"]),
        takes=st.booleans(),
    )
    def propose_by_hand(self, name: str, up: int, next_attempt: bool, more: str, takes: bool) -> None:
        """A stranger's attempt at going somewhere, lawful by chance only, perhaps from a branch that the bot needs."""
        base, ladder = self.laws.lines[name].state, self.rungs(name)
        at = [stage for stage, _ in ladder].index(base.stage)
        stage, percentage = ladder[min(max(at + up, 0), len(ladder) - 1)]
        attempt = base.attempt + next_attempt
        changes = {state_path(name): self.state(name, stage, percentage, attempt)}
        if more == "a marker":
            override = Override(("analysis", "duration", "cooldown"), "x", STRANGER)
            marker = write_approval(Approval(name, stage, attempt, override))
            changes[approval_path(name, stage)] = marker.encode()
        if more == "a policy":
            changes[policy_path(name)] = self.policy(name).replace(b"max_error_rate: 0.5%", b"max_error_rate: 99%")
        branch = branch_name(name, base.generation + 1, stage) if takes else f"topic-{self.place.now:%d-%H-%M}"
        with suppress(*REFUSED):
            self.do(self.place.propose, branch, changes)

    @rule(data=st.data(), name=NAME)
    def change_the_policy(self, data: st.DataObject, name: str) -> None:
        """An owner's merge. What is green stays so until the next tick."""
        self.draw_policy(data, name)
        self.do(self.place.push, {policy_path(name): self.policy(name)})

    @rule(name=NAME, content=st.sampled_from([None, None, *BROKEN]))
    def break_the_policy(self, name: str, content: bytes | None) -> None:
        """None leaves it readable, and names a source that there is not."""
        lines = self.policy(name).decode().splitlines()
        lines[2] = UNKNOWN_SOURCE
        text = "\n".join([*lines, ""]).encode()
        self.do(self.place.push, {policy_path(name): text if content is None else content})

    @rule(name=NAME)
    def mend_the_policy(self, name: str) -> None:
        if self.seen().files[policy_path(name)] != self.policy(name):
            self.do(self.place.push, {policy_path(name): self.policy(name)})

    @rule(data=st.data(), name=NAME)
    def break_the_state(self, data: st.DataObject, name: str) -> None:
        """A push past the gate: of what is no state, or of one to which no lawful way leads."""
        stage, percentage = data.draw(st.sampled_from([("nowhere", 100), *self.rungs(name)]))
        skips = self.state(name, stage, percentage, generation=3)
        content = data.draw(st.sampled_from([*BROKEN, skips, skips, skips]))
        if not self.is_broken(name):
            self.what_the_repository_shows()
            self.laws.forged.add(content)
            self.do(self.place.push, {state_path(name): content})

    @rule(name=NAME)
    def put_the_state_back(self, name: str) -> None:
        if self.is_broken(name):
            line = self.laws.lines[name]
            self.do(self.place.push, {state_path(name): write_state(line.state).encode()})
            line.put_back(self.place.now)

    @rule(on=st.sampled_from([True, False, False]))
    def protect(self, on: bool) -> None:
        if on is not self.protected:
            self.do(self.place.protect, on=on)
            self.protected = on

    def clear(self, name: str) -> None:
        """Takes out of a rollout's way what people have put there."""
        self.protect(on=False)
        self.feeds[name].heal()
        self.mend_the_policy(name)
        self.put_the_state_back(name)
        line = self.laws.lines[name]
        if line.state.hold or line.rollbacks():
            self.run_tick((name, asks(ChangeKind.RESUME, by=OWNER)))
            self.what_the_repository_shows()
