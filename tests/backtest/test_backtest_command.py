"""`rollout-bot backtest` on repositories with a recording: what it compares, prints, draws and refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.replays import BAD, BEGIN, GOOD, table
from support.repositories import START, Repository, make
from support.ticks import NAME, POLICY, POLICY_TEXT, policy_text

from rollout_bot.cli import main
from rollout_bot.commands.schema import schema

STRICT = POLICY_TEXT.replace("max_error_rate: 0.5%", "max_error_rate: 0.1%")
INCIDENT = "2026-03-02T02:30:00Z/2026-03-02T03:00:00Z"
NOW = "2026-03-30T00:00:00Z"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two days in which one quarter of an hour at half is bad."""
    found = make(tmp_path / "shop", {POLICY: POLICY_TEXT})
    (found.path / "metrics.csv").write_text(table(lambda hour: BAD if hour == 2.75 else GOOD, 48))
    return found


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def backtest(repository: Repository, *arguments: str, code: int = 0) -> None:
    assert main(["backtest", *arguments, "--repository", str(repository.path), "--now", NOW]) == code


def documents(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    document = json.loads(capsys.readouterr().out)
    Draft202012Validator(json.loads(schema("backtest"))).validate(document)
    found: list[dict[str, Any]] = document["backtests"]
    return found


def write(repository: Repository, text: str, name: str = POLICY) -> str:
    (repository.path / name).write_text(text)
    return str(repository.path / name)


def test_one_policy_is_told_in_a_sentence_some_figures_and_its_moves(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    backtest(repository, NAME)
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[0] == ("checkout  replayed from 2026-03-02 00:00 UTC to 2026-03-04 00:00 UTC (2 d), approvals at once")
    assert lines[1] == "reaches 75 % after 1 d 4 h, with 1 rollback, false unless something was really wrong then"
    figures = {re.sub(" {2,}.*", "", line): re.sub(".* {2,}", "", line) for line in lines[3:9]}
    assert (figures["to 75 %"], figures["rollbacks"]) == ("1 d 4 h", "1")
    assert figures["held by the cooldown after a rollback"] == "23 h 45 min (22 h alone)"
    assert (
        "2026-03-02 02:45  half 50 % ↓ canary 10 %  20 % of 1,000 requests failed (200) since 2026-03-02 02:30" in text
    )
    assert lines[-1].startswith("note: nobody said when something was really wrong")


def test_known_incidents_tell_false_alarms_from_found_trouble(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    backtest(repository, NAME, "--incident", INCIDENT)
    text = capsys.readouterr().out
    assert "1 rollback, none of them false" in text
    assert "1 found (after 15 min)" in text
    assert "incident: 20 % of 1,000" in text
    assert "note:" not in text
    others = ["2026-03-03T12:00:00Z/2026-03-03T13:00:00Z", "2026-03-05T00:00:00Z/2026-03-06T00:00:00Z"]
    backtest(repository, NAME, *(f"--incident={each}" for each in others))
    text = capsys.readouterr().out
    assert "1 rollback, 1 of them false" in text
    assert "1 missed, 1 met no enforced stage" in text
    assert "false alarm: 20 % of 1,000" in text


def test_a_program_reads_the_same(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    backtest(repository, NAME, "--format", "json", "--incident", INCIDENT, "--approve-after", "1h")
    (found,) = documents(capsys)
    assert found["approve_after_seconds"] == 3600
    # The owner takes so long that the trouble meets canary.
    assert [(each["to"], each["at"]) for each in found["transitions"]][:1] == [("off", "2026-03-02T02:45:00Z")]
    assert found["assessment"]["found"][0]["delay_seconds"] == 900
    assert found["assessment"]["false_alarms"] == []
    backtest(repository, NAME, "--format", "json")
    (found,) = documents(capsys)
    assert [(each["kind"], each["to"]) for each in found["transitions"]] == [
        ("advance", "half"),
        ("roll_back", "canary"),
        ("advance", "half"),
        ("advance", "most"),
    ]
    assert found["transitions"][1]["evidence"]["outcome"] == "regressed"
    assert found["seconds_to_top"] == 28.75 * 3600
    assert (found["final_stage"], found["stopped"], found["assessment"]) == ("most", None, None)
    assert sum(1 for each in found["waits"] if each["cause"] == "duration") == 1


def test_two_policies_stand_side_by_side(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    other = write(repository, STRICT, "strict.yaml")
    backtest(repository, NAME, "--against", other)
    text = capsys.readouterr().out
    assert "this policy: reaches 75 % after 1 d 4 h" in text
    assert "strict.yaml: never reaches 75 %; ends at canary 10 %" in text
    assert "moves of strict.yaml" in text
    backtest(repository, NAME, "--to", "2026-03-02T01:00:00Z")
    assert "no move at all" in capsys.readouterr().out
    backtest(repository, NAME, "--against", other, "--format", "json")
    assert [each["policy"] for each in documents(capsys)] == ["this policy", "strict.yaml"]


def test_the_base_branch_is_what_a_change_is_held_against(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    backtest(repository, "--against", "base")
    assert capsys.readouterr().out == "no policy differs from the base branch's\n"
    write(repository, STRICT)
    (repository.path / "rollout-state/other").mkdir()
    write(repository, policy_text("other"), "rollout-state/other/policy.yaml")
    backtest(repository, "--against", "base", "--format", "json")
    found = [(each["rollout"], each["policy"]) for each in documents(capsys)]
    # A rollout that the base does not have has nothing to be held against.
    assert found == [("checkout", "this policy"), ("checkout", "base (HEAD)"), ("other", "this policy")]


def test_the_base_branch_is_found_where_it_is(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def label() -> str:
        backtest(clone, NAME, "--against", "base", "--format", "json")
        return str(documents(capsys)[1]["policy"])

    clone = Repository(tmp_path / "clone")
    repository.git("clone", "--quiet", str(repository.path), str(clone.path))
    clone.git("config", "user.name", "Human")
    clone.git("config", "user.email", "human@example.com")
    (clone.path / "metrics.csv").write_text((repository.path / "metrics.csv").read_text())
    clone.git("checkout", "--quiet", "-b", "stricter")
    clone.commit({POLICY: STRICT}, START, branch="stricter")
    assert label() == "base (origin)"
    clone.git("branch", "release", "HEAD^")
    clone.git("config", "rolloutbot.base", "release")
    assert label() == "base (release)"
    # A runner has the merge commit of a pull request, and no branch.
    clone.git("checkout", "--quiet", "--detach", "HEAD^")
    clone.git("merge", "--quiet", "--no-ff", "-m", "Merge", "stricter", when=START)
    clone.git("remote", "remove", "origin")
    clone.git("config", "--unset", "rolloutbot.base")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    assert label() == "base (main)"


def test_a_span_is_cut_out_of_the_recording(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    backtest(repository, NAME, "--from", "2026-03-03T00:07:00Z", "--to", "2026-03-03T12:07:00Z", "--format", "json")
    (found,) = documents(capsys)
    assert (found["start"], found["end"]) == ("2026-03-03T00:00:00Z", "2026-03-03T12:00:00Z")
    assert [each["to"] for each in found["transitions"]] == ["half", "most"]
    backtest(repository, NAME, "--days", "1", "--format", "json")
    assert documents(capsys)[0]["start"] == "2026-03-03T00:00:00Z"
    backtest(repository, NAME, "--from", "2026-03-09T00:00:00Z", code=1)
    assert "give other times" in capsys.readouterr().err


def test_another_recording_stands_in(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quiet.csv").write_text(table(lambda _hour: GOOD, 12))
    monkeypatch.chdir(tmp_path)
    backtest(repository, NAME, "--recording", "quiet.csv")
    assert "with no rollback" in capsys.readouterr().out
    lines = ["# TYPE all counter", "# TYPE bad counter"]
    stamps = [int(BEGIN.timestamp()) + 60 * n for n in range(60 * 8)]
    lines[1:1] = [f'all_total{{pod="a"}} {100 * n} {at}' for n, at in enumerate(stamps)]
    lines += [f"bad_total {n // 60} {at}" for n, at in enumerate(stamps)]
    (tmp_path / "counters.om").write_text("\n".join([*lines, "# EOF", ""]))
    text = POLICY_TEXT.replace("  source: recording\n  path: metrics.csv", "  source: prometheus\n  address: http://x\n  total: all_total\n  failed: bad_total")  # fmt: skip # noqa: E501
    write(repository, text)
    backtest(repository, NAME, "--recording", "counters.om")
    assert "with no rollback" in capsys.readouterr().out
    backtest(repository, NAME, "--recording", "missing.csv", code=1)
    assert "cannot be read (No such file or directory)" in capsys.readouterr().err


def test_all_traffic_is_thinned_the_same_way_each_time(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    def requests(seed: str) -> float:
        backtest(repository, NAME, "--all-traffic", "--seed", seed, "--format", "json")
        return float(documents(capsys)[0]["transitions"][0]["evidence"]["requests"])

    assert requests("1") == requests("1") != requests("2")
    assert 500 < requests("1") < 1100
    backtest(repository, NAME, "--all-traffic")
    assert "thinned at random to each stage's percentage (seed 1)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["one.svg", "one.png"])
def test_a_picture_is_drawn_and_the_same_each_time(
    repository: Repository, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write(
        repository, POLICY_TEXT.replace("canary", "first$x$").replace("name: first$x$", "name: first"), "o.yaml"
    )
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        picture = tmp_path / folder / name
        backtest(repository, NAME, "--against", other, "--incident", INCIDENT, "--picture", str(picture))
    drawn = (tmp_path / "a" / name).read_bytes()
    assert drawn == (tmp_path / "b" / name).read_bytes()
    assert b"<svg" in drawn[:1000] or drawn.startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_said_before_anything_is_asked_for(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backtest(repository, NAME, "--picture", "x.gif", code=2)
    assert "allowed: a name that ends with .svg or .png" in capsys.readouterr().err
    (repository.path / "rollout-state/other").mkdir()
    write(repository, policy_text("other"), "rollout-state/other/policy.yaml")
    backtest(repository, "--picture", "x.svg", code=2)
    assert "draws one rollout" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    backtest(repository, NAME, "--picture", "x.svg", code=2)
    assert "pip install 'rollout-bot[pictures]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--incident", "2026-03-02T02:30:00Z"], "is no span; allowed: FROM/TO"),
        (["--incident", "2026-03-02T02:30:00Z/2026-03-02T02:30:00Z"], "ends before it begins"),
        (["--incident", "a/b"], "is no time"),
        (["--days", "0"], "allowed: 1 to 3650"),
        (["--days", "x"], "allowed: 1 to 3650"),
        (["--approve-after", "soon"], "is no duration"),
    ],
)
def test_wrong_arguments_are_explained(
    repository: Repository, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        backtest(repository, NAME, *arguments)
    assert message in capsys.readouterr().err


def test_what_does_not_fit_together_or_is_not_there_is_explained(
    repository: Repository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    backtest(repository, NAME, "--days", "3", "--from", "2026-03-02T00:00:00Z", code=2)
    assert "give one of them" in capsys.readouterr().err
    backtest(repository, "nothing", code=3)
    assert "rollout-state/nothing/policy.yaml is missing" in capsys.readouterr().err
    backtest(repository, NAME, "--against", "nothing.yaml", code=3)
    assert "nothing.yaml cannot be read: No such file or directory; give a file, or base" in capsys.readouterr().err
    (repository.path / "metrics.csv").write_text("nonsense")
    backtest(repository, NAME, code=1)
    assert "the history of checkout cannot be read: metrics.csv:1: found 'nonsense'" in capsys.readouterr().err
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    write(repository, POLICY_TEXT.replace("  source: recording\n  path: metrics.csv", "  source: prometheus\n  address: ${PROMETHEUS_URL}\n  total: a\n  failed: b"))  # fmt: skip # noqa: E501
    backtest(repository, NAME, code=3)
    assert "${PROMETHEUS_URL}, which is not set" in capsys.readouterr().err
    empty = make(repository.path.parent / "empty")
    backtest(empty)
    assert capsys.readouterr().out == "no rollouts here; begin one with: rollout-bot init NAME\n"


def test_a_runner_gets_a_summary_and_takes_nothing_for_a_command(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/shop")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    other = write(repository, STRICT, "strict|<b>.yaml")
    backtest(repository, NAME, "--against", other)
    assert capsys.readouterr().out.startswith("::stop-commands::")
    text = summary.read_text()
    assert text.startswith("## Backtest of checkout\n")
    assert "- this policy: reaches 75 % after 1 d 4 h" in text
    assert "strict\\|\\<b\\>.yaml" in text
    assert "<b>" not in text
    chart = text.split("```mermaid\n")[1].split("```")[0]
    assert chart.startswith("xychart-beta\n")
    first, second = [[int(n) for n in line.split("[")[1].rstrip("]").split(",")] for line in chart.splitlines()[4:]]
    assert len(first) == len(second) == 60
    assert set(first) == {10, 50, 75}
    assert set(second) == {0, 10}
    assert "| 2026-03-02 02:45 | half 50 % ↓ canary 10 % |" in text


def with_columns(repository: Repository) -> None:
    """Adds what a guardrail may read: a latency that is bad at half past one, and what the fleet enforces."""
    recording = repository.path / "metrics.csv"
    rows = recording.read_text().splitlines()
    more = [f"{row},{9 if '02T01:' in row else 0.5},10" for row in rows[1:]]
    recording.write_text("\n".join([f"{rows[0]},latency,observed", *more, ""]))


def test_guardrails_are_replayed(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    with_columns(repository)
    write(repository, POLICY_TEXT + "guardrails: [{name: latency, query: latency, max: 1}]\n")
    backtest(repository, NAME, "--to", "2026-03-02T12:00:00Z", "--against", write(repository, POLICY_TEXT, "old.yaml"))
    text = capsys.readouterr().out
    assert re.search(r"canary 10 % ↓ off 0 % +guardrail latency: 9, allowed: at most 1; broken in 2 intervals", text)
    assert "guardrail" not in text.split("moves of old.yaml")[1]


def test_what_is_not_replayed_is_said(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    with_columns(repository)
    more = "convergence: {observed_percentage: observed}\nafter: other@canary\n"
    write(repository, f"{POLICY_TEXT}{more}guardrails: [{{name: memory, query: memory, max: 1}}]\n")
    backtest(repository, NAME)
    text = capsys.readouterr().out
    assert "reaches 75 % after 1 d 4 h" in text
    assert (
        "guardrail memory is not replayed, so it held nothing and rolled nothing back: the file has no column" in text
    )
    for word in ("convergence is not replayed", "comes after is not replayed"):
        assert word in text
