"""`Enforcer`: follows the file, keeps what was good, and holds under threads."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

import pytest
import yaml
from support.guardian import guardian

import rollout_bot
from rollout_bot import Enforcer, InvalidFile
from rollout_bot.core.model.state import State
from rollout_bot.files.state import write_state

USERS = [f"user-{number}" for number in range(500)]


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Deployed:
    """A state file, and an enforcer that looks at it every ten seconds of a clock that the test turns."""

    path: Path
    clock: Clock
    enforcer: Enforcer

    def deploy(self, state: State) -> None:
        """As a careful deployment does it: another file takes the place of the first."""
        aside = self.path.with_suffix(".new")
        aside.write_text(write_state(state))
        aside.replace(self.path)

    def later(self) -> int:
        self.clock.now += 10
        return self.enforcer.percentage

    def enforced(self) -> set[str]:
        return set(filter(self.enforcer.is_enforced, USERS))


@pytest.fixture
def deployed(tmp_path: Path) -> Deployed:
    path, clock = tmp_path / "state.yaml", Clock()
    path.write_text(write_state(guardian("canary", 1)))
    return Deployed(path, clock, Enforcer.from_file(path, check_every=10, clock=clock))


def test_it_decides_by_the_committed_percentage(deployed: Deployed) -> None:
    assert (deployed.enforcer.rollout, deployed.enforcer.percentage) == ("guardian", 10)
    assert deployed.enforcer.state == guardian("canary", 1)
    assert 20 < len(deployed.enforced()) < 80


def test_users_stay_as_the_percentage_grows(deployed: Deployed) -> None:
    before: set[str] = set()
    for generation, stage in enumerate(("off", "canary", "quarter", "half", "most", "full"), start=2):
        deployed.deploy(guardian(stage, generation))
        deployed.later()
        assert before <= deployed.enforced()
        before = deployed.enforced()
    assert before == set(USERS)
    deployed.deploy(guardian("off", 9))
    deployed.later()
    assert deployed.enforced() == set()


def test_another_process_decides_alike(deployed: Deployed) -> None:
    code = (
        f"from rollout_bot import Enforcer; e = Enforcer.from_file({str(deployed.path)!r}); "
        "print(*(u for u in map('user-{}'.format, range(500)) if e.is_enforced(u)))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert set(run.stdout.split()) == deployed.enforced()


def test_it_looks_at_the_file_no_more_often_than_asked(deployed: Deployed) -> None:
    deployed.deploy(guardian("full", 2))
    deployed.clock.now += 9.9
    assert deployed.enforcer.percentage == 10
    assert not all(map(deployed.enforcer.is_enforced, USERS))
    deployed.clock.now += 0.1
    assert all(map(deployed.enforcer.is_enforced, USERS))
    deployed.deploy(guardian("off", 3))
    deployed.clock.now += 9.9
    assert all(map(deployed.enforcer.is_enforced, USERS))
    deployed.clock.now += 0.1
    assert not any(map(deployed.enforcer.is_enforced, USERS))


def test_it_sees_a_change_that_leaves_size_and_time_alone(deployed: Deployed) -> None:
    before = deployed.path.stat()
    deployed.path.write_text(deployed.path.read_text().replace("canary", "sundry").replace(": 10", ": 90"))
    os.utime(deployed.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = deployed.path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert deployed.later() == 90


def test_it_follows_a_link_as_kubernetes_mounts_a_config_map(tmp_path: Path) -> None:
    for name, stage in {"old": "canary", "new": "half"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.yaml").write_text(write_state(guardian(stage)))
    (tmp_path / "..data").symlink_to("old")
    (tmp_path / "state.yaml").symlink_to("..data/state.yaml")
    clock = Clock()
    enforcer = Enforcer.from_file(tmp_path / "state.yaml", clock=clock)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").replace(tmp_path / "..data")
    clock.now += 1
    assert enforcer.percentage == 50


@pytest.mark.parametrize("content", [b"", b"percentage: 75\n", b"\xff", None])
def test_the_last_good_state_stays_and_the_log_says_so_once(
    deployed: Deployed, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    caplog.set_level(logging.INFO, logger="rollout_bot.enforcer")
    good, users = deployed.path.read_bytes(), deployed.enforced()
    if content is None:
        deployed.path.unlink()
    else:
        deployed.path.write_bytes(content)
    assert [deployed.later() for _ in range(3)] == [10, 10, 10]
    assert deployed.enforced() == users
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert str(deployed.path) in record.getMessage()
    assert record.getMessage().endswith("; guardian stays at 10 %")
    assert "\n" not in record.getMessage()

    deployed.path.write_bytes(good)
    deployed.later()
    assert caplog.messages[1:] == [f"{deployed.path} is as it was, at 10 %"]
    deployed.deploy(guardian("half", 2))
    deployed.later()
    assert caplog.messages[2:] == ["guardian goes from 10 % to 50 %"]
    deployed.path.unlink()
    deployed.later()
    assert len(caplog.records) == 4


def test_the_state_of_another_rollout_is_no_state_of_this_one(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    deployed.deploy(replace(guardian("full", 2), rollout="checkout"))
    assert deployed.later() == 10
    assert "rollout: found 'checkout'; allowed: 'guardian'" in caplog.text


@pytest.mark.parametrize("content", [None, b"percentage: 75\n"])
def test_without_a_good_state_to_begin_with_there_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidFile, match=r"state\.yaml"):
        Enforcer.from_file(path)


def test_text_counts_as_its_bytes(deployed: Deployed) -> None:
    for key in ("alice", "", "Zoë", "\udcff", "a\0b", "x" * 10_000):
        expected = deployed.enforcer.is_enforced(key.encode("utf-8", "surrogatepass"))
        assert deployed.enforcer.is_enforced(key) is expected


@pytest.mark.parametrize("key", [None, 7, 1.5, ["a"], bytearray(b"a"), True])
def test_what_is_no_key_is_refused(deployed: Deployed, key: object) -> None:
    with pytest.raises(TypeError, match="a key is str or bytes, not"):
        deployed.enforcer.is_enforced(key)  # type: ignore[arg-type]


def test_threads_see_one_whole_state_or_another(tmp_path: Path) -> None:
    path = tmp_path / "state.yaml"
    path.write_text(write_state(guardian("canary", 1)))
    enforcer = Enforcer.from_file(path, check_every=0)
    expected = {next(user for user in USERS if enforcer.is_enforced(user)): True}
    path.write_text(write_state(guardian("most", 2)))
    expected |= {next(user for user in USERS if not enforcer.is_enforced(user)): False}
    wrong: list[str] = []
    stop = Event()

    def ask() -> None:
        while not stop.is_set():
            wrong.extend(user for user, right in expected.items() if enforcer.is_enforced(user) != right)

    threads = [Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for generation in range(3, 20):
        # Written in place, so that halves are read as well.
        path.write_text(write_state(guardian("canary" if generation % 2 else "most", generation)))
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert enforcer.percentage == 10


def test_one_thread_looks_and_the_others_go_on(deployed: Deployed) -> None:
    deployed.deploy(guardian("full", 2))
    deployed.clock.now += 10
    with deployed.enforcer._looking:
        assert deployed.enforcer.percentage == 10
    assert deployed.enforcer.percentage == 100


def test_a_service_needs_no_more_than_yaml(deployed: Deployed, tmp_path: Path) -> None:
    """Installed with `pip install --no-deps`, say: nothing else is on the path."""
    site = tmp_path / "site"
    site.mkdir()
    for package in (rollout_bot, yaml):
        source = Path(str(package.__file__)).parent
        (site / source.name).symlink_to(source)
    code = f"""
import pathlib, sys
sys.path.insert(0, {str(site)!r})
from rollout_bot import Enforcer
from rollout_bot import InvalidFile
from rollout_bot import read_state
path = pathlib.Path({str(deployed.path)!r})
enforcer = Enforcer.from_file(path, check_every=0)
print(read_state(path).percentage, enforcer.percentage)
path.write_text("percentage: 25")
print(enforcer.percentage)
try:
    read_state(path)
except InvalidFile as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    told = f"{deployed.path}:1:1: found something else; allowed: a state by the schema of state.yaml. "
    told += "With jsonschema installed this would say what is wrong"
    assert run.stdout == f"10 10\n10\n{told}\n"
    assert run.stderr == f"{told}; guardian stays at 10 %\n"
