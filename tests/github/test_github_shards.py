"""Runs that share the rollouts of one repository: together they do what one would do, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from support.hosted import Site
from support.rollouts import HALF, up
from support.ticks import HOUR, initial, policy_text

from rollout_bot.cli import main
from rollout_bot.core.decision.actions import ClosePull, SetGate
from rollout_bot.core.model.repository import approval_path, policy_path, state_path
from rollout_bot.core.model.shards import Shard
from rollout_bot.core.model.state import Approval
from rollout_bot.core.record import TickRecord
from rollout_bot.files.approval import write_approval
from rollout_bot.files.state import write_state
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.tick import Tick

NAMES = ("checkout", "guardian", "mail", "payments", "search")
SHARDS = [Shard(number, 3) for number in (1, 2, 3)]


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Five rollouts, three hours in canary and healthy; each shard holds one of them at least."""
    files = {path: text for name in NAMES for path, text in initial(name, text=policy_text(name)).items()}
    made = make_site(files=files)
    made.github.wait(3 * HOUR)
    made.serve()
    assert all(any(shard.holds(name) for name in NAMES) for shard in SHARDS)
    return made


def ticks(site: Site, shards: list[Shard]) -> list[TickRecord]:
    return [Tick(site.forge(), Evaluator(site.now, site.folder, {}), shard=shard).run() for shard in shards]


def dry_run(site: Site, shard: Shard) -> TickRecord:
    return Tick(site.forge(), Evaluator(site.now, site.folder, {}), shard=shard, dry_run=True).run()


def gate_of(site: Site, number: int) -> str | None:
    found = site.github.gate(number)
    return found[0] if found else None


def test_together_they_do_what_one_would(site: Site, make_site: Callable[..., Site]) -> None:
    records = ticks(site, SHARDS)
    assert sorted(each.rollout for record in records for each in record.rollouts) == sorted(NAMES)
    pulls = site.github.open_pulls()
    assert sorted(each.branch for each in pulls) == [f"rollout/{name}/2-half" for name in sorted(NAMES)]
    assert [gate_of(site, each.number) for each in pulls] == ["success"] * len(NAMES)


def test_each_pull_request_gets_its_gate_once(site: Site) -> None:
    alice = site.github.person("alice")
    two = {policy_path(name): policy_text(name, cooldown="12h") for name in ("guardian", "search")}
    numbers = [
        alice.propose("docs", {"README.md": "Hello"}),
        alice.propose("both", two),
        alice.propose("new", initial("wallet", text=policy_text("wallet"))),
    ]
    assert all(not (shard.holds("guardian") and shard.holds("search")) for shard in SHARDS)
    # Each looks before any has set one: whose gate it is must not follow from who comes first.
    planned = [dry_run(site, shard) for shard in SHARDS]
    assert Counter(step.action.branch for record in planned for step in record.gates) == {
        "docs": 1,
        "both": 1,
        "new": 1,
    }
    records = ticks(site, SHARDS)
    steps = [step.action for record in records for step in record.gates]
    assert Counter(each.branch for each in steps if isinstance(each, SetGate)) == {"docs": 1, "both": 1, "new": 1}
    assert "docs" in [step.action.branch for step in records[0].gates if isinstance(step.action, SetGate)]
    assert [gate_of(site, number) for number in numbers] == ["success"] * 3
    before = len(site.github.log)
    ticks(site, SHARDS)
    assert all(each.startswith("query") for each in site.github.requests(before))


def test_who_judges_a_pull_request_looks_at_all_that_it_touches(site: Site) -> None:
    """The shard of `guardian` has to know how `search` is to let it go up."""
    begun = site.state("search")
    marker = write_approval(Approval("search", "half", begun.attempt))
    files = {
        policy_path("guardian"): policy_text("guardian", cooldown="12h"),
        state_path("search"): write_state(up(begun, HALF)),
        approval_path("search", "half"): marker,
    }
    number = site.github.person("alice").propose("both", files)
    ticks(site, SHARDS)
    assert gate_of(site, number) == "success"


def test_a_pull_request_of_the_bots_belongs_to_its_rollout_whatever_it_touches(site: Site) -> None:
    ticks(site, SHARDS)
    pull = next(each for each in site.github.open_pulls() if each.branch.startswith("rollout/search/"))
    site.github.commit({policy_path("checkout"): policy_text(cooldown="12h")}, branch=pull.branch)
    (record,) = (each for record in ticks(site, SHARDS) for each in record.rollouts if each.rollout == "search")
    assert any(isinstance(step.action, ClosePull) and step.changed for step in record.steps)
    assert [each.state for each in site.github.pulls.values() if each.number == pull.number] == ["CLOSED"]


def test_names_and_a_shard_are_two_ways_to_choose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tick", "checkout", "--shard", "1/2"]) == 2
    assert "--shard is about all rollouts" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["tick", "--shard", "3/2"])
    assert "there is no shard 3/2; allowed: K/N with 1 ≤ K ≤ N ≤ 256" in capsys.readouterr().err


def test_the_command_ticks_its_shard(site: Site) -> None:
    done = site.command("tick", "--shard", "2/3", "--now", site.now.isoformat())
    assert done.returncode == 0, done.stdout + done.stderr
    opened = [each.branch.split("/")[1] for each in site.github.open_pulls()]
    assert opened == [name for name in NAMES if SHARDS[1].holds(name)]
