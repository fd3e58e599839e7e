"""Ways to cheat, tried through ticks on real repositories: `docs/security.md` lists them all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.repositories import START, Content, Link, Module
from support.rollouts import CANARY, HALF, MOST, down, on_hold, state, up
from support.ticks import HOUR, NAME, POLICY, POLICY_TEXT, STATE, World, initial, policy_text

from rollout_bot.cli import main
from rollout_bot.core.decision.actions import OpenPull
from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.model.approved import missing
from rollout_bot.core.model.repository import GateState, PullState, approval_path, policy_path, state_path
from rollout_bot.core.model.state import Approval, Override, State
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state
from rollout_bot.forge.interface import NotMergeable

NOW = START + 3 * HOUR
MARKER = approval_path(NAME, "half")
APPROVED = policy_text(merge_on_approval="true")


def propose(world: World, files: dict[str, Content], branch: str = "topic") -> int:
    """Mallory's pull request."""
    opened = world.forge(NOW, actor="mallory").apply(OpenPull(branch, world.repository.head(), {"x": "x\n"}, "t", "b"))
    world.repository.commit({"x": None, **files}, NOW, branch=branch, author="Mallory")
    assert opened.pull is not None
    return opened.pull.number


def gate(world: World, number: int) -> tuple[GateState, str]:
    found = world.forge(NOW).pull(number).gate
    assert found is not None
    return found.state, found.description


def refused(world: World, number: int) -> str:
    """Why nobody can merge it, whatever an owner says."""
    forge = world.forge(NOW)
    forge.approve(number, "alice")
    with pytest.raises(NotMergeable) as caught:
        forge.merge(number, "mallory")
    return str(caught.value)


def test_a_marker_of_an_earlier_attempt_approves_nothing(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial() | {MARKER: write_approval(Approval(NAME, "half", 1))})
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    later = NOW + 25 * HOUR
    world.serve(later)
    world.tick(later)
    forge = world.forge(later)
    forge.approve(2, "alice")
    forge.merge(2, "alice")
    assert (world.state().stage, world.state().attempt) == ("canary", 2)
    later += 3 * HOUR
    record = world.healthy(later)
    assert (record.merged, world.state().stage) == (False, "canary")
    assert record.pull is not None
    assert MARKER in record.pull.paths
    with pytest.raises(NotMergeable, match=r"approvals/half\.yaml needs the approval"):
        world.forge(later).merge(record.pull.number, "mallory")


def test_a_marker_of_another_attempt_cannot_even_be_committed(world: World) -> None:
    number = propose(world, {STATE: write_state(up(state(), HALF)), MARKER: write_approval(Approval(NAME, "half", 2))})
    world.tick(NOW)
    assert gate(world, number) == (
        GateState.FAILURE, "checkout: approvals/half.yaml is for attempt 2; allowed: 1, the present one"
    )  # fmt: skip


@pytest.mark.parametrize(
    "easier",
    [
        POLICY_TEXT.replace("0.5%", "5%"),
        POLICY_TEXT.replace(", requires_approval: true", ""),
        POLICY_TEXT.replace("metrics.csv", "lies.csv"),
        POLICY_TEXT.replace("2h", "1m"),
    ],
)
def test_nothing_goes_up_in_the_pull_request_that_makes_it_easier(world: World, easier: str) -> None:
    marker = {MARKER: write_approval(Approval(NAME, "half", 1))}
    number = propose(world, {POLICY: easier, STATE: write_state(up(state(), HALF)), **marker})
    world.tick(NOW)
    text = "checkout: raises the percentage and changes the policy; use two pull requests"
    assert gate(world, number) == (GateState.FAILURE, text)
    assert "rollout/gate is failure" in refused(world, number)


def test_another_query_starts_with_no_evidence(half: World) -> None:
    """An owner was talked into a query that is always healthy: what it says of before does not count."""
    later = NOW + HOUR
    half.serve(later, bad_since=START)
    lies = World(half.repository)
    lies.serve(later, name="lies.csv")
    half.repository.commit({POLICY: POLICY_TEXT.replace("metrics.csv", "lies.csv")}, later)
    record = half.one(later)
    assert record.decision is not None
    assert (record.decision.action, half.state().stage) == (DecisionAction.HOLD, "half")
    number = propose(half, {STATE: write_state(up(half.state(), MOST))})
    half.tick(later)
    assert gate(half, number) == (GateState.PENDING, "checkout: half → most: waits for analysis")


def test_what_is_pushed_after_the_approval_is_not_approved(tmp_path: Path) -> None:
    world = World.made(tmp_path / "r", initial(text=APPROVED))
    world.serve(NOW)
    record = world.one(NOW)
    assert record.pull is not None
    number = record.pull.number
    assert world.forge(NOW).approve(number, "alice").counts
    wide = Override(("duration", "analysis", "attempts"), "trust me", "alice")
    bypass = write_approval(Approval(NAME, "half", 1, wide))
    world.repository.commit({MARKER: bypass}, NOW, branch=record.pull.branch, author="Mallory")
    world.tick(NOW)
    assert world.state().stage == "canary"
    with pytest.raises(NotMergeable, match="needs the approval"):
        world.forge(NOW).merge(number, "mallory")
    # Whoever approves it all the same is told by the status what it passes over.
    assert gate(world, number)[1] == (
        "checkout: canary → half: passes over duration, analysis, attempts with an owner's approval"
    )


def test_a_branch_named_like_the_bots_is_nobodys_pull_request_of_the_bot(half: World) -> None:
    files = {STATE: write_state(up(half.state(), MOST)), "app.py": "evil\n"}
    number = propose(half, files, "rollout/checkout/2-most")
    half.tick(NOW)
    assert half.forge(NOW).pull(number).state is PullState.CLOSED
    assert half.state().stage == "most"
    assert "app.py" not in half.repository.git("ls-tree", "--name-only", "main")


@pytest.mark.parametrize("stage", ["canary", "half"])
def test_a_branch_that_somebody_took_stops_no_rollback(tmp_path: Path, stage: str) -> None:
    world = World.made(tmp_path / "r", initial(stage=stage))
    below = {"canary": "off", "half": "canary"}[stage]
    number = propose(world, {"app.py": "x\n"}, f"rollout/checkout/2-{below}")
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    assert (world.state().stage, world.state().attempt) == (below, 2)
    pull = world.forge(NOW).pull(number)
    assert (pull.state, pull.closed_by) == (PullState.CLOSED, "rollout-bot")
    assert "open this again from a branch of another name" in world.forge(NOW).comments(number)[-1].text


def test_a_closed_pull_request_from_the_branch_that_a_rollback_needs_stops_none(world: World) -> None:
    number = propose(world, {"README.md": "hello\n"}, "rollout/checkout/2-off")
    world.forge(NOW).close(number, "mallory")
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    assert world.state().stage == "off"


def test_a_merge_from_the_branch_that_a_rollback_needs_is_not_the_rollback(world: World) -> None:
    number = propose(world, {"README.md": "hello\n"}, "rollout/checkout/2-off")
    world.tick(NOW)
    world.forge(NOW).merge(number, "mallory")
    world.serve(NOW + HOUR, bad_since=NOW - HOUR)
    assert world.one(NOW + HOUR).merged
    assert world.state().stage == "off"


def test_an_earlier_life_of_a_rollout_stops_no_rollback(world: World) -> None:
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    world.repository.commit({STATE: None, POLICY: None}, NOW + HOUR)
    world.repository.commit(initial(), NOW + 2 * HOUR)
    later = NOW + 4 * HOUR
    world.serve(later, bad_since=NOW + 3 * HOUR)
    assert world.one(later).merged
    assert (world.state().stage, world.state().generation) == ("off", 2)


def test_nothing_is_read_from_the_text_of_a_pull_request(world: World) -> None:
    record = world.one(NOW)
    assert record.pull is not None
    path = next(Path(world.repository.path, ".git").rglob(f"*{record.pull.number}.json"))
    kept = json.loads(path.read_text())
    facts = (
        '<!-- rollout-bot: {"attempt": 9, "from": "canary", "generation": 2, "outcome": "healthy", "to": "most"} -->'
    )
    kept["body"], kept["title"] = f"All approved, merge at once.\n{facts}", "checkout: half 50 % → most 75 %"
    path.write_text(json.dumps(kept))
    world.tick(NOW)
    pull = world.forge(NOW).pull(record.pull.number)
    assert (world.state().stage, pull.state) == ("canary", PullState.OPEN)
    assert facts not in pull.body


def test_a_renamed_folder_takes_no_percentage_along(half: World) -> None:
    policy, committed = half.repository.show(POLICY), half.repository.show(STATE)
    moved = {
        policy_path("again"): policy.replace("rollout: checkout", "rollout: again"),
        state_path("again"): committed.replace("rollout: checkout", "rollout: again"),
    }
    number = propose(half, {POLICY: None, STATE: None, **moved})
    half.tick(NOW)
    assert gate(half, number) == (GateState.FAILURE, "again: starts at 'half'; allowed: off, canary")
    assert refused(half, number)


def test_a_rollout_that_begins_again_begins_low_and_with_an_owner(half: World) -> None:
    again = initial("again", "canary", policy_text("again"))
    number = propose(half, {POLICY: None, STATE: None, MARKER: None, **again})
    half.tick(NOW)
    assert gate(half, number)[0] is GateState.SUCCESS
    with pytest.raises(NotMergeable, match="needs the approval"):
        half.forge(NOW).merge(number, "mallory")


COMMIT = Module(b"1" * 40)
LINKS: list[tuple[dict[str, Content], str]] = [
    ({STATE: Link(b"../../elsewhere.yaml")}, STATE),
    ({STATE: Link(write_state(up(state(CANARY), HALF)).encode()[:4000])}, STATE),
    ({approval_path(NAME, "half"): Link(b"../../../unowned.yaml")}, MARKER),
    ({f"rollout-state/{NAME}/approvals": Link(b"../../unowned")}, f"rollout-state/{NAME}/approvals"),
    ({f"rollout-state/{NAME}/approvals": COMMIT}, f"rollout-state/{NAME}/approvals"),
    ({"rollout-state/other": Link(b"../unowned")}, "rollout-state/other"),
    ({"rollout-state/other": COMMIT}, "rollout-state/other"),
    ({POLICY: None, STATE: None, "rollout-state": Link(b"unowned")}, "rollout-state"),
    ({POLICY: None, STATE: None, f"rollout-state/{NAME}": COMMIT}, f"rollout-state/{NAME}"),
]


@pytest.mark.parametrize(("files", "path"), LINKS)
def test_no_link_or_submodule_gets_below_rollout_state(world: World, files: dict[str, Content], path: str) -> None:
    number = propose(world, files)
    world.tick(NOW)
    text = f"{path} is a symbolic link or a submodule; put a regular file there, or a folder of them"
    assert gate(world, number) == (GateState.FAILURE, text)
    assert "rollout/gate is failure" in refused(world, number)


def test_a_link_beside_the_rollouts_is_nobodys_business(world: World) -> None:
    number = propose(world, {"rollout-state-docs": Link(b"README.md")})
    world.tick(NOW)
    assert gate(world, number) == (GateState.SUCCESS, "touches no rollout state")


def test_a_link_that_got_there_can_be_removed(world: World) -> None:
    world.repository.commit({"rollout-state/other": Link(b"../unowned")}, NOW)
    number = propose(world, {"rollout-state/other": None})
    world.tick(NOW)
    assert gate(world, number)[0] is GateState.SUCCESS


# Past the gate: whoever can set `rollout/gate`, or push, gets a state merged that nobody has judged

FORGED = up(state(CANARY), HALF)
DOUBT = missing(FORGED, 1)


def run(world: World, *arguments: str) -> int:
    return main([*arguments, "--repository", str(world.repository.path), "--now", NOW.isoformat()])


def forged(world: World, *states: State) -> str:
    """Merges them one after the other; answers the last commit."""
    for each in states or (FORGED,):
        head = world.repository.commit({STATE: write_state(each)}, NOW - HOUR)
    return head


@pytest.mark.parametrize(
    "states", [(FORGED,), (FORGED, on_hold(FORGED)), (FORGED, up(FORGED, MOST))], ids=["up", "held", "up twice"]
)
def test_a_stage_entered_without_its_marker_holds_and_says_so(
    world: World, states: tuple[State, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing built on it, nothing taken back by itself, and every tick complains."""
    head = forged(world, *states)
    for _ in range(2):
        assert run(world, "tick") == 3
        assert "approvals/half.yaml for attempt 1 is missing" in " ".join(capsys.readouterr().out.split())
    record = world.one(NOW)
    assert record.decision is not None
    assert (record.problems, record.steps, record.decision.attention) == ((DOUBT,), (), True)
    assert record.decision.action is DecisionAction.HOLD
    assert world.repository.head() == head
    assert run(world, "advance", NAME, "--reason", "trust me", "--as", "mallory") == 1
    assert world.repository.head() == head


def test_two_steps_up_and_one_down_cover_nothing_up(world: World) -> None:
    top = up(FORGED, MOST)
    forged(world, FORGED, top, down(top, HALF))
    record = world.one(NOW)
    assert record.problems == (missing(FORGED, 2),)
    number = propose(world, {MARKER: write_approval(Approval(NAME, "half", 2))}, "marker")
    world.tick(NOW)
    assert gate(world, number)[0] is GateState.SUCCESS
    run(world, "rollback", NAME, "--reason", "nobody approved it", "--as", "bob")
    assert (world.state().stage, world.one(NOW).problems) == ("canary", ())


def test_an_owners_marker_makes_it_lawful(world: World) -> None:
    forged(world)
    number = propose(world, {MARKER: write_approval(Approval(NAME, "half", 1))}, "marker")
    world.tick(NOW)
    with pytest.raises(NotMergeable, match="needs the approval"):
        world.forge(NOW).merge(number, "mallory")
    forge = world.forge(NOW)
    forge.approve(number, "alice")
    forge.merge(number, "mallory")
    record = world.healthy(NOW + 3 * HOUR)
    assert (record.problems, record.merged, world.state().stage) == ((), True, "most")


def test_from_a_stage_that_nobody_approved_one_can_go_down(world: World) -> None:
    forged(world)
    run(world, "rollback", NAME, "--reason", "nobody approved it", "--as", "bob")
    assert (world.state().stage, world.state().attempt) == ("canary", 2)
    assert world.one(NOW).problems == ()


def test_a_regression_of_a_stage_that_nobody_approved_is_taken_back(world: World) -> None:
    forged(world)
    world.serve(NOW, bad_since=NOW - HOUR)
    assert world.one(NOW).merged
    assert (world.state().stage, world.state().attempt) == ("canary", 2)


def test_a_rollout_that_begins_again_past_the_gate_begins_low(world: World) -> None:
    world.repository.commit({STATE: None}, NOW - 2 * HOUR)
    world.repository.commit({STATE: initial(stage="most")[STATE]}, NOW - HOUR)
    record = world.one(NOW)
    assert "the rollout was begun again at most; allowed: off, canary" in record.problems[0]
    assert (record.steps, world.state().stage) == ((), "most")


def test_what_waits_for_another_rollout_does_not_build_on_it(world: World) -> None:
    """`after: checkout@half`, and nobody has approved half."""
    forged(world)
    text = policy_text("payments", after="[checkout@half]").replace(", requires_approval: true", "")
    world.repository.commit(initial("payments", text=text), NOW - 3 * HOUR)
    record = next(each for each in world.tick(NOW).rollouts if each.rollout == "payments")
    assert record.decision is not None
    assert f"waits for checkout@half, on which nothing may be built: {DOUBT}" in record.decision.reasons


@pytest.mark.parametrize("marker", [None, write_approval(Approval(NAME, "half", 2))])
def test_the_marker_of_the_stage_in_force_cannot_be_taken_away(half: World, marker: Content) -> None:
    number = propose(half, {MARKER: marker})
    half.tick(NOW)
    assert gate(half, number)[0] is GateState.FAILURE
    assert "rollout/gate is failure" in refused(half, number)


def test_an_approval_asked_for_later_comes_with_its_marker(tmp_path: Path) -> None:
    lax = POLICY_TEXT.replace(", requires_approval: true", "")
    world = World.made(tmp_path / "r", initial(stage="half", text=lax))
    world.serve(NOW)
    number = propose(world, {POLICY: POLICY_TEXT})
    world.tick(NOW)
    assert gate(world, number) == (
        GateState.FAILURE,
        "checkout: half needs approvals/half.yaml for attempt 1, as the present stage rests on it; bring it along",
    )
    world.forge(NOW).close(number, "mallory")
    number = propose(world, {POLICY: POLICY_TEXT, MARKER: write_approval(Approval(NAME, "half", 1))}, "both")
    world.tick(NOW)
    assert gate(world, number)[0] is GateState.SUCCESS


def test_an_upgrade_stops_no_rollout_whose_policy_was_made_stricter_before(tmp_path: Path) -> None:
    lax = POLICY_TEXT.replace(", requires_approval: true", "")
    world = World.made(tmp_path / "r", initial(text=lax))
    world.repository.commit({STATE: write_state(FORGED)}, NOW - 2 * HOUR)
    world.repository.commit({POLICY: POLICY_TEXT}, NOW - HOUR)
    world.repository.commit({POLICY: f"{POLICY_TEXT}cooldown: 12h\n"}, NOW - HOUR / 2)
    record = world.healthy(NOW + 2 * HOUR)
    assert (record.problems, record.merged, world.state().stage) == ((), True, "most")


def test_a_rollout_whose_first_stage_requires_approval_starts_with_one_or_at_off(world: World) -> None:
    text = policy_text("payments").replace("0.5%}", "0.5%, requires_approval: true}", 1)
    files = initial("payments", text=text)
    marker = files.pop(approval_path("payments", "canary"))
    number = propose(world, files)
    world.tick(NOW)
    assert gate(world, number) == (
        GateState.FAILURE,
        "payments: canary needs approvals/canary.yaml for attempt 1; bring it along, or start at off",
    )
    world.forge(NOW).close(number, "mallory")
    owned = propose(world, {**files, approval_path("payments", "canary"): marker}, "owned")
    off = propose(world, initial("refunds", "off", text.replace("payments", "refunds")), "off")
    world.tick(NOW)
    assert (gate(world, owned)[0], gate(world, off)[0]) == (GateState.SUCCESS, GateState.SUCCESS)
