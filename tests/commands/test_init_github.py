"""`init --github` writes what a repository needs there, and nothing over what it has."""

from __future__ import annotations

import json
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from githubkit_schemas.v2022_11_28.models import ReposOwnerRepoRulesetsPostBody
from support.actions import ROOT, load
from support.github.rulesets import matches

from rollout_bot.cli import main
from rollout_bot.commands import hosting
from rollout_bot.core.model.repository import branch_name
from rollout_bot.files.ruleset import branches_ruleset, ruleset
from rollout_bot.files.workflows import FOLDER, WORKFLOWS, workflow

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ACTION = f"acme/rollout-bot@{COMMIT}"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def init(repository: Path, *options: str) -> int:
    return main(["init", "checkout", "--repository", str(repository), "--owner", "@alice", *options])


def printed_rulesets(text: str) -> list[object]:
    return [json.loads(each.split("\nEND\n")[0]) for each in text.split("<<'END'\n")[1:]]


def test_it_writes_the_workflows_and_prints_the_ruleset(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(repository, "--github", "--action", ACTION, "--app", "7") == 0
    for name in WORKFLOWS:
        text = (repository / FOLDER / name).read_text()
        assert text == workflow(name, action=ACTION, rollout="checkout")
    assert load(repository / FOLDER / "deploy-example.yml")["on"]["push"]["paths"] == [
        "rollout-state/checkout/state.yaml"
    ]
    assert (repository / ".github/CODEOWNERS").exists()
    printed = capsys.readouterr().out
    assert printed_rulesets(printed) == [ruleset(7), branches_ruleset(7)]
    assert "gh api --method POST 'repos/{owner}/{repo}/rulesets' --input - <<'END'" in printed


def test_what_is_there_is_kept(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / FOLDER).mkdir(parents=True)
    (repository / FOLDER / "rollout.yml").write_text("mine")
    assert init(repository, "--github", "--action", ACTION) == 0
    assert (repository / FOLDER / "rollout.yml").read_text() == "mine"
    assert f"wrote  {FOLDER}/rollout.yml" not in capsys.readouterr().out
    assert init(repository, "--github") == 0
    again = capsys.readouterr().out
    assert again.startswith("everything is there already; nothing was written\n")
    # Only an App can be let past a rule, so without one there is none for the bot's branches.
    assert printed_rulesets(again) == [ruleset()]


def test_a_dry_run_writes_nothing(repository: Path) -> None:
    assert init(repository, "--github", "--action", ACTION, "--dry-run") == 0
    assert [path.name for path in repository.iterdir()] == [".git"]


def test_without_github_there_are_no_workflows(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert init(repository) == 0
    assert not (repository / FOLDER).exists()
    assert "ruleset" not in capsys.readouterr().out


@pytest.mark.parametrize("options", [("--action", ACTION), ("--app", "7")])
def test_its_options_are_for_github_only(
    repository: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert init(repository, *options) == 2
    assert "--action and --app are for --github" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["acme/rollout-bot@v1", f"acme@{COMMIT}", "./", f"{ACTION}\n- run: x"])
def test_an_action_that_is_not_pinned_is_refused(
    repository: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert init(repository, "--github", "--action", action) == 2
    assert "is not pinned; allowed: OWNER/NAME@" in capsys.readouterr().err
    assert not (repository / "rollout-state").exists()


def test_the_project_itself_uses_its_own_action(repository: Path) -> None:
    (repository / "action.yml").write_text((ROOT / "action.yml").read_text())
    assert init(repository, "--github", "--action", "./") == 0
    assert "uses: ./" in (repository / FOLDER / "rollout.yml").read_text()


class Installed:
    """Package metadata as pip leaves it."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return self.text


def direct_url(url: str, commit: str = COMMIT) -> str:
    return json.dumps({"url": url, "vcs_info": {"vcs": "git", "commit_id": commit}})


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (direct_url("https://github.com/acme/rollout-bot.git"), ACTION),
        (direct_url("https://github.com/acme/rollout-bot"), ACTION),
        (direct_url("ssh://git@github.com/acme/rollout-bot.git"), ACTION),
        (direct_url("https://git.example/acme/rollout-bot.git"), None),
        (direct_url("https://github.com/acme/rollout-bot", "v1"), None),
        (direct_url("https://github.com/acme"), None),
        (direct_url("https://[x"), None),
        ('{"url": "file:///home/me/rollout-bot", "dir_info": {"editable": true}}', None),
        ("[]", None),
        ("{", None),
        (None, None),
    ],
)
def test_the_action_is_the_commit_it_was_installed_from(
    monkeypatch: pytest.MonkeyPatch, text: str | None, action: str | None
) -> None:
    monkeypatch.setattr(metadata, "distribution", lambda _name: Installed(text))
    assert hosting._installed_from() == action


def test_an_unknown_origin_is_asked_for(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    assert init(repository, "--github") == 2
    assert "name it with --action OWNER/NAME@COMMIT" in capsys.readouterr().err


@pytest.mark.parametrize("app", [None, 7])
def test_the_ruleset_is_what_github_takes(app: int | None) -> None:
    body = ruleset(app)
    # By way of GitHub's published description: an unknown field would be lost, a wrong one refused.
    assert ReposOwnerRepoRulesetsPostBody.model_validate(body).model_dump(exclude_unset=True) == body


def test_the_ruleset_of_the_bots_branches_is_what_github_takes() -> None:
    body = branches_ruleset(7)
    assert ReposOwnerRepoRulesetsPostBody.model_validate(body).model_dump(exclude_unset=True) == body
    assert body["bypass_actors"] == [{"actor_id": 7, "actor_type": "Integration", "bypass_mode": "always"}]


@pytest.mark.parametrize(
    ("branch", "reserved"),
    [
        ("rollout", True),
        ("rollout/checkout", True),
        (branch_name("checkout", 2, "half"), True),
        ("rollout/a/b/c", True),
        ("rollouts", False),
        ("rollout-docs", False),
        ("main", False),
        ("topic/rollout", False),
        ("topic/rollout/a", False),
    ],
)
def test_it_is_about_the_bots_branches_and_no_other(branch: str, reserved: bool) -> None:
    patterns = branches_ruleset(7)["conditions"]["ref_name"]["include"]
    assert any(matches(each, branch) for each in patterns) is reserved
    assert not matches("refs/heads/rollout/**", branch_name("checkout", 2, "half"))


def test_the_ruleset_says_what_the_bot_needs() -> None:
    rules = {each["type"]: each.get("parameters", {}) for each in ruleset(7)["rules"]}
    assert set(rules) == {"pull_request", "required_status_checks", "non_fast_forward", "deletion"}
    checks = rules["required_status_checks"]
    assert checks["required_status_checks"] == [{"context": "rollout/gate", "integration_id": 7}]
    assert not checks["strict_required_status_checks_policy"]
    assert rules["pull_request"]["require_code_owner_review"]
    assert rules["pull_request"]["required_approving_review_count"] == 0
    assert rules["pull_request"]["allowed_merge_methods"] == ["squash"]
    (unpinned,) = ruleset()["rules"][1]["parameters"]["required_status_checks"]
    assert unpinned == {"context": "rollout/gate"}
