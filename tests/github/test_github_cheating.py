"""Ways to cheat, tried on GitHub: `docs/security.md` lists them all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.github import Refused, Rules, strict
from support.hosted import Site
from support.repositories import Content, Link, Module
from support.rollouts import HALF, MOST, state, up
from support.ticks import HOUR, NAME, POLICY, POLICY_TEXT, STATE, initial, policy_text

from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.model.repository import approval_path
from rollout_bot.core.model.state import Approval, Override
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state

MARKER = approval_path(NAME, "half")


def pending(site: Site) -> int:
    """Three hours in canary, all well: the pull request that asks for an owner."""
    site.github.wait(3 * HOUR)
    site.healthy()
    (pull,) = site.github.open_pulls()
    return pull.number


def gate(site: Site, number: int) -> tuple[str, str]:
    return site.github.gate(number) or ("", "")


def test_a_marker_that_no_owner_approved_is_not_merged(site: Site) -> None:
    files: dict[str, Content] = {
        STATE: write_state(up(state(), HALF)),
        MARKER: write_approval(Approval(NAME, "half", 1)),
    }
    number = site.github.person("bob").propose("forged", files)
    site.github.wait(3 * HOUR)
    site.healthy()
    assert gate(site, number)[0] == "success"
    with pytest.raises(Refused, match="code owner review"):
        site.github.person("bob").merge(number)
    assert site.state().stage == "canary"


def test_what_is_pushed_after_the_approval_is_not_merged(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(text=policy_text(merge_on_approval="true")))
    number = pending(site)
    site.github.person("alice").approve(number)
    wide = Override(("duration", "analysis"), "trust me", "alice")
    branch = site.github.pulls[number].branch
    site.github.person("bob").push(branch, {MARKER: write_approval(Approval(NAME, "half", 1, wide))})
    site.healthy()
    assert site.state().stage == "canary"
    with pytest.raises(Refused, match="code owner review"):
        site.github.person("bob").merge(number)


def test_another_query_starts_with_no_evidence(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(stage="half"))
    site.github.wait(3 * HOUR)
    alice = site.github.person("alice")
    number = site.github.person("bob").propose("query", {POLICY: POLICY_TEXT.replace("metrics.csv", "lies.csv")})
    site.serve(name="lies.csv")
    site.serve(bad_since=site.now)
    site.github.rules.required_checks.pop("rollout/gate", None)
    alice.approve(number)
    alice.merge(number)
    leap = site.github.person("bob").propose("leap", {STATE: write_state(up(site.state(), MOST))})
    record = site.one()
    assert (record.merged, site.state().stage) == (False, "half")
    assert gate(site, leap) == ("pending", "checkout: half → most: waits for analysis")


@pytest.mark.parametrize("stage", ["canary", "half"])
def test_a_branch_that_somebody_took_stops_no_rollback(make_site: Callable[..., Site], stage: str) -> None:
    site = make_site(files=initial(stage=stage))
    below = {"canary": "off", "half": "canary"}[stage]
    number = site.github.person("bob").propose(f"rollout/checkout/2-{below}", {"app.py": "x\n"})
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert site.state().stage == below
    pull = site.github.pulls[number]
    assert pull.state == "CLOSED"
    assert site.github.show("app.py") is None
    assert "open this again from a branch of another name" in pull.comments[-1].body


def test_a_closed_pull_request_from_the_branch_that_a_rollback_needs_stops_none(site: Site) -> None:
    bob = site.github.person("bob")
    bob.close(bob.propose("rollout/checkout/2-off", {"README.md": "hello\n"}))
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert site.state().stage == "off"


def test_a_pull_request_to_elsewhere_stops_no_rollback(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(stage="half"))
    bob = site.github.person("bob")
    bob.push("develop", {"README.md": "hello\n"})
    bob.push("rollout/checkout/2-canary", {"app.py": "x\n"})
    bob.open("rollout/checkout/2-canary", base="develop")
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert (site.state().stage, site.github.show("app.py")) == ("canary", None)


def test_a_merge_from_the_branch_that_a_rollback_needs_is_not_the_rollback(site: Site) -> None:
    bob = site.github.person("bob")
    number = bob.propose("rollout/checkout/2-off", {"README.md": "hello\n"})
    site.github.wait(HOUR)
    site.healthy()
    bob.merge(number)
    site.github.wait(2 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert site.state().stage == "off"


def test_an_earlier_life_of_a_rollout_stops_no_rollback(site: Site) -> None:
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    site.github.wait(HOUR)
    site.github.commit({STATE: None, POLICY: None})
    site.github.wait(HOUR)
    site.github.commit(dict(initial()))
    site.github.wait(2 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert (site.state().stage, site.state().generation) == ("off", 2)


@pytest.mark.parametrize("name", ["rollout/checkout", "rollout"])
def test_a_name_that_keeps_the_bots_branches_from_existing_is_told(make_site: Callable[..., Site], name: str) -> None:
    site = make_site(rules=Rules())
    site.github.person("bob").push(name, {"app.py": "x\n"})
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    record = site.one()
    assert record.failed
    assert record.steps[-1].error == (
        "cannot create the branch rollout/checkout/2-off: "
        f"there is a branch called {name}, and git keeps none below another; delete or rename it"
    )
    site.github.person("bob").delete_branch(name)
    assert site.one().merged


LINKS: list[tuple[dict[str, Content], str]] = [
    ({STATE: Link(write_state(up(state(), HALF)).encode())}, STATE),
    ({MARKER: Link(b"../../../unowned.yaml")}, MARKER),
    ({f"rollout-state/{NAME}/approvals": Module(b"1" * 40)}, f"rollout-state/{NAME}/approvals"),
    ({"rollout-state/other": Link(b"../unowned")}, "rollout-state/other"),
    ({POLICY: None, STATE: None, "rollout-state": Link(b"unowned")}, "rollout-state"),
]


@pytest.mark.parametrize(("files", "path"), LINKS)
def test_no_link_or_submodule_gets_below_rollout_state(site: Site, files: dict[str, Content], path: str) -> None:
    number = site.github.person("bob").propose("link", files)
    site.github.wait(3 * HOUR)
    for _ in range(2):
        site.healthy()
        text = f"{path} is a symbolic link or a submodule; put a regular file there, or a folder of them"
        assert gate(site, number) == ("failure", text)
    with pytest.raises(Refused, match="rollout/gate"):
        site.github.person("alice").merge(number)


# Past the gate: where it is pinned to no App, everybody who can write can set it


def forge_gate(site: Site, number: int) -> None:
    """Bob's own status, and his merge."""
    bob = site.github.person("bob")
    bob.set_status(site.github.pulls[number].head, "rollout/gate", description="checkout: canary is healthy")
    bob.merge(number)


def leap(site: Site) -> int:
    """Into a stage that requires approval, without its marker."""
    return site.github.person("bob").propose("leap", {STATE: write_state(up(site.state(), HALF))})


def test_a_gate_that_is_pinned_cannot_be_set_by_somebody_else(site: Site) -> None:
    with pytest.raises(Refused, match="rollout/gate"):
        forge_gate(site, leap(site))


def test_a_stage_entered_without_its_marker_holds_and_says_so(make_site: Callable[..., Site]) -> None:
    site = make_site(rules=strict())
    forge_gate(site, leap(site))
    assert site.state().stage == "half"
    site.github.wait(3 * HOUR)
    for _ in range(2):
        record = site.healthy()
        assert record.decision is not None
        assert (record.decision.action, record.decision.attention, record.steps) == (DecisionAction.HOLD, True, ())
        assert "approvals/half.yaml for attempt 1 is missing" in record.problems[0]
    assert site.command("tick", "--forge", "github", "--now", site.now.isoformat()).returncode == 3
    alice = site.github.person("alice")
    number = site.github.person("bob").propose("marker", {MARKER: write_approval(Approval(NAME, "half", 1))})
    site.healthy()
    with pytest.raises(Refused, match="code owner review"):
        site.github.person("bob").merge(number)
    alice.approve(number)
    alice.merge(number)
    record = site.healthy()
    assert (record.problems, record.merged, site.state().stage) == ((), True, "most")


def test_a_regression_of_a_stage_that_nobody_approved_is_taken_back(make_site: Callable[..., Site]) -> None:
    site = make_site(rules=strict())
    forge_gate(site, leap(site))
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert (site.state().stage, site.state().attempt) == ("canary", 2)


def test_a_gate_that_somebody_else_has_set_is_not_taken_for_the_bots(site: Site) -> None:
    """It counts for nothing where the gate is pinned: a rollback that trusted it would never be merged."""
    number = site.github.person("bob").propose("rest", {"README.md": "hello\n"})
    bob, head = site.github.person("bob"), site.github.pulls[number].head
    bob.set_status(head, "rollout/gate", description="touches no rollout state")
    with pytest.raises(Refused, match="rollout/gate"):
        bob.merge(number)
    before = len(site.github.world.statuses[head])
    site.healthy()
    site.healthy()
    assert len(site.github.world.statuses[head]) == before + 1
    bob.merge(number)


def test_a_note_that_somebody_else_has_set_keeps_nobody_from_being_told(site: Site) -> None:
    head = site.github.world.head(site.github.world.default)
    topic = f"rollout/told/{NAME}/SLACK_WEBHOOK_URL"
    site.github.person("bob").set_status(head, topic, description="told")
    (revision,) = site.forge().snapshot().history[STATE]
    assert revision.notes == {}
    site.forge().note(head, topic, "told")
    (revision,) = site.forge().snapshot().history[STATE]
    assert revision.notes == {topic: "told"}
    site.github.person("bob").set_status(head, topic, description="told; needs somebody")
    (revision,) = site.forge().snapshot().history[STATE]
    assert revision.notes == {}


def test_the_marker_of_the_stage_in_force_cannot_be_taken_away(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(stage="half"))
    number = site.github.person("bob").propose("tidy", {MARKER: None})
    site.healthy()
    assert gate(site, number)[0] == "failure"
    site.github.person("alice").approve(number)
    with pytest.raises(Refused, match="rollout/gate"):
        site.github.person("alice").merge(number)


def test_a_bot_whose_branches_are_its_own_lives_as_before(make_site: Callable[..., Site]) -> None:
    """Up, merged by a person; up, merged by the bot; down; tidied up: what `init --app` prints for its branches."""
    site = make_site(files=initial(text=policy_text(merge_on_approval="true")))
    site.github.rules.reserved = "rollout-bot"
    site.github.person("alice").approve(pending(site))
    assert site.healthy().merged
    site.github.wait(3 * HOUR)
    assert site.healthy().merged
    site.github.wait(3 * HOUR)
    site.serve(bad_since=site.now - HOUR)
    assert site.one().merged
    assert (site.state().stage, site.state().attempt) == ("half", 2)
    site.healthy()
    assert site.github.branches() == ["main"]


@pytest.mark.parametrize("branch", ["rollout", "rollout/checkout", "rollout/checkout/2-half"])
def test_branches_that_are_the_bots_own_are_nobody_elses(make_site: Callable[..., Site], branch: str) -> None:
    site = make_site()
    site.github.rules.reserved = "rollout-bot"
    number = pending(site)
    head = site.github.pulls[number].head
    bob = site.github.person("bob")
    with pytest.raises(Refused, match="rule violations"):
        bob.push(branch, {STATE: write_state(up(site.state(), HALF))})
    with pytest.raises(Refused, match="rule violations"):
        bob.delete_branch("rollout/checkout/2-half")
    assert site.github.pulls[number].head == head
