"""Hostile texts wherever one can be written, through real ticks and commands: every output is read as in its place."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support import judges
from support.browser import chromium, served
from support.hostile import NOW, TEXTS, answering, blind, hostile_world, measured, owners
from support.judges import Elements
from support.mailbox import Mailbox, mailbox
from support.ticks import World

from rollout_bot.cli import main
from rollout_bot.core.model.repository import state_path
from rollout_bot.core.wording import one_line
from rollout_bot.files.state import read_state
from rollout_bot.forge.local.pulls import Record

CHANNELS = {"HOOK_SLACK": judges.in_slack, "HOOK_TEAMS": judges.in_teams, "HOOK": lambda _: []}
LONE = "evil \ud800 \udcff\x00"
"""What no file can hold, but an argument, and JSON from GitHub."""

KEPT = ("runner", "lines", "terminal", "html")
"""The texts for which commands about a single rollout are run."""


@dataclass
class Life:
    """A repository after some ticks and requests. `said` holds what was printed on both streams, by the command."""

    folder: Path
    world: World = field(repr=False)
    boxes: dict[str, Mailbox] = field(repr=False)
    said: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def run(self, *arguments: str) -> None:
        """A command as it runs on a runner, with its place and moment added."""
        where = ["--repository", str(self.world.repository.path), "--now", NOW.isoformat()]
        if arguments[0] in ("tick", "hold", "status", "explain", "history", "doctor", "verify", "site"):
            where += ["--forge", "local"]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.suppress(SystemExit):
            main([*arguments, *(where if arguments[0] != "alerts" else where[:2])])
        self.said[" ".join(arguments)] = out.getvalue(), err.getvalue()

    def printed(self) -> str:
        return "\n".join(text for pair in self.said.values() for text in pair)

    def pulls(self) -> tuple[Record, ...]:
        """As they are kept, with what the bot wrote about them."""
        forge = self.world.forge(NOW)
        return tuple(forge._record(each.number) for each in forge.pulls())

    def texts(self, name: str) -> str:
        return (self.folder / name).read_bytes().decode()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    folder = tmp_path_factory.mktemp("injection")
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(answering())
        boxes = {name: stack.enter_context(mailbox()) for name in CHANNELS}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, box in boxes.items():
            patch.setenv(name, box.address)
        patch.setenv("HOOK_SECRET", "a secret of many letters")
        patch.setenv("ROLLOUT_BOT_METRICS_FILE", str(folder / "metrics.prom"))
        patch.setenv("GITHUB_ACTIONS", "true")
        patch.setenv("GITHUB_REPOSITORY", "acme/shop")
        patch.setenv("GITHUB_OUTPUT", str(folder / "output"))
        patch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary"))
        patch.chdir(folder)
        made = Life(folder, hostile_world(folder / "repository", address), boxes)
        _live(made)
        yield made


def _live(life: Life) -> None:
    life.run("tick")
    for key, text in TEXTS.items():
        life.run("hold", measured(key), "--reason", text, "--as", text)
    life.run("hold", blind("query"), "--reason", LONE, "--as", LONE)
    life.run("tick", "--format", "json")
    for key in KEPT:
        life.run("explain", blind(key))
        life.run("history", measured(key))
        life.run("history", measured(key), "--format", "json")
        life.run("tick", TEXTS[key])
        life.run("tick", "--shard", TEXTS[key])
        life.run("tick", "--bogus" + TEXTS[key])
    life.run("site", "--output", str(life.site))
    for pull in life.world.forge(NOW).pulls()[: len(TEXTS)]:
        life.run("pulls", "show", str(pull.number))
    for arguments in (["pulls", "list"], ["pulls", "show", "1"], ["validate"], ["doctor"], ["status"], ["verify", "1"]):
        life.run(*arguments)
        life.run(*arguments, "--format", "json")
    life.run("validate", "--live")
    life.run("backtest", blind("runner"))
    life.run("alerts")
    life.world.repository.commit_on_main({".github/CODEOWNERS": owners()}, NOW)
    life.run("doctor")
    life.run("tick")


def test_the_texts_are_everywhere(life: Life) -> None:
    """Else nothing would be shown by the tests below."""
    assert not [name for name, said in life.said.items() if "a bug in" in "".join(said)]
    silent = ("alerts", "site")
    assert not [name for name, said in life.said.items() if "evil" not in "".join(said) and not name.startswith(silent)]
    for name in ("summary", "site/index.html", "site/feed.atom"):
        assert "evil" in life.texts(name), name
    assert all("evil" in str(box.received) for box in life.boxes.values())
    assert {measured(key) for key in TEXTS} <= {each.branch.split("/")[1] for each in life.pulls()}


def test_a_runner_carries_out_nothing_that_is_printed(life: Life) -> None:
    for name, (out, err) in life.said.items():
        assert judges.commanded(out) + judges.commanded(err) == [], name
    given = judges.Console(life.printed()).commands
    assert {name for name, *_ in given} == {"error", "warning"}


def test_nothing_steers_a_terminal(life: Life) -> None:
    for name, (out, err) in life.said.items():
        assert judges.steering(out) + judges.steering(err) == [], name


def test_json_is_whole_and_says_what_was_written(life: Life) -> None:
    documents = {name: json.loads(out) for name, (out, _) in life.said.items() if name.endswith("json")}
    words = set(judges.words(list(documents.values())))
    assert set(TEXTS.values()) <= words
    for path in ("api/rollouts.json", *(f"api/{measured(key)}/rollout/status" for key in TEXTS)):
        assert judges.steering((life.site / path).read_text()) == []
        assert set(judges.words(json.loads((life.site / path).read_text()))) & set(TEXTS.values())


def test_no_output_of_the_step_is_forged(life: Life) -> None:
    found = judges.outputs(life.texts("output"))
    assert set(found) == {"percentage", "stage", "decision", "changed", "pull-request"}
    assert found["percentage"] in ("", "10")


def test_the_job_summary_shows_texts_as_they_are(life: Life) -> None:
    assert judges.in_markdown(life.texts("summary"))[:3] == []


def test_pull_requests_show_texts_as_they_are(life: Life) -> None:
    ours = [each for each in life.pulls() if each.author == "rollout-bot" or each.branch.startswith("rollout/")]
    assert len(ours) >= 2 * len(TEXTS)
    for each in ours:
        assert judges.in_markdown(each.body)[:3] == []
        assert judges.in_title(each.title) == []
        assert judges.in_title(each.message) == []
        for comment in each.comments:
            assert judges.in_markdown(comment.text) == []


def test_statuses_are_short_and_hide_nothing(life: Life) -> None:
    told = [status.description for each in life.pulls() for status in each.statuses.values()]
    assert len([text for text in told if "evil" in text]) >= len(TEXTS) - 1
    for text in told:
        assert len(text) <= 140
        assert judges.steering(text) == []


def test_commit_messages_mention_nobody_and_skip_nothing(life: Life) -> None:
    log = life.world.repository.git("log", "--first-parent", "--format=%B%x00", "main")
    merged = [message for message in log.split("\0") if "Proposed-by" in message]
    assert len(merged) >= len(TEXTS)
    for message in merged:
        # The last line is the bot's own, and means what it says.
        assert judges.in_title(re.sub(r"Pull-request: #\d+\n$", "", message)) == []
        trailers = life.world.repository.git("interpret-trailers", "--parse", stdin=message.strip().encode() + b"\n")
        assert [line.partition(":")[0] for line in trailers.splitlines()] == ["Pull-request"]


@pytest.mark.parametrize("channel", CHANNELS)
def test_messages_mention_nobody_and_lead_nowhere(life: Life, channel: str) -> None:
    received = life.boxes[channel].received
    assert received
    for document in received:
        assert CHANNELS[channel](document) == []
        assert [each for text in judges.words(document) for each in judges.steering(text.replace("\n", ""))] == []


def pages(life: Life) -> dict[str, str]:
    return {str(path.relative_to(life.site)): path.read_text() for path in life.site.rglob("*.html")}


def test_pages_hold_no_element_that_is_not_theirs(life: Life) -> None:
    ours = {measured(key) for key in TEXTS} | {blind(key) for key in TEXTS}
    for name, page in pages(life).items():
        found = Elements(page)
        assert found.comments == []
        assert {tag for tag, _ in found.shapes} <= judges.TAGS, name
        assert [names for tag, names in found.shapes if tag == "script"] == [{"src", "defer"}]
        assert {
            each for _, names in found.shapes for each in names if each.startswith("on") or each == "style"
        } == set()
        for address in found.addresses:
            assert re.match(r"https://grafana\.example/|[.\w/-]*$|#[a-z]+$", address), address
        assert judges.steering(page) == [], name
    assert {name.partition("/")[0] for name in pages(life)} >= ours
    assert {path.name for path in life.site.iterdir() if "evil" in path.name} == set()


def test_a_browser_runs_nothing_and_asks_nobody(life: Life) -> None:
    with chromium() as browser, served(life.site) as address:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        for key in TEXTS:
            page.goto(f"{address}{blind(key)}/")
            assert page.locator("script").count() == 1
            shown = page.locator("#content").inner_text()
            assert re.sub(r"\s+", " ", one_line(TEXTS[key]))[:60] in re.sub(r"\s+", " ", shown)
        assert [url for url in asked if not url.startswith(address)] == []


def test_feeds_and_badges_are_whole(life: Life) -> None:
    for path in (*life.site.rglob("*.svg"), *life.site.rglob("feed.atom")):
        judges.xml(path.read_text())
        assert judges.steering(path.read_text()) == [], path
    title = "{http://www.w3.org/2005/Atom}summary"
    told = [each.text or "" for each in judges.xml((life.site / "feed.atom").read_text()).iter(title)]
    for text in TEXTS.values():
        assert any(one_line(text) in each for each in told), text


def test_the_state_says_what_was_asked(life: Life) -> None:
    for key, text in TEXTS.items():
        content = life.world.repository.show(state_path(measured(key)))
        state = read_state(content.encode(), "state.yaml")
        assert state.hold is not None
        assert (state.hold.reason, state.hold.by) == (text, text)
        assert yaml.safe_load(content)["hold"]["by"] == text
        assert judges.steering(content) == []


def test_metrics_are_written_whatever_a_folder_is_called(life: Life) -> None:
    found = {each.name for each in text_string_to_metric_families(life.texts("metrics.prom"))}
    assert {f"blind_{key}_rollout_cannot_measure" for key in TEXTS} <= found
    assert not {name for name in found if not re.fullmatch(r"(measured|blind|broken)_[a-z]+_rollout_[a-z_]+", name)}


def test_nothing_was_run(life: Life) -> None:
    assert not (life.folder / "evil").exists()
    assert not (life.world.repository.path / "evil").exists()
    assert life.world.repository.fsck() == ""
