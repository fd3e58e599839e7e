"""The workflows and the action are what GitHub accepts, and as little as they need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.actions import ROOT, load, step, steps
from support.npm import installed

from rollout_bot.files.workflows import FOLDER, OWN, WORKFLOWS, is_pinned, workflow

ACTION = ROOT / "action.yml"
OURS = sorted((ROOT / FOLDER).glob("*.yml"))
PARSER = Path(__file__).parent / "parser"
PINNED = "acme/rollout-bot@" + "0123456789abcdef" * 2 + "01234567"


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The workflows as another repository gets them."""
    folder = tmp_path_factory.mktemp("shop") / FOLDER
    folder.mkdir(parents=True)
    for name in WORKFLOWS:
        (folder / name).write_text(workflow(name, action=PINNED, rollout="checkout"))
    return sorted(folder.glob("*.yml"))


def test_this_repository_uses_what_it_ships() -> None:
    assert {path.name for path in OURS} == {*WORKFLOWS, "ci.yml", "release.yml"}
    for name in WORKFLOWS:
        assert (ROOT / FOLDER / name).read_text() == workflow(name, action=OWN, rollout="guardian")


def tool(name: str, *arguments: str | Path) -> str:
    command = [Path(sys.executable).parent / name, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_zizmor_finds_nothing(theirs: list[Path]) -> None:
    tool("zizmor", "--offline", "--pedantic", "--strict-collection", "--no-progress", ACTION, *OURS, *theirs)


def test_they_fit_githubs_schemas(theirs: list[Path]) -> None:
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *OURS, *theirs)
    tool("check-jsonschema", "--builtin-schema", "vendor.github-actions", ACTION)


def parse(*paths: Path) -> list[str]:
    """What GitHub's own parser has to say."""
    folder = installed(PARSER)
    command = ["node", folder / "parse.mjs", *paths]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    found: list[str] = json.loads(done.stdout)
    return found


def test_githubs_own_parser_takes_them(theirs: list[Path]) -> None:
    assert parse(ACTION, *OURS, *theirs) == []


def test_githubs_own_parser_would_say_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text((ROOT / FOLDER / "rollout.yml").read_text().replace("steps.app.outputs", "steps..outputs"))
    assert "Unexpected symbol" in parse(broken)[0]


@pytest.mark.parametrize("path", [ACTION, *OURS], ids=lambda path: path.name)
def test_every_action_is_pinned_and_says_its_version(path: Path) -> None:
    uses = re.findall(r"(?<!\w)uses: (.*)", path.read_text())
    assert uses
    for each in uses:
        pinned = re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)
        assert pinned or each.startswith("./ #"), each


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_nothing_is_permitted_beyond_a_job(path: Path) -> None:
    document = load(path)
    assert document["permissions"] == {}
    assert all(job["permissions"] for job in document["jobs"].values())
    assert all(job["timeout-minutes"] <= 45 for job in document["jobs"].values())
    assert "pull_request_target" not in document["on"]


@pytest.mark.parametrize("path", [ACTION, *OURS], ids=lambda path: path.name)
def test_no_expression_becomes_a_part_of_a_script(path: Path) -> None:
    assert not [each["name"] for each in steps(load(path)) if "${{" in each.get("run", "")]


WRITES = {
    "rollout.yml": {"contents", "pull-requests", "statuses", "actions"},
    "rollout-gate.yml": {"statuses"},
    "rollout-status.yml": set(),
    "rollout-backtest.yml": set(),
    "rollout-site.yml": {"pages", "id-token"},
    "deploy-example.yml": set(),
}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_only_what_acts_may_write(name: str) -> None:
    scopes = [scope for job in load(ROOT / FOLDER / name)["jobs"].values() for scope in job["permissions"].items()]
    assert {scope for scope, level in scopes if level == "write"} == WRITES[name]


@pytest.mark.parametrize(
    ("name", "levels"), [("rollout.yml", "write"), ("rollout-status.yml", "read"), ("rollout-site.yml", "read")]
)
def test_who_tells_the_bots_pull_requests_from_others_acts_as_the_bot(name: str, levels: str) -> None:
    document = load(ROOT / FOLDER / name)
    job = next(iter(document["jobs"].values()))
    mint = step(document, "Mint the App's token")
    assert job["environment"] == {"name": "rollout-bot", "deployment": False}
    assert mint["id"] == "app"
    given = {key: value for key, value in mint["with"].items() if key.startswith("permission-")}
    assert {"permission-contents", "permission-pull-requests", "permission-statuses"} <= set(given)
    assert set(given.values()) == {levels}
    (bot,) = (each for each in job["steps"] if each.get("uses") == OWN)
    assert bot["with"]["github-token"] == "${{ steps.app.outputs.token || github.token }}"


def test_the_gate_does_not_run_what_a_pull_request_brings() -> None:
    checkout = step(load(ROOT / FOLDER / "rollout-gate.yml"), "Check out")
    assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_other_repositories_check_nothing_out_but_what_they_deploy_or_propose(theirs: list[Path]) -> None:
    for path in theirs:
        names = [each["name"] for each in steps(load(path))]
        assert ("Check out" in names) == (path.name in ("deploy-example.yml", "rollout-backtest.yml"))
        assert PINNED in path.read_text()
        assert not re.search("@[A-Z]+@|guardian", path.read_text())


def test_a_strangers_policy_is_not_replayed() -> None:
    (job,) = load(ROOT / FOLDER / "rollout-backtest.yml")["jobs"].values()
    assert job["if"] == "${{ !github.event.pull_request.head.repo.fork }}"
    assert "secrets." not in (ROOT / FOLDER / "rollout-backtest.yml").read_text()


def test_every_input_that_a_workflow_gives_exists() -> None:
    known = load(ACTION)["inputs"]
    for name in WORKFLOWS:
        for each in steps(load(ROOT / FOLDER / name)):
            if each.get("uses") == OWN:
                assert set(each["with"]) <= set(known)


def test_what_the_bot_sends_to_a_deployment_is_declared() -> None:
    declared = load(ROOT / FOLDER / "deploy-example.yml")["on"]["workflow_dispatch"]["inputs"]
    assert set(declared) == {"rollout", "percentage"}


@pytest.mark.parametrize(
    ("action", "pinned"),
    [
        (PINNED, True),
        ("acme/rollout-bot@v1", False),
        ("acme/rollout-bot@0123456", False),
        (PINNED + "\n", False),
        (PINNED + " # x", False),
        ("./", False),
    ],
)
def test_a_pinned_action_names_a_whole_commit(action: str, *, pinned: bool) -> None:
    assert is_pinned(action) is pinned
