"""The runner's environment is read strictly, and nobody can forge what is written for it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot import runner as module
from rollout_bot.forge.interface import Unusable
from rollout_bot.report.annotations import Annotation
from rollout_bot.runner import SUMMARY_BYTES, Runner, annotate, command, literally, mask

HOSTILE = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(
    ["a\nEOF\nname<<EOF\nb", "::error::x\n", "x\r\n::set-output name=a::b", "%0A::warning::", "end-", ""]
)


def environment(**more: str) -> dict[str, str]:
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_ACTOR": "alice",
        "GITHUB_EVENT_NAME": "schedule",
        "GITHUB_TOKEN": "ghs_secret",
        "GITHUB_RUN_ID": "4711",
        **more,
    }


def runner(**more: str) -> Runner:
    found = Runner.from_environment(environment(**more))
    assert found is not None
    return found


def event(path: Path, payload: object, name: str = "workflow_dispatch") -> Runner:
    file = path / "event.json"
    file.write_bytes(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return runner(GITHUB_EVENT_PATH=str(file), GITHUB_EVENT_NAME=name)


@pytest.mark.parametrize("value", [None, "", "false", "True", "1"])
def test_away_from_a_runner_there_is_none(value: str | None) -> None:
    assert Runner.from_environment({"GITHUB_REPOSITORY": "a/b"} | ({"GITHUB_ACTIONS": value} if value else {})) is None


def test_a_runner_of_github_com_needs_no_addresses() -> None:
    found = runner()
    assert (found.repository, found.actor, found.event) == ("acme/shop", "alice", "schedule")
    assert found.api_url == "https://api.github.com"
    assert found.graphql_url == "https://api.github.com/graphql"
    assert found.run_url == "https://github.com/acme/shop/actions/runs/4711"
    assert (found.debug, found.output, found.summary, found.payload) == (False, None, None, {})


def test_an_enterprise_server_says_where_it_is() -> None:
    found = runner(
        GITHUB_API_URL="https://git.example/api/v3/",
        GITHUB_GRAPHQL_URL="https://git.example/api/graphql",
        GITHUB_SERVER_URL="https://git.example",
        RUNNER_DEBUG="1",
    )
    assert found.api_url == "https://git.example/api/v3"
    assert found.graphql_url == "https://git.example/api/graphql"
    assert found.run_url == "https://git.example/acme/shop/actions/runs/4711"
    assert found.debug


def test_the_token_is_not_shown() -> None:
    assert runner().token == "ghs_secret"
    assert "ghs_secret" not in repr(runner())


def test_whoever_runs_it_again_is_the_actor() -> None:
    assert runner(GITHUB_TRIGGERING_ACTOR="mallory").actor == "mallory"


@pytest.mark.parametrize("name", ["", "acme", "acme/shop/x", "../shop", "acme/sh op", "acme/shop\n", "-a/b"])
def test_what_names_no_repository_is_refused(name: str) -> None:
    with pytest.raises(Unusable, match="allowed: OWNER/NAME"):
        runner(GITHUB_REPOSITORY=name)


@pytest.mark.parametrize("address", ["ftp://a", "https://", "https://me:secret@host", "nonsense", "https://[x"])
def test_what_is_no_address_is_refused_without_showing_it(address: str) -> None:
    with pytest.raises(Unusable, match="GITHUB_API_URL is no web address") as raised:
        runner(GITHUB_API_URL=address)
    assert "secret" not in str(raised.value)


def test_a_run_without_a_number_has_no_address() -> None:
    assert runner(GITHUB_RUN_ID="../../x").run_url is None
    assert runner(GITHUB_RUN_ID="").run_url is None


def test_the_inputs_of_a_dispatch(tmp_path: Path) -> None:
    given_ = {"inputs": {"action": "advance", "force": True, "n": 3, "list": ["x"], "none": None}}
    assert event(tmp_path, given_).inputs == {"action": "advance", "force": "true"}
    assert event(tmp_path, given_, "repository_dispatch").inputs == {}
    assert event(tmp_path, {"inputs": None}).inputs == {}


@pytest.mark.parametrize(
    ("payload", "number"),
    [
        ({"pull_request": {"number": 7}}, 7),
        ({"pull_request": {"number": True}}, None),
        ({"pull_request": {"number": "7"}}, None),
        ({"pull_request": {"number": -7}}, None),
        ({"pull_request": 7}, None),
        ({}, None),
    ],
)
def test_the_pull_request_of_an_event(tmp_path: Path, payload: object, number: int | None) -> None:
    assert event(tmp_path, payload, "pull_request").pull == number


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 200_000, b'{"a": 1e999999}x'])
def test_an_unreadable_event_is_an_empty_one(tmp_path: Path, payload: bytes) -> None:
    assert event(tmp_path, payload).payload == {}


def test_an_event_is_not_read_without_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAYLOAD_BYTES", 20)
    assert event(tmp_path, {"a": "x" * 11}).payload == {"a": "x" * 11}
    assert event(tmp_path, {"a": "x" * 12}).payload == {}
    assert runner(GITHUB_EVENT_PATH=str(tmp_path)).payload == {}


def read_outputs(text: str) -> dict[str, str]:
    """As the runner reads them: it looks for the delimiter alone on a line."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, delimiter = line.split("<<", 1)
        value: list[str] = []
        while (following := next(lines)) != delimiter:
            value.append(following)
        found[name] = "\n".join(value)
    return found


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,9}", fullmatch=True), HOSTILE, max_size=4))
def test_outputs_come_out_as_they_went_in(tmp_path_factory: pytest.TempPathFactory, values: Mapping[str, str]) -> None:
    file = tmp_path_factory.mktemp("outputs") / "output"
    runner(GITHUB_OUTPUT=str(file)).write_outputs(values)
    assert read_outputs(file.read_bytes().decode()) == values


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "a<<b", "é"])
def test_an_output_needs_a_name_that_github_takes(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot name an output"):
        runner(GITHUB_OUTPUT=str(tmp_path / "o")).write_outputs({name: "x"})


def test_without_files_nothing_is_written() -> None:
    runner().write_outputs({"a": "b"})
    runner().write_summary("text")


def test_delimiters_differ(tmp_path: Path) -> None:
    file = tmp_path / "output"
    runner(GITHUB_OUTPUT=str(file)).write_outputs({"a": "1", "b": "2"})
    assert len(set(re.findall("<<(.*)", file.read_text()))) == 2


def test_summaries_are_added_to_each_other(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    found = runner(GITHUB_STEP_SUMMARY=str(file))
    found.write_summary("one\n")
    found.write_summary("two \udc00\n")
    assert file.read_text() == "one\ntwo ?\n"


@pytest.mark.parametrize("line", ["x" * 99 + "\n", "ü" * 700 + "\n", "x" * 2_000_000])
def test_a_summary_stays_within_what_github_shows(tmp_path: Path, line: str) -> None:
    file = tmp_path / "summary"
    found = runner(GITHUB_STEP_SUMMARY=str(file))
    for _ in range(3):
        found.write_summary("first\n" + line * (2_000_000 // len(line)))
    text = file.read_bytes().decode()
    assert len(text.encode()) <= SUMMARY_BYTES
    assert text.startswith("first\n")
    assert "The rest is left out" in text


def test_a_summary_of_one_endless_line_is_cut_whole(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    runner(GITHUB_STEP_SUMMARY=str(file)).write_summary("x" * 2_000_000)
    assert "x" not in file.read_text()


def test_commands_are_escaped_as_the_toolkit_does() -> None:
    line = command("error", "50 %\r\nsecond: a, b", file="a,b:c.yaml", line=3, title="50 %\n", col=None)
    assert line == "::error file=a%2Cb%3Ac.yaml,line=3,title=50 %25%0A::50 %25%0D%0Asecond: a, b"
    assert mask("a%b") == "::add-mask::a%25b"


@given(HOSTILE, HOSTILE, HOSTILE)
def test_an_annotation_is_one_line_whatever_it_says(title: str, message: str, file: str) -> None:
    (line,) = annotate([Annotation("error", title, message, file, 1)])
    assert "\n" not in line
    assert "\r" not in line
    properties, text = line.removeprefix("::error ").split("::", 1)
    assert [part.split("=", 1)[0] for part in properties.split(",")] == ["file", "line", "title"]
    assert text.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%") == message


def test_no_more_annotations_than_github_shows() -> None:
    many = [Annotation("error", "t", f"e{number}") for number in range(11)]
    some = [Annotation("warning", "t", f"w{number}") for number in range(10)]
    lines = list(annotate([*many, *some]))
    assert sum(line.startswith("::error") for line in lines) == 10
    assert "::error::and 2 more: see the job summary" in lines
    assert sum(line.startswith("::warning") for line in lines) == 10
    assert lines[-1] == "::warning title=t::w9"


def test_printed_text_is_not_taken_for_commands() -> None:
    stream = io.StringIO()
    with literally(stream, environment()):
        print("::add-mask::x", file=stream)
    before, printed, after = stream.getvalue().splitlines()
    token = before.removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{64}", token)
    assert (printed, after) == ("::add-mask::x", f"::{token}::")


def test_away_from_a_runner_nothing_is_added() -> None:
    stream = io.StringIO()
    with literally(stream, {}):
        print("text", file=stream)
    assert stream.getvalue() == "text\n"


def test_commands_are_taken_again_after_a_failure() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyError), literally(stream, environment()):
        raise KeyError
    assert len(stream.getvalue().splitlines()) == 2
