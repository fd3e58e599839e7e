"""`rollout-bot export`: a text that is whole, or nothing at all."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from support.guardian import NAME, guardian, guardian_repository
from support.repositories import Repository

from rollout_bot.cli import main
from rollout_bot.commands.schema import schema
from rollout_bot.core.model.repository import state_path
from rollout_bot.export.interface import UnfitSetting
from rollout_bot.export.registry import FORMATS
from rollout_bot.files.state import read_state

SETTINGS = {
    name: [f"{each.name}={each.example.strip(chr(39))}" for each in of.settings] for name, of in FORMATS.items()
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return guardian_repository(tmp_path / "service")


def export(repository: Repository, name: str, *arguments: str) -> int:
    return main(["export", NAME, "--repository", str(repository.path), "--format", name, *arguments])


@pytest.mark.parametrize("name", FORMATS)
def test_the_examples_of_the_settings_work(
    repository: Repository, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert export(repository, name, *(f"--set={each}" for each in SETTINGS[name])) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.endswith("\n")
    assert "25" in captured.out


def test_env_is_read_by_a_shell(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(repository, "env") == 0
    script = f'{capsys.readouterr().out}\necho "$GUARDIAN_ROLLOUT_STAGE:$GUARDIAN_ROLLOUT_PERCENTAGE"'
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "quarter:25\n"


def test_env_has_one_assignment_on_each_line(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    export(repository, "env")
    assert capsys.readouterr().out.splitlines() == [
        "GUARDIAN_ROLLOUT_STAGE=quarter",
        "GUARDIAN_ROLLOUT_PERCENTAGE=25",
        "GUARDIAN_ROLLOUT_ATTEMPT=1",
        "GUARDIAN_ROLLOUT_GENERATION=2",
    ]


def test_json_is_the_state_by_the_same_schema(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(repository, "json") == 0
    text = capsys.readouterr().out
    Draft202012Validator(json.loads(schema("state"))).validate(json.loads(text))
    assert read_state(text.encode(), "state.json") == guardian()


@pytest.mark.parametrize("name", FORMATS)
def test_an_invalid_state_prints_nothing(repository: Repository, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = repository.path / state_path(NAME)
    path.write_text(path.read_text().replace("percentage: 25", "percentage: 30"))
    assert export(repository, name, *(f"--set={each}" for each in SETTINGS[name])) == 3
    assert capsys.readouterr().out == ""
    path.unlink()
    assert export(repository, name) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", FORMATS)
def test_an_older_state_prints_nothing(repository: Repository, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert export(repository, name, "--expect-generation", "3") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "guardian is at generation 2 here, older than 3" in captured.err


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("env", ["name=x"], "format env has no setting 'name'; allowed: none"),
        ("configmap", ["nam=x"], "format configmap has no setting 'nam'; allowed: name"),
        ("configmap", ["name=My_Map"], "'My_Map' is no name for format configmap; allowed, for example: name=checkout"),
        ("configmap", ["name=a\n"], "'a\\n' is no name"),
        (
            "nginx",
            [],
            "format nginx needs key (the variables that tell users apart); add, for example: --set key='$cookie_user'",
        ),
        (
            "istio",
            ["host=shop"],
            (
                "format istio needs stable (the service without the change), canary (the service with the change); "
                "add, for example: --set stable=checkout --set canary=checkout-canary\n"
            ),
        ),
        ("istio", ["host=a b", "stable=a", "canary=b"], "'a b' is no host for format istio"),
        ("launchdarkly", ["environment=a/b"], "'a/b' is no environment for format launchdarkly"),
        ("gateway-api", ["gateway=g", "stable=a", "canary=b", "port=65536"], "'65536' is no port"),
        ("gateway-api", ["gateway=g", "stable=a", "canary=b", "port=٣"], "'٣' is no port"),
    ],
)
def test_settings_that_do_not_fit(
    repository: Repository, capsys: pytest.CaptureFixture[str], name: str, settings: list[str], says: str
) -> None:
    assert export(repository, name, *(f"--set={each}" for each in settings)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"rollout-bot: {says}")


def test_a_name_that_kubernetes_would_not_take(tmp_path: Path) -> None:
    odd = replace(guardian(), rollout="a-")
    with pytest.raises(UnfitSetting, match="'a-' is no name for format configmap"):
        FORMATS["configmap"].text(odd, {})
    assert "name: b\n" in FORMATS["configmap"].text(odd, {"name": "b"})


@pytest.mark.parametrize("arguments", [["--format", "toml"], ["--format", "env", "--set", "x"], ["--set", "a=b"], []])
def test_wrong_usage(repository: Repository, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["export", NAME, "--repository", str(repository.path), *arguments])
    assert capsys.readouterr().out == ""


def test_the_help_names_every_format_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["export", "--help"])
    text = capsys.readouterr().out
    for each in FORMATS.values():
        assert f"  {each.name} " in text
        assert all(f"{setting.name}={setting.example}" in text for setting in each.settings)
    assert max(map(len, text.splitlines())) <= 120
