"""Whole lives of rollouts on GitHub: the bot's own requests against a server that enforces the rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from support.github import Refused, Rules, strict
from support.github.faults import message
from support.github.model import QUICK_START
from support.hosted import Site
from support.ticks import HOUR, NAME, STATE, initial, policy_text

from rollout_bot.core.decision.actions import DeleteBranch, FinishPull
from rollout_bot.core.decision.decision import DecisionAction
from rollout_bot.core.model.state import ChangeKind

FIVE = """\
schema_version: 1
rollout: checkout
metrics:
  source: recording
  path: metrics.csv
stages:
  - {name: canary, percentage: 10, duration: 2h, max_error_rate: 0.5%}
  - {name: quarter, percentage: 25, duration: 2h, max_error_rate: 0.5%, requires_approval: true}
  - {name: half, percentage: 50, duration: 2h, max_error_rate: 0.5%, requires_approval: true}
  - {name: most, percentage: 75, duration: 2h, max_error_rate: 0.5%}
  - {name: full, percentage: 100, duration: 0h, max_error_rate: 0.5%, requires_approval: true}
"""
HALF = "rollout/checkout/2-half"


def pending(site: Site) -> int:
    """Three hours in canary, all well: the pull request that asks for an owner."""
    site.github.wait(3 * HOUR)
    site.healthy()
    (pull,) = site.github.open_pulls()
    return pull.number


def at_half(site: Site) -> int:
    """As above, approved and merged by alice; answers the number of the pull request."""
    number = pending(site)
    site.github.person("alice").approve(number)
    site.github.person("alice").merge(number)
    return number


def test_five_stages_with_an_owners_approvals(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(text=FIVE))
    alice = site.github.person("alice")
    seen = [site.state().stage]
    for _ in range(20):
        site.github.wait(HOUR)
        site.healthy()
        for pull in site.github.open_pulls():
            assert site.github.gate(pull.number) is not None
            alice.approve(pull.number)
            alice.merge(pull.number)
        if site.state().stage != seen[-1]:
            seen.append(site.state().stage)
    assert seen == ["canary", "quarter", "half", "most", "full"]
    assert site.state().percentage == 100
    merged = [(pull.merged_by.login, len(pull.reviews)) for pull in site.github.pulls.values() if pull.merged_by]
    assert merged == [("alice", 1), ("alice", 1), ("rollout-bot", 0), ("alice", 1)]


def test_the_installed_command_carries_a_rollout(site: Site) -> None:
    site.github.wait(3 * HOUR)
    site.serve()
    first = site.command("tick", "--now", site.now.isoformat(), "--format", "json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["rollouts"][0]["decision"]["action"] == "advance"
    (pull,) = site.github.open_pulls()
    site.github.person("alice").approve(pull.number)
    site.github.person("alice").merge(pull.number)
    site.github.wait(3 * HOUR)
    site.serve()
    second = site.command("tick", "--now", site.now.isoformat())
    assert second.returncode == 0, second.stderr
    assert site.state().stage == "most"
    bad = site.now
    site.github.wait(HOUR)
    site.serve(bad_since=bad)
    third = site.command("tick", "--now", site.now.isoformat())
    assert third.returncode == 0, third.stderr
    assert (site.state().stage, site.state().attempt) == ("half", 2)
    assert site.token not in first.stdout + first.stderr + second.stdout + third.stdout


def test_merge_on_approval_lets_the_bot_merge_what_an_owner_approved(make_site: Callable[..., Site]) -> None:
    policy = initial()
    path = f"rollout-state/{NAME}/policy.yaml"
    site = make_site(files=policy | {path: f"{policy[path]!s}merge_on_approval: true\n"})
    number = pending(site)
    site.healthy()
    assert site.github.pulls[number].state == "OPEN"
    site.github.person("alice").approve(number)
    record = site.healthy()
    assert record.merged
    assert site.state().stage == "half"
    assert site.github.pulls[number].merged_by == site.github.world.tokens[site.token].actor


def test_nobody_but_an_owner_approves(site: Site) -> None:
    number = pending(site)
    site.github.person("bob").approve(number)
    site.github.bot("alice").approve(number)
    with pytest.raises(Refused, match="code owner review"):
        site.github.person("bob").merge(number)
    site.healthy()
    assert site.state().stage == "canary"
    with pytest.raises(Refused, match="Validation"):
        site.github.bot("rollout-bot").approve(number)


def test_an_incident_while_an_approval_is_pending_turns_the_gate_red_and_rolls_back(site: Site) -> None:
    number = pending(site)
    assert site.github.gate(number, "rollout/gate") is not None
    site.github.person("alice").approve(number)
    bad = site.now
    site.github.wait(HOUR)
    site.serve(bad_since=bad)
    record = site.one()
    assert record.decision is not None
    assert record.decision.action is DecisionAction.ROLL_BACK
    assert (site.state().stage, site.state().attempt) == ("off", 2)
    assert site.github.pulls[number].state == "CLOSED"
    assert HALF not in site.github.branches()


def test_yesterdays_green_gate_merges_nothing_today(site: Site) -> None:
    number = pending(site)
    state, _ = site.github.gate(number) or ("", "")
    assert state == "success"
    site.github.person("alice").approve(number)
    site.github.wait(24 * HOUR)
    assert not site.one().merged
    state, why = site.github.gate(number) or ("", "")
    assert state != "success"
    with pytest.raises(Refused, match=r"rollout/gate"):
        site.github.person("alice").merge(number)
    assert why


def test_a_regression_rolls_back_by_the_tick_that_sees_it(site: Site) -> None:
    at_half(site)
    site.github.world.unknown_looks = 0
    bad = site.github.wait(HOUR)
    site.github.wait(HOUR)
    site.serve(bad_since=bad)
    record = site.one()
    assert record.merged
    assert (site.state().stage, site.state().attempt, site.state().generation) == ("canary", 2, 3)
    assert site.state().change.kind is ChangeKind.ROLL_BACK
    pull = max(site.github.pulls.values(), key=lambda each: each.number)
    assert pull.merged_by is not None
    assert not pull.reviews
    assert [type(step.action) for step in site.one().steps] == [DeleteBranch] * 2
    assert site.github.branches() == ["main"]
    again = site.one()
    assert not again.steps


def test_a_rollback_goes_before_an_open_promotion(site: Site) -> None:
    at_half(site)
    site.github.wait(3 * HOUR)
    site.healthy()
    assert site.state().stage == "most"
    site.github.rules.required_checks["slow/check"] = None
    bad = site.github.wait(HOUR)
    site.github.wait(HOUR)
    site.serve(bad_since=bad)
    record = site.one()
    assert record.failed
    assert site.state().stage == "most"
    del site.github.rules.required_checks["slow/check"]
    record = site.one()
    assert site.state().stage == "half"
    assert not site.github.open_pulls()


def test_closed_by_a_person_is_a_refusal(site: Site) -> None:
    number = pending(site)
    site.github.person("bob").close(number)
    for _ in range(2):
        site.github.wait(HOUR)
        site.healthy()
    assert list(site.github.pulls) == [number]
    assert not site.github.open_pulls()
    policy = str(initial()[f"rollout-state/{NAME}/policy.yaml"]).replace("duration: 2h", "duration: 3h")
    site.github.commit({f"rollout-state/{NAME}/policy.yaml": policy})
    site.github.wait(HOUR)
    site.healthy()
    assert len(site.github.open_pulls()) == 1


def test_a_branch_deleted_by_a_person_is_a_refusal(site: Site) -> None:
    number = pending(site)
    site.github.person("bob").delete_branch(HALF)
    site.github.wait(HOUR)
    site.healthy()
    assert list(site.github.pulls) == [number]


def test_what_a_person_adds_to_the_bots_branch_is_never_merged_by_it(site: Site) -> None:
    at_half(site)
    site.github.rules.required_checks["slow/check"] = None
    site.github.wait(3 * HOUR)
    site.healthy()
    (pull,) = site.github.open_pulls()
    site.github.person("bob").push(pull.branch, {"src/evil.py": "x"})
    site.github.rules.required_checks.pop("slow/check")
    site.healthy()
    assert site.github.show("src/evil.py") is None
    assert site.github.pulls[pull.number].state == "CLOSED"


def test_an_illegal_change_by_a_person_stays_unmergeable(site: Site) -> None:
    text = site.github.show(STATE) or ""
    leap = text.replace("stage: canary", "stage: most").replace("percentage: 10", "percentage: 75")
    number = site.github.person("bob").propose("leap", {STATE: leap})
    harmless = site.github.person("bob").propose("docs", {"README.md": "More\n"})
    site.github.wait(3 * HOUR)
    site.healthy()
    assert (site.github.gate(number) or ("", ""))[0] == "failure"
    assert (site.github.gate(harmless) or ("", ""))[0] == "success"
    with pytest.raises(Refused, match=r"rollout/gate.*failing"):
        site.github.person("bob").merge(number)
    site.github.person("bob").merge(harmless)
    site.healthy()
    assert site.state().stage == "canary"


@pytest.mark.parametrize("stage", ["canary", "half"])
def test_two_bots_at_once_do_what_one_would(make_site: Callable[..., Site], stage: str) -> None:
    site = make_site(files=initial(stage=stage))
    other = Site(site.github, site.folder, site.token)
    site.github.wait(3 * HOUR)
    site.serve()
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(each.tick) for each in (site, other)]
        for run in runs:
            run.result()
    site.one()
    assert len(site.github.pulls) == 1
    assert site.state().stage == ("canary" if stage == "canary" else "most")
    assert len(site.github.open_pulls()) == (1 if stage == "canary" else 0)


def test_somebody_pushes_between_look_and_merge(make_site: Callable[..., Site]) -> None:
    # Without a ruleset nothing but the pinned head keeps it out.
    site = make_site(files=initial(stage="half"), rules=Rules())
    site.github.wait(3 * HOUR)
    site.serve()
    moved = iter([True])
    answer = site.github.wire.answer

    def meddle(method: str, *rest: object) -> object:
        if method == "PUT" and next(moved, False):
            site.github.person("bob").push("rollout/checkout/2-most", {"src/evil.py": "x"})
        return answer(method, *rest)  # type: ignore[arg-type]

    site.github.wire.answer = meddle  # type: ignore[method-assign, assignment]
    site.one()
    site.one()
    assert site.github.show("src/evil.py") is None


def test_the_base_moves_between_look_and_merge(site: Site) -> None:
    at_half(site)
    site.github.wait(3 * HOUR)
    site.serve()
    moved = iter([True])
    answer = site.github.wire.answer

    def meddle(method: str, *rest: object) -> object:
        if method == "PUT" and next(moved, False):
            site.github.commit({"README.md": "Meanwhile\n"})
        return answer(method, *rest)  # type: ignore[arg-type]

    site.github.wire.answer = meddle  # type: ignore[method-assign, assignment]
    site.one()
    site.one()
    assert site.state().stage == "most"
    assert site.github.show("README.md") == "Meanwhile\n"


@pytest.mark.parametrize("area", ["contents", "pull_requests", "statuses"])
def test_a_permission_that_is_missing_is_named(site: Site, area: str) -> None:
    site.github.wait(3 * HOUR)
    site.serve()
    token = site.github.app_token(app=4712, **QUICK_START | {area: "read"})
    record = site.one(token=token)
    errors = " ".join(step.error or "" for step in record.steps)
    assert area.replace("_", "-") in errors
    assert "write" in errors
    assert site.state().stage == "canary"
    site.healthy(token=site.token)
    assert len(site.github.open_pulls()) == 1


def test_actions_may_not_open_pull_requests(make_site: Callable[..., Site]) -> None:
    site = make_site(rules=strict())
    site.github.rules.actions_may_open = False
    site.github.wait(3 * HOUR)
    site.serve()
    record = site.one(token=site.github.actions_token())
    assert "Allow GitHub Actions to create and approve pull requests" in " ".join(s.error or "" for s in record.steps)


def test_the_quick_start_token_suffices(make_site: Callable[..., Site]) -> None:
    site = make_site(rules=strict())
    site.token = site.github.actions_token()
    number = pending(site)
    assert site.github.pulls[number].author.rest_login == "github-actions[bot]"
    site.github.person("alice").approve(number)
    site.github.person("alice").merge(number)
    site.github.wait(3 * HOUR)
    site.healthy()
    assert site.state().stage == "most"


def test_a_branch_left_by_a_killed_run_is_used_or_replaced(site: Site) -> None:
    site.github.wait(3 * HOUR)
    site.serve()
    site.github.bot("rollout-bot").push(HALF, {STATE: "rubbish"})
    site.one()
    site.one()
    (pull,) = site.github.open_pulls()
    assert pull.branch == HALF
    assert "half" in (site.github.show(STATE, HALF) or "")


def test_a_merge_queue_is_named(make_site: Callable[..., Site]) -> None:
    rules = Rules({"rollout/gate": None}, code_owners=True, pull_request=True, queue=True)
    site = make_site(rules=rules, files=initial(stage="half"))
    site.github.wait(3 * HOUR)
    record = site.healthy()
    assert "merge queue" in " ".join(step.error or "" for step in record.steps)
    assert site.state().stage == "half"


def test_the_default_branch_may_have_any_name(make_site: Callable[..., Site]) -> None:
    site = make_site(branch="release/trunk")
    at_half(site)
    site.github.wait(3 * HOUR)
    site.healthy()
    assert site.state().stage == "most"


def test_more_than_a_hundred_of_everything(make_site: Callable[..., Site]) -> None:
    files = {path: text for n in range(101) for path, text in initial(f"r{n:03}", text=policy_text(f"r{n:03}")).items()}
    site = make_site(files=files | initial())
    bob = site.github.person("bob")
    for each in range(101):
        bob.propose(f"docs{each}", {f"docs/{each}.md": "x"})
    text = site.github.show(STATE) or ""
    for each in range(101):
        site.github.commit({STATE: f"{text}# {each}\n"})
    site.github.wait(HOUR)
    site.serve()
    record = site.tick()
    assert len(record.rollouts) == 102
    assert not [each for each in record.rollouts if each.problems]
    assert len(record.gates) == 101
    assert all(site.github.gate(number) for number in site.github.pulls)
    again = site.tick()
    assert not again.gates
    assert len(site.forge().snapshot().open_pulls()) == 101
    site.github.wait(2 * HOUR)
    site.serve()
    site.tick(only=NAME)
    (pull,) = [each for each in site.github.open_pulls() if each.branch.startswith("rollout/")]
    assert pull.branch == HALF


def test_requests_stay_within_the_budget(site: Site) -> None:
    site.github.wait(HOUR)
    site.serve()
    assert site.tick().requests <= 2
    number = pending(site)
    steady = site.tick()
    assert steady.requests <= 2
    site.github.person("alice").approve(number)
    site.github.person("alice").merge(number)
    site.github.wait(3 * HOUR)
    site.serve()
    before = len(site.github.log)
    record = site.tick()
    assert site.state().stage == "most"
    assert record.requests <= 8, site.github.requests(before)
    assert record.requests == len(site.github.log) - before
    bad = site.now
    site.github.wait(timedelta(minutes=45))
    site.serve(bad_since=bad)
    before = len(site.github.log)
    record = site.tick()
    assert site.state().stage == "half"
    assert record.requests <= 8, site.github.requests(before)
    assert len(site.github.branches()) == 4
    site.tick()
    assert site.github.branches() == ["main"]
    assert site.tick().requests <= 2


@pytest.mark.parametrize(("looks", "spent"), [(0, 7), (1, 8), (2, 10), (4, 11)])
def test_a_github_that_hesitates_costs_what_the_documentation_says(
    make_site: Callable[..., Site], looks: int, spent: int
) -> None:
    site = make_site(files=initial(stage="half"))
    site.github.world.unknown_looks = looks
    site.github.wait(3 * HOUR)
    site.serve()
    assert site.tick().requests == spent
    assert site.state().stage == "most"
    assert len(site.github.branches()) == 2
    assert site.tick().requests <= 3
    assert site.github.branches() == ["main"]


def test_reviewers_of_the_policy_are_asked_once(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(text=policy_text(reviewers=["@bob", "@acme/release", "@nobody"])))
    site.github.world.teams["acme/release"] = frozenset({"alice"})
    number = pending(site)
    assert site.github.pulls[number].requested == ["alice"]
    assert site.state().stage == "canary"
    assert site.tick().requests <= 2


def test_an_advance_that_asks_reviewers_stays_within_the_budget(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(text=policy_text(reviewers=["@bob", "@acme/release"])))
    site.github.wait(3 * HOUR)
    site.serve()
    record = site.tick()
    assert record.requests <= 8
    (pull,) = site.github.open_pulls()
    assert pull.requested == ["alice", "bob"]
    (step, *_) = record.rollouts[0].steps
    assert "the teams were not" in (step.note or "")
    assert not record.rollouts[0].failed
    steady = site.tick()
    assert (steady.requests, steady.rollouts[0].steps) == (2, ())


def test_labels_that_a_run_cut_short_left_out_come_with_a_later_tick(site: Site) -> None:
    site.github.fail(message(403, "no"), "labels")
    number = pending(site)
    assert site.github.pulls[number].labels == []
    site.github.heal()
    (step,) = site.one().steps
    assert isinstance(step.action, FinishPull)
    assert [label.name for label in site.github.pulls[number].labels] == [
        "rollout", "rollout: advance", "rollout: needs approval",
    ]  # fmt: skip
    site.github.person("alice").comment(number, "One label is enough.")
    del site.github.pulls[number].labels[1:]
    assert site.one().steps == ()


def test_an_enterprise_server_has_other_addresses(site: Site) -> None:
    site.github.wait(3 * HOUR)
    site.serve()
    origin = site.github.origin
    addresses = {"GITHUB_API_URL": f"{origin}/api/v3", "GITHUB_GRAPHQL_URL": f"{origin}/api/graphql"}
    done = site.command("tick", "--now", site.now.isoformat(), **addresses)
    assert done.returncode == 0, done.stderr
    assert len(site.github.open_pulls()) == 1


def test_the_bots_own_merge_starts_the_deployment(make_site: Callable[..., Site]) -> None:
    policy = policy_text(deploy_workflow="deploy.yml")
    workflow = "on:\n  push:\n  workflow_dispatch:\n    inputs:\n      rollout:\n      percentage:\n"
    files = initial(stage="half", text=policy) | {".github/workflows/deploy.yml": workflow}
    site = make_site(files=files, rules=strict())
    site.token = site.github.actions_token()
    site.github.wait(3 * HOUR)
    record = site.healthy()
    assert record.merged
    # A push made with GITHUB_TOKEN starts nothing; the dispatch does.
    assert [run.event for run in site.github.runs] == ["workflow_dispatch"]
