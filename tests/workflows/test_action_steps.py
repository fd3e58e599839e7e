"""The shell steps of the action and the workflows, run as a runner runs them, with whatever people type."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from support.actions import ROOT, StubRunner, load, step, steps
from support.debian import cache_folder
from support.ticks import NAME, initial

from rollout_bot.cli import parser
from rollout_bot.files.workflows import FOLDER

ACTION = load(ROOT / "action.yml")
LOCK = ROOT / "requirements" / "runtime.txt"
HOSTILE = [
    "$(touch hit)",
    "`touch hit`",
    '"; touch hit; "',
    "'; touch hit #",
    "a\nb",
    "--repository=/",
    "-h",
    "--",
    "*",
    "::add-path::x",
    "${{ github.token }}",
    " x  y ",
]
STUB = f"""\
#!{sys.executable}
import json, os, sys
names = ("PROMETHEUS_URL", "PUSHGATEWAY_URL", "GITHUB_TOKEN")
given = {{name: os.environ[name] for name in names if name in os.environ}}
print(json.dumps([sys.argv[1:], given]))
sys.exit(int(os.environ.get("STUB_CODE", "0")))
"""


@pytest.fixture
def runner(tmp_path: Path) -> StubRunner:
    """A job in which the action is installed, with a command that says how it was called."""
    found = StubRunner(tmp_path)
    program = found.temp / "rollout-bot" / "venv" / "bin" / "rollout-bot"
    program.parent.mkdir(parents=True)
    program.write_text(STUB)
    program.chmod(0o755)
    return found


def call(runner: StubRunner, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Runs the action's last step with inputs; a dash is written as an underscore."""
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    defaults = {name: each["default"] for name, each in ACTION["inputs"].items()}
    runner.context |= {f"inputs.{name}": value for name, value in {**defaults, "github-token": "t", **given}.items()}
    return runner.run(step(ACTION, "Run"))


def called(runner: StubRunner, **inputs: str) -> list[str]:
    done = call(runner, **inputs)
    assert done.returncode == 0, done.stderr
    arguments: list[str] = json.loads(done.stdout.splitlines()[-1])[0]
    assert not list((runner.folder / "workspace").iterdir())
    return arguments


@pytest.mark.parametrize(
    ("inputs", "arguments"),
    [
        ({}, ["tick", "--"]),
        ({"rollout": "shop"}, ["tick", "--", "shop"]),
        ({"dry_run": "true", "reason": "ignored"}, ["tick", "--dry-run", "--"]),
        ({"every": "60s", "for": "14m"}, ["tick", "--every=60s", "--for=14m", "--"]),
        ({"shard": "2/4"}, ["tick", "--shard=2/4", "--"]),
        ({"command": "hold", "rollout": "shop", "reason": "r"}, ["hold", "--reason=r", "--", "shop"]),
        ({"command": "resume", "rollout": "shop", "reason": "r"}, ["resume", "--reason=r", "--", "shop"]),
        ({"command": "advance", "rollout": "shop", "reason": ""}, ["advance", "--reason=", "--", "shop"]),
        (
            {"command": "rollback", "rollout": "shop", "reason": "r", "to": "off", "dry_run": "true"},
            ["rollback", "--dry-run", "--reason=r", "--to=off", "--", "shop"],
        ),
        ({"command": "rollback", "rollout": "shop", "reason": "r"}, ["rollback", "--reason=r", "--", "shop"]),
        ({"command": "status", "dry_run": "true", "rollout": "shop"}, ["status", "--", "shop"]),
        ({"command": "site", "output": "public", "dry_run": "true"}, ["site", "--output=public"]),
        ({"command": "verify", "rollout": "shop"}, ["verify"]),
        ({"command": "verify", "dry_run": "true"}, ["verify", "--dry-run"]),
        ({"command": "doctor", "dry_run": "true"}, ["doctor"]),
        ({"command": "backtest", "dry_run": "true"}, ["backtest", "--"]),
        (
            {"command": "backtest", "against": "base", "days": "30", "rollout": "shop"},
            ["backtest", "--against=base", "--days=30", "--", "shop"],
        ),
    ],
)
def test_inputs_become_arguments(runner: StubRunner, inputs: dict[str, str], arguments: list[str]) -> None:
    assert called(runner, **inputs) == arguments
    parser(arguments[0]).parse_args(arguments)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_type_stays_what_it_is(runner: StubRunner, text: str) -> None:
    expected = ["rollback", f"--reason={text}", f"--to={text}", "--", text]
    assert called(runner, command="rollback", rollout=text, reason=text, to=text) == expected
    assert called(runner, command="backtest", against=text) == ["backtest", f"--against={text}", "--"]
    assert called(runner, every=text, **{"for": text}) == ["tick", f"--every={text}", f"--for={text}", "--"]
    assert called(runner, shard=text) == ["tick", f"--shard={text}", "--"]


@pytest.mark.parametrize("text", ["", "tick; id", "--version", "demo", "init", "pulls", *HOSTILE])
def test_no_other_command_is_run(runner: StubRunner, text: str) -> None:
    done = call(runner, command=text)
    assert done.returncode == 2
    assert done.stdout.splitlines()[-1].startswith("::error::This command is unknown; allowed: tick,")


def test_the_token_is_masked_and_handed_on(runner: StubRunner) -> None:
    done = call(runner, github_token="ghs_x", prometheus_url="https://p", pushgateway_url="https://g")
    assert done.stdout.splitlines()[0] == "::add-mask::ghs_x"
    given = json.loads(done.stdout.splitlines()[-1])[1]
    assert given == {"PROMETHEUS_URL": "https://p", "PUSHGATEWAY_URL": "https://g", "GITHUB_TOKEN": "ghs_x"}


def test_a_policy_that_is_only_proposed_gets_no_token_to_send(runner: StubRunner) -> None:
    done = call(runner, command="backtest", github_token="ghs_x", prometheus_url="https://p")
    assert json.loads(done.stdout.splitlines()[-1])[1] == {"PROMETHEUS_URL": "https://p"}


def test_an_empty_address_hides_none_that_the_job_has(runner: StubRunner) -> None:
    call(runner, github_token="")
    done = runner.run(step(ACTION, "Run"), PROMETHEUS_URL="https://job")
    assert "add-mask" not in done.stdout
    assert json.loads(done.stdout)[1]["PROMETHEUS_URL"] == "https://job"


@pytest.mark.parametrize("code", [1, 2, 3, 70])
def test_the_exit_code_is_the_commands(runner: StubRunner, code: int) -> None:
    call(runner)
    assert runner.run(step(ACTION, "Run"), STUB_CODE=str(code)).returncode == code


def test_a_percentage_that_cannot_be_read_is_no_output(runner: StubRunner) -> None:
    call(runner, command="percentage", rollout="shop")
    runner.output.unlink()
    assert runner.run(step(ACTION, "Run"), STUB_CODE="3").returncode == 3
    assert runner.output.read_text() == ""


def test_the_key_of_the_cache_changes_with_the_lock(tmp_path: Path) -> None:
    keys = set()
    for text in ("a==1", "a==2"):
        action = tmp_path / text
        (action / "requirements").mkdir(parents=True)
        (action / "requirements" / "runtime.txt").write_text(text)
        runner = StubRunner(tmp_path, action, {"steps.python.outputs.python-path": sys.executable})
        runner.output.unlink(missing_ok=True)
        done = runner.run(step(ACTION, "Name the lock"))
        assert done.returncode == 0, done.stderr
        keys.add(runner.outputs()["key"])
        assert hashlib.sha256(text.encode()).hexdigest() in runner.outputs()["key"]
    assert len(keys) == 2
    assert all("," not in key and len(key) < 512 for key in keys)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> StubRunner:
    """A job in which the action installed itself. What it downloads is kept between test runs, as on a runner."""
    runner = StubRunner(tmp_path_factory.mktemp("job"), context={"steps.python.outputs.python-path": sys.executable})
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    kept = cache_folder() / "wheels" / f"{digest}-{sys.version_info.major}.{sys.version_info.minor}"
    wheels = runner.temp / "rollout-bot" / "wheels"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{kept}.lock", timeout=300):
        if kept.exists():
            shutil.copytree(kept, wheels)
        done = runner.run(step(ACTION, "Install"))
        assert done.returncode == 0, done.stdout + done.stderr
        if not kept.exists():
            shutil.copytree(wheels, kept)
    return runner


def test_the_installed_command_reads_a_percentage(installed: StubRunner) -> None:
    workspace = installed.folder / "workspace"
    for path, text in initial(stage="half").items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(str(text))
    subprocess.run(["git", "init", "-q", workspace], check=True)
    installed.output.unlink(missing_ok=True)
    done = call(installed, command="percentage", rollout=NAME)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "50"), done.stderr
    assert installed.outputs() == {"percentage": "50"}
    refused = call(installed, command="percentage", rollout="--help")
    assert refused.returncode not in (0, 70)


def test_the_installed_command_knows_its_metrics_sources(installed: StubRunner) -> None:
    code = "from rollout_bot.metrics.registry import names; print(*names())"
    python = installed.temp / "rollout-bot" / "venv" / "bin" / "python"
    done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert {"prometheus", "recording", "web"} <= set(done.stdout.split())


def test_a_second_use_in_one_job_installs_nothing(installed: StubRunner) -> None:
    before = (installed.temp / "rollout-bot" / "installed").stat().st_mtime_ns
    assert installed.run(step(ACTION, "Install"), PYTHON="/nowhere").returncode == 0
    assert (installed.temp / "rollout-bot" / "installed").stat().st_mtime_ns == before


def test_a_tampered_cache_installs_nothing(installed: StubRunner, tmp_path: Path) -> None:
    runner = StubRunner(tmp_path, context=installed.context | {"steps.python.outputs.python-path": sys.executable})
    wheels = runner.temp / "rollout-bot" / "wheels"
    shutil.copytree(installed.temp / "rollout-bot" / "wheels", wheels)
    wheel = next(wheels.glob("requests-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"\0")
    # Without an index there is nothing to replace it by.
    done = runner.run(step(ACTION, "Install"), PIP_NO_INDEX="1")
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert not (runner.temp / "rollout-bot" / "installed").exists()


def test_the_shell_of_the_workflows_runs(tmp_path: Path) -> None:
    runner = StubRunner(tmp_path, context={"steps.rollout.outputs.percentage": "$(touch hit)"})
    deploy = step(load(ROOT / FOLDER / "deploy-example.yml"), "Deploy")
    done = runner.run(deploy)
    assert done.returncode == 0
    assert "enforce for $(touch hit) % of" in done.stdout
    assert not list((tmp_path / "workspace").iterdir())


def test_no_shell_is_left_out() -> None:
    """A new step with shell of its own has to be run here as well."""
    # What runs in this project alone: see test_release.py, and .ci/run itself.
    own = {"ci.yml", "release.yml"}
    tested = {"Name the lock", "Install", "Run", "Deploy"}
    files = [ROOT / "action.yml", *sorted((ROOT / FOLDER).glob("*.yml"))]
    found = {each["name"] for path in files if path.name not in own for each in steps(load(path)) if "run" in each}
    assert found == tested
