"""Short texts kept with a commit, on both forges."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from support.forges import STATE
from support.github import FakeGitHub
from support.github_forge import Connect
from support.repositories import START, Repository

from rollout_bot.core.model.repository import Revision
from rollout_bot.forge.interface import Forge, ForgeError
from rollout_bot.forge.local import LocalForge

TOPIC = "rollout/told/guardian/SLACK_WEBHOOK_URL"
OTHER = "rollout/told/guardian/OTHER"


def newest(forge: Forge) -> Revision:
    return forge.snapshot().history[STATE][0]


def test_a_note_on_the_local_forge_stays_with_its_commit(repository: Repository, forge: LocalForge) -> None:
    assert newest(forge).notes == {}
    first = repository.head()
    forge.note(first, TOPIC, "told")
    forge.note(first, OTHER, "told; stuck")
    forge.note(first, TOPIC, "told; cannot measure")
    assert newest(LocalForge(repository.path, now=START)).notes == {TOPIC: "told; cannot measure", OTHER: "told; stuck"}
    repository.commit_on_main({STATE: "stage: half\n"}, START + timedelta(days=1))
    assert [each.notes.get(OTHER) for each in forge.snapshot().history[STATE]] == [None, "told; stuck"]


@pytest.mark.parametrize("content", ["[]", '{"c": 1}', "{"])
def test_notes_that_are_damaged_are_named(repository: Repository, forge: LocalForge, content: str) -> None:
    forge.note(repository.head(), TOPIC, "told")
    file = Path(repository.git("rev-parse", "--absolute-git-dir")) / "rollout-bot" / "notes.json"
    file.write_text(content)
    with pytest.raises(ForgeError, match=r"notes\.json: damaged: .*; restore the file from a backup, or delete it"):
        forge.snapshot()


@pytest.mark.parametrize("method", ["squash", "merge", "rebase"])
def test_a_note_on_github_is_a_status_of_the_commit_that_landed(
    connect: Connect, github: FakeGitHub, method: str
) -> None:
    bob = github.person("bob")
    landed = bob.merge(bob.propose("change", {STATE: "stage: half\n"}), method)
    hub = connect()
    assert newest(hub).notes == {}
    before = hub.requests
    hub.note(landed, TOPIC, "told; " + "x" * 200)
    assert hub.requests == before + 1
    hub.note(landed, OTHER, "told")
    found = newest(connect())
    assert found.commit == landed
    assert found.notes == {TOPIC: "told; " + "x" * 133 + "…", OTHER: "told"}
    assert {each.state for each in github.world.statuses[landed]} == {"success"}


def test_other_statuses_are_no_notes(connect: Connect, github: FakeGitHub) -> None:
    hub = connect()
    hub.note(newest(hub).commit, "ci/build", "fine")
    assert newest(connect()).notes == {}
