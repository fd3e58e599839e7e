"""Hostile texts on GitHub: in what people write there, in its own answers, and in the action's inputs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import judges
from support.github.faults import graphql_error, message
from support.hosted import Site
from support.hostile import TEXTS, one_word, owners
from support.jobs import Job
from support.ticks import HOUR, NAME, POLICY, initial

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import TickRecord
from rollout_bot.notify import slack
from rollout_bot.notify.interface import Message
from rollout_bot.report.annotations import remarks
from rollout_bot.report.notices import standing_notices
from rollout_bot.report.summary import summary
from rollout_bot.report.terminal import tick_text
from rollout_bot.runner import annotate

BRANCH = "evil/\"'<img-src=x>&#1;$(touch${IFS}evil)|`evil`@evil-%0A##]evil"


@pytest.fixture
def crowded(make_site: Callable[..., Site]) -> Site:
    """A rollout that waits for its owner, beside somebody's pull requests."""
    site = make_site(files=initial())
    bob = site.github.person("bob")
    for number, text in enumerate(TEXTS.values()):
        path = f"rollout-state/{NAME}/{one_word(text).replace('/', '-')[:60]}"
        bob.push(f"{BRANCH}-{number}", {path: text, POLICY: text}, text)
        bob.open(f"{BRANCH}-{number}", text, text)
    site.github.wait(3 * HOUR)
    site.serve()
    return site


def judged(site: Site, record: TickRecord) -> Iterator[str]:
    """What is wrong with anything that a tick's record becomes, or with anything of the bot's on GitHub."""
    yield from judges.in_markdown(summary(record))
    printed = tick_text(record)
    yield from judges.steering(printed)
    yield from map(str, judges.commanded("\n".join(annotate(remarks(record)))))
    for each in record.rollouts:
        for notice in standing_notices(Observation(each, (), record.now)):
            yield from judges.in_slack(slack.document(Message(notice, "m", record.now)))
    for pull in site.github.pulls.values():
        if pull.author.bot:
            yield from (*judges.in_markdown(pull.body), *judges.in_title(pull.title))
        for comment in pull.comments:
            yield from judges.in_markdown(comment.body)
    for statuses in site.github.world.statuses.values():
        for status in statuses:
            yield from judges.steering(status.description or "")
    for commit in site.github.world.store.git.line("log", "--format=%B%x00", site.github.world.default).split("\0"):
        if "Proposed-by" in commit:
            # GitHub itself adds the number to the title.
            yield from judges.in_title(re.sub(r" \(#\d+\)$", "", commit, count=1, flags=re.MULTILINE))


def test_what_people_write_stays_text(crowded: Site) -> None:
    assert {pull.title for pull in crowded.github.open_pulls()} == set(TEXTS.values())
    record = crowded.tick()
    assert "evil" in tick_text(record)
    assert list(judged(crowded, record)) == []
    for text in TEXTS.values():
        for kind in (ChangeKind.HOLD, ChangeKind.RESUME):
            record = crowded.tick(Request(kind, "alice", text))
            assert list(judged(crowded, record)) == []
    assert len([pull for pull in crowded.github.pulls.values() if pull.state == "MERGED"]) == 2 * len(TEXTS)


@pytest.mark.parametrize("key", TEXTS)
def test_what_github_answers_stays_text(make_site: Callable[..., Site], key: str) -> None:
    site = make_site(files=initial(stage="half"))
    site.github.wait(3 * HOUR)
    site.serve()
    site.github.fail(message(422, TEXTS[key]), "/merge", times=9)
    site.github.fail(message(500, TEXTS[key]), "/statuses", times=1)
    site.github.fail(graphql_error(TEXTS[key]), "addLabels", times=9)
    record = site.tick()
    assert "evil" in tick_text(record)
    assert list(judged(site, record)) == []
    site.github.fail(graphql_error(TEXTS[key]), "query", times=9)
    done = site.command("tick")
    assert done.returncode == 1
    assert "evil" in done.stderr
    assert judges.commanded(done.stdout + "\n" + done.stderr) == []
    assert judges.steering(done.stdout + done.stderr) == []


def test_code_owners_that_nobody_can_read_stay_text(make_site: Callable[..., Site]) -> None:
    site = make_site(files=initial(), owners=owners())
    site.serve()
    done = site.command("doctor", "--now", site.now.isoformat())
    assert "evil" in done.stdout
    assert judges.commanded(done.stdout + done.stderr) == []
    assert judges.steering(done.stdout + done.stderr) == []


@pytest.mark.parametrize("key", ["lines", "runner", "shell"])
def test_an_input_of_the_action_stays_text(site: Site, tmp_path: Path, key: str) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    job = Job(site, folder)
    for inputs in (
        {"command": "hold", "rollout": NAME, "reason": TEXTS[key]},
        {"command": "tick", "rollout": TEXTS[key]},
        {"command": TEXTS[key]},
        {"command": "tick", "every": TEXTS[key], "for": TEXTS[key], "shard": TEXTS[key]},
        {"command": "percentage", "rollout": TEXTS[key]},
    ):
        done = job.run(event={"inputs": inputs}, **inputs)
        commands = judges.commanded(done.stdout) + judges.commanded(done.stderr)
        assert [each for each in commands if each != ("add-mask", "", site.token)] == []
        assert not list(folder.rglob("evil"))
    held = site.state().hold
    assert held is not None
    assert held.reason == TEXTS[key]
    found = judges.outputs(job.runner.output.read_text())
    assert (found["percentage"], set(found)) == ("10", {"percentage", "stage", "decision", "changed", "pull-request"})
    assert judges.in_markdown(job.summary()) == []
