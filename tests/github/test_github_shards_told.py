"""What runs that share the rollouts tell: each of its own, together as much as one would, and nothing twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support.hosted import Site
from support.mailbox import Mailbox, mailbox
from support.pushgateway import pushgateway
from support.ticks import HOUR, initial, policy_text

from rollout_bot.core.model.repository import state_path
from rollout_bot.core.model.shards import Shard

NAMES = ("checkout", "guardian", "mail", "payments", "search")
SHARDS = [Shard(number, 3) for number in (1, 2, 3)]
ALONE = "search"
"""The only rollout of the second shard."""

SLACK = "[{channel: slack, address: '${SLACK_WEBHOOK_URL}'}]"


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """Five rollouts, three hours in canary and healthy; their people are to be told on Slack."""
    texts = {name: policy_text(name, notify=SLACK) for name in NAMES}
    made = make_site(files={path: text for name in NAMES for path, text in initial(name, text=texts[name]).items()})
    made.github.wait(3 * HOUR)
    made.serve()
    assert [name for name in NAMES if SHARDS[1].holds(name)] == [ALONE]
    return made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pushgateway(tmp_path_factory.mktemp("gateway")) as address:
        yield address


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


def run(site: Site, shard: Shard, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return site.command("tick", "--shard", str(shard), "--now", site.now.isoformat(), *options, **environment)


def side_by_side(site: Site, *options: str, **environment: str) -> list[subprocess.CompletedProcess[str]]:
    with ThreadPoolExecutor(len(SHARDS)) as pool:
        return list(pool.map(lambda shard: run(site, shard, *options, **environment), SHARDS))


def shown(text: str, metric: str) -> list[str]:
    """The rollouts for which a metric is written."""
    samples = (line.partition(f"_rollout_{metric}") for line in text.splitlines() if not line.startswith("#"))
    return sorted(name for name, found, _ in samples if found)


def test_figures_and_messages_of_all_shards_are_those_of_one_run(
    site: Site, gateway: str, box: Mailbox, tmp_path: Path
) -> None:
    file = tmp_path / "rollouts.prom"
    for expected in (2 * len(NAMES), 0):
        done = side_by_side(
            site, "--metrics-file", str(file), PUSHGATEWAY_URL=gateway, SLACK_WEBHOOK_URL=box.address
        )  # fmt: skip
        assert [(each.returncode, each.stderr) for each in done] == [(0, "")] * 3
        # Each begins, and asks for an approval; and nobody is told twice.
        assert len({message["text"] for message in box.take()}) == expected
    assert box.asked == 2 * len(NAMES)
    exposed = requests.get(f"{gateway}/metrics", timeout=10).text
    assert shown(exposed, "percentage{") == sorted(NAMES)
    assert shown(exposed, "last_tick_timestamp_seconds{") == sorted(NAMES)
    written = {each.name: shown(each.read_text(), "percentage ") for each in tmp_path.glob("*.prom")}
    assert written == {
        f"rollouts-{shard.number}.prom": [name for name in NAMES if shard.holds(name)] for shard in SHARDS
    }


def test_a_broken_rollout_fails_its_own_shard_only(site: Site) -> None:
    site.github.commit({state_path(ALONE): "nonsense: 1\n"})
    assert [each.returncode for each in side_by_side(site)] == [0, 3, 0]


def test_a_shard_says_which_it_is(site: Site, tmp_path: Path) -> None:
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    done = run(site, SHARDS[1], GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(outputs))
    assert "2026-03-02 12:00 UTC, shard 2/3\n" in done.stdout
    assert summary.read_text().startswith("## Rollouts at 2026-03-02 12:00 UTC, shard 2/3\n")
    assert json.loads(run(site, SHARDS[1], "--format", "json").stdout)["shard"] == "2/3"
    # One rollout happens to be alone in it; the next one that is begun would change what the outputs speak of.
    values = [line for line in outputs.read_text().splitlines() if "end-" not in line]
    assert [each for each in values if each] == ["false"]


def test_a_shard_without_a_rollout_is_done_and_advises_nothing(site: Site, tmp_path: Path) -> None:
    empty = next(
        shard for number in range(1, 41) if not any((shard := Shard(number, 40)).holds(name) for name in NAMES)
    )
    summary = tmp_path / "summary.md"
    done = run(site, empty, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0
    assert "no rollout here belongs to this shard" in done.stdout
    assert "No rollout here belongs to this shard." in summary.read_text()
    assert "init" not in done.stdout + summary.read_text()
