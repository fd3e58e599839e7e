"""What servers of messages, and whoever edits the records of the local forge, may hand to the adapters."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from support.chaos.injection import answered
from support.mutations import mutate
from support.repositories import START
from support.ticks import HOUR, NAME, World, initial

from rollout_bot.enforcer import Enforcer
from rollout_bot.files.problems import InvalidFile
from rollout_bot.files.state import read_state
from rollout_bot.forge.interface import ForgeError
from rollout_bot.network.delivery import Undelivered, send

NOW = START + 3 * HOUR
FEW = settings(max_examples=settings.default.max_examples // 4)
"""Of what takes git, or a file."""

HEADERS = st.dictionaries(
    st.sampled_from(["Location", "Retry-After", "Content-Encoding", "Content-Type", "Set-Cookie", "WWW-Authenticate"]),
    st.text(max_size=20) | st.sampled_from(["gzip", "http://169.254.169.254/", "-1", "x" * 70_000]),
)


@given(st.integers(100, 999), st.binary(max_size=200) | st.just(b"invalid_payload"), HEADERS)
def test_any_answer_to_a_message_is_a_receipt_or_told(status: int, body: bytes, headers: dict[str, str]) -> None:
    def sent(_: HTTPAdapter, request: requests.PreparedRequest, **_rest: object) -> requests.Response:
        return answered(request, body, status, headers)

    told = ""
    with patch.object(HTTPAdapter, "send", sent):
        try:
            send("POST", "https://hooks.example/T0/s3cret", b"{}", {})
        except Undelivered as error:
            told = str(error)
    assert bool(told) is not (200 <= status < 300)
    assert told.isprintable()
    assert "s3cret" not in told
    assert "169.254" not in told


@dataclass(frozen=True)
class Desk:
    """A repository with an open pull request and its records, that can be set back to how it was."""

    world: World
    records: dict[Path, bytes]
    references: dict[str, str]

    @property
    def folder(self) -> Path:
        return self.world.repository.path / ".git" / "rollout-bot"

    def restore(self) -> None:
        for path in self.folder.rglob("*.json"):
            path.unlink()
        for path, content in self.records.items():
            path.write_bytes(content)
        commands = [f"delete {name}\n" for name in _references(self.world) if name not in self.references]
        commands += [f"update {name} {commit}\n" for name, commit in self.references.items()]
        self.world.repository.git("update-ref", "--stdin", stdin="".join(commands).encode())
        self.world.repository.git("reset", "--quiet", "--hard")

    def document(self, path: Path) -> object:
        """What the file holds, or what it could."""
        if path in self.records:
            return json.loads(self.records[path])
        head = self.world.repository.head()
        if path.name == "notes.json":
            return {head: {"rollout/told": "x"}}
        parts = {"number": 1, "base": "main", "head": head, "old": head, "new": head, "by": "x", "at": NOW.isoformat()}
        return {**parts, "approvers": ["alice"]}


def _references(world: World) -> dict[str, str]:
    lines = world.repository.git("for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return {name: commit for name, _, commit in (line.partition(" ") for line in lines)}


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        world = World.made(Path(folder, "shop"), initial(stage="canary"))
        world.healthy(NOW)
        records = sorted(world.repository.path.glob(".git/rollout-bot/pulls/*.json"))
        assert records
        yield Desk(world, {path: path.read_bytes() for path in records}, _references(world))


@FEW
@given(st.integers(0, 2**32), st.booleans())
def test_any_record_of_the_local_forge(desk: Desk, seed: int, bad: bool) -> None:
    """They lie where anybody can edit them; whoever does may approve, but neither stop the bot without a word, nor let
    a stage be passed over or a regression pass.
    """
    desk.restore()
    draw, world = random.Random(seed), desk.world
    path = draw.choice([*desk.records, desk.folder / "merging.json", desk.folder / "notes.json"])
    document = desk.document(path)
    mutate(draw, document)
    content = json.dumps(document).encode()
    path.write_bytes(content[:40] if draw.random() < 0.1 else content)
    later = NOW + HOUR
    world.serve(later, bad_since=NOW if bad else None)
    told = "nothing"
    try:
        record = world.tick(later)
        assert not any(each.bug for each in record.rollouts), [each.problems for each in record.rollouts]
        world.forge(later).pulls()
    except ForgeError as error:
        told = str(error)
    assert told.isprintable()
    assert world.state().percentage <= (10 if bad else 50)


@pytest.mark.parametrize("field", ["number", "base", "head", "old", "new", "by", "at", "approvers"])
def test_a_journal_of_other_values_is_damaged(desk: Desk, field: str) -> None:
    desk.restore()
    path = desk.folder / "merging.json"
    document = desk.document(path)
    assert isinstance(document, dict)
    path.write_text(json.dumps({**document, field: [1.5]}))
    with pytest.raises(ForgeError, match=r"merging\.json: damaged"):
        desk.world.tick(NOW + HOUR)


STATE = str(initial(stage="canary")[f"rollout-state/{NAME}/state.yaml"])


@FEW
@given(st.lists(st.binary(max_size=50) | st.integers(0, len(STATE)), max_size=4), st.integers(0, len(STATE)))
def test_an_enforcer_keeps_the_last_good_state(edits: list[bytes | int], at: int) -> None:
    content = STATE.encode()
    for edit in edits:
        content = content[:edit] if isinstance(edit, int) else content[:at] + edit + content[at:]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "state.yaml")
        path.write_text(STATE)
        enforcer = Enforcer.from_file(path, check_every=0)
        path.write_bytes(content)
        try:
            allowed = {read_state(content, "f").percentage, 10}
        except InvalidFile:
            allowed = {10}
        assert enforcer.percentage in allowed
        assert enforcer.rollout == NAME
