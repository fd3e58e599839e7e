"""People are told once: whatever is cut short, refused or repeated, and whoever merged it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic

import pytest
from support.mailbox import Mailbox, mailbox
from support.repositories import START
from support.ticks import HOUR, NAME, STATE, World, initial, policy_text
from support.web_server import serving

from rollout_bot.cli import main
from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.repository import PullState
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.forge.interface import ForgeError
from rollout_bot.notify.webhook import Webhook
from rollout_bot.tick import leaves, telling
from rollout_bot.tick.leaves import Leaves

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
HOOK = "[{channel: webhook, address: '${HOOK}', secret: '${KEY}'}]"
QUARTER = timedelta(minutes=15)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return told_of(tmp_path / "shop", HOOK)


def told_of(path: Path, routes: str, **fields: object) -> World:
    return World.made(path, initial(text=policy_text(notify=routes, **fields)))


def tick(world: World, now: datetime, box: Mailbox, request: Request | None = None, **env: str) -> list[str]:
    """One tick over healthy data unless others are recorded; what went wrong afterwards."""
    forge = world.forge(now)
    record = world.tick(now, request, forge=forge)
    environment = {"HOOK": box.address, "KEY": SECRET} | env
    return Leaves(environment, pulls="https://github.com/acme/shop/pull/").follow(record, forge)


def events(box: Mailbox) -> list[str]:
    return [each["type"].removeprefix("rollout.") for each in box.take()]


def settle(world: World, box: Mailbox, now: datetime) -> None:
    """The beginning, told."""
    world.serve(now)
    assert tick(world, now, box) == []
    box.take()


def test_the_beginning_is_told_once_and_an_hour_of_nothing_not_at_all(world: World, box: Mailbox) -> None:
    world.serve(START + HOUR)
    tick(world, START + QUARTER, box)
    (message,) = box.received
    assert events(box) == ["advanced"]
    assert message["data"]["title"] == "checkout begins with canary 10 %"
    for step in range(2, 5):
        tick(world, START + step * QUARTER, box)
    assert box.asked == 1


def test_an_approval_is_asked_for_once_and_reminded_of_with_backoff(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    opened = START + 3 * HOUR
    told: dict[float, list[str]] = {}
    for hours in (0, 0.25, 1, 3.9, 4, 5, 12, 24, 25, 47, 48, 49):
        now = opened + timedelta(hours=hours)
        world.serve(now)
        tick(world, now, box)
        told[hours] = events(box)
    assert {hours: each for hours, each in told.items() if each} == {
        0: ["approval_needed"],
        4: ["reminder"],
        24: ["reminder"],
        48: ["reminder"],
    }


def test_reminders_that_were_missed_are_one(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    for hours, expected in ((3, ["approval_needed"]), (3 + 30, ["reminder"]), (3 + 31, [])):
        world.serve(START + hours * HOUR)
        tick(world, START + hours * HOUR, box)
        assert events(box) == expected


def test_a_message_leads_to_its_pull_request(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    world.serve(START + 3 * HOUR)
    tick(world, START + 3 * HOUR, box)
    (message,) = box.take()
    assert message["data"]["pull_request"] == {"number": 1, "url": "https://github.com/acme/shop/pull/1"}
    assert message["data"]["title"] == "checkout needs an approval to enter half 50 %"
    assert message["data"]["lines"][-1] == "Approve #1 to go on, or close it to say no."


def test_what_a_person_merged_is_told_by_the_next_tick(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    world.serve(START + 5 * HOUR)
    tick(world, START + 3 * HOUR, box)
    forge = world.forge(START + 4 * HOUR)
    forge.approve(1, "alice")
    forge.merge(1, "alice")
    box.take()
    tick(world, START + 5 * HOUR, box)
    (message,) = box.take()
    assert message["type"] == "rollout.advanced"
    assert message["data"]["title"] == "checkout: canary 10 % → half 50 %"
    assert "approved by alice" in message["data"]["lines"]
    tick(world, START + 5 * HOUR, box)
    assert events(box) == []


def test_a_rollback_is_told_by_the_tick_that_makes_it_and_by_no_other(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    now = START + 3 * HOUR
    world.serve(now, bad_since=START + HOUR)
    tick(world, now, box)
    (message,) = box.take()
    assert message["type"] == "rollout.rolled_back"
    assert message["data"]["severity"] == "critical"
    assert message["data"]["title"] == "checkout: rolled back canary 10 % → off 0 %"
    assert message["data"]["pull_request"]["number"] == 1
    tick(world, now + QUARTER, box)
    assert events(box) == []


def test_a_rollback_whose_tick_was_killed_is_told_by_the_next(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    now = START + 3 * HOUR
    world.serve(now, bad_since=START + HOUR)
    world.tick(now)
    tick(world, now + QUARTER, box)
    assert events(box) == ["rolled_back"]


def test_a_rollback_is_not_lost_behind_what_was_merged_after_it(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    now = START + 3 * HOUR
    world.serve(now, bad_since=START + HOUR)
    world.tick(now)
    world.tick(now, Request(ChangeKind.HOLD, "alice", "4711 is being looked at"))
    world.tick(now, Request(ChangeKind.RESUME, "alice", "found"))
    tick(world, now + QUARTER, box)
    assert events(box) == ["rolled_back"]


def test_what_is_refused_is_sent_again_until_it_arrives(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    now = START + 3 * HOUR
    world.serve(now, bad_since=START + HOUR)
    box.status = 429
    assert tick(world, now, box) == ["HOOK: the server answers 429"]
    assert tick(world, now + QUARTER, box) == ["HOOK: the server answers 429"]
    box.status = 200
    assert tick(world, now + 2 * QUARTER, box) == []
    assert events(box) == ["rolled_back"]
    tick(world, now + 3 * QUARTER, box)
    assert events(box) == []


def test_the_same_event_has_the_same_id_however_often_it_is_sent(world: World, box: Mailbox) -> None:
    class Forgetful:
        budget = None

        def note(self, *_: str) -> None:
            raise ForgeError("the disk is full")

    now = START + HOUR
    world.serve(now)
    for _ in range(2):
        record = world.tick(now)
        (said,) = Leaves({"HOOK": box.address, "KEY": SECRET}).follow(record, Forgetful())  # type: ignore[arg-type]
    assert said == "what people were told cannot be noted, so they may be told again: the disk is full"
    first, second = (each["webhook-id"] for each in box.headers)
    assert first == second


def test_blindness_is_told_once_for_each_time_it_happens(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    found = []
    for hours in (2, 3, 4, 5, 6, 7):
        if hours in (2, 5):
            world.serve(START + HOUR)
        if hours == 4:
            world.serve(START + 4 * HOUR)
        tick(world, START + hours * HOUR, box)
        found.append([each for each in events(box) if each == "cannot_measure"])
    assert found == [["cannot_measure"], [], [], ["cannot_measure"], [], []]


def test_a_regression_that_nothing_rolls_back_is_shouted_once(tmp_path: Path, box: Mailbox) -> None:
    world = told_of(tmp_path / "shop", HOOK, rollback_on_error="false")
    settle(world, box, START + HOUR)
    world.serve(START + 5 * HOUR, bad_since=START + HOUR)
    for hours, expected in ((3, ["regressed"]), (4, []), (5, [])):
        tick(world, START + hours * HOUR, box)
        assert events(box) == expected


def test_days_in_one_stage_are_told(tmp_path: Path, box: Mailbox) -> None:
    world = told_of(tmp_path / "shop", HOOK)
    settle(world, box, START + HOUR)
    world.tick(START + HOUR, Request(ChangeKind.HOLD, "alice", "a freeze"))
    for hours, expected in ((71, []), (73, ["stuck"]), (74, []), (100, [])):
        world.serve(START + hours * HOUR)
        tick(world, START + hours * HOUR, box)
        assert events(box) == expected


def test_a_refusal_is_told(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    world.serve(START + 3 * HOUR)
    tick(world, START + 3 * HOUR, box)
    world.forge(START + 3 * HOUR).close(1, "alice")
    box.take()
    tick(world, START + 3 * HOUR, box)
    (message,) = box.take()
    assert message["type"] == "rollout.refused"
    assert message["data"]["title"] == "checkout: alice refused #1"
    tick(world, START + 3 * HOUR + QUARTER, box)
    assert events(box) == []


def test_the_top_is_told_once(tmp_path: Path, box: Mailbox) -> None:
    files = initial(stage="most", text=policy_text(notify=HOOK))
    world = World.made(tmp_path / "shop", files)
    for hours, expected in ((1, ["advanced"]), (3, ["completed"]), (4, []), (200, [])):
        world.serve(START + hours * HOUR)
        tick(world, START + hours * HOUR, box)
        assert events(box) == expected


def test_a_broken_state_is_told_by_the_routes_that_can_still_be_read(world: World, box: Mailbox) -> None:
    settle(world, box, START + HOUR)
    world.repository.commit(
        {STATE: "nonsense: 1\n", f"rollout-state/{NAME}/policy.yaml": "nonsense: 1\n"}, START + HOUR
    )
    tick(world, START + 2 * HOUR, box)
    (message,) = box.take()
    assert message["type"] == "rollout.bot_failed"
    assert message["data"]["title"] == "checkout cannot be evaluated, so nothing is touched"
    tick(world, START + 3 * HOUR, box)
    assert events(box) == []


def test_a_policy_that_was_never_valid_tells_nobody(tmp_path: Path, box: Mailbox) -> None:
    world = World.made(tmp_path / "shop", {f"rollout-state/{NAME}/policy.yaml": "nonsense: 1\n"})
    assert tick(world, START + HOUR, box) == []
    assert box.asked == 0


def test_routes_take_what_they_ask_for(tmp_path: Path, box: Mailbox) -> None:
    with mailbox() as other:
        routes = (
            "[{channel: slack, address: '${HOOK}', severity: critical}, "
            "{channel: teams, address: '${OTHER}', events: [approval_needed, advanced]}]"
        )
        world = told_of(tmp_path / "shop", routes)
        world.serve(START + 3 * HOUR)
        tick(world, START + 3 * HOUR, box, OTHER=other.address)
        assert box.take() == []
        assert len(other.take()) == 2
        tick(world, START + 3 * HOUR + QUARTER, box, OTHER=other.address)
        assert other.take() == []
        world.serve(START + 6 * HOUR, bad_since=START + 3 * HOUR)
        tick(world, START + 6 * HOUR, box, OTHER=other.address)
        assert [each["blocks"][0]["text"]["text"] for each in box.take()] == [
            "🔴 checkout: rolled back canary 10 % → off 0 %"
        ]
        assert other.take() == []


def test_one_channel_that_fails_keeps_nothing_from_the_other(tmp_path: Path, box: Mailbox) -> None:
    with mailbox() as other:
        routes = "[{channel: slack, address: '${HOOK}'}, {channel: teams, address: '${OTHER}'}]"
        world = told_of(tmp_path / "shop", routes)
        world.serve(START + 2 * HOUR)
        other.status = 500
        for minutes in (60, 75):
            said = tick(world, START + timedelta(minutes=minutes), box, OTHER=other.address)
            assert said == ["OTHER: the server answers 500"]
        other.status = 200
        tick(world, START + timedelta(minutes=90), box, OTHER=other.address)
        assert (len(box.take()), len(other.take())) == (1, 1)


@pytest.mark.parametrize("env", [{"HOOK": ""}, {"KEY": ""}])
def test_a_variable_that_is_not_set_is_named(world: World, box: Mailbox, env: dict[str, str]) -> None:
    world.serve(START + HOUR)
    (name,) = env
    assert tick(world, START + HOUR, box, **env) == [f"HOOK: {name} is not set, so nobody is told"]
    assert tick(world, START + HOUR, box) == []
    assert events(box) == ["advanced"]


def test_a_route_that_is_new_is_told_where_the_rollout_stands_and_no_older_story(tmp_path: Path, box: Mailbox) -> None:
    world = World.made(tmp_path / "shop")
    world.serve(START + 3 * HOUR, bad_since=START)
    world.tick(START + 3 * HOUR)
    world.repository.commit({f"rollout-state/{NAME}/policy.yaml": policy_text(notify=HOOK)}, START + 4 * HOUR)
    tick(world, START + 4 * HOUR, box)
    assert events(box) == ["rolled_back"]


def test_an_address_that_hangs_is_given_up_and_keeps_its_messages_due(
    world: World, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaves, "SECONDS", 0.5)
    over, began = threading.Event(), monotonic()
    world.serve(START + HOUR)
    with serving(lambda _request: over.wait(30) and None) as address:
        said = tick(world, START + HOUR, box, HOOK=f"{address}/s3cr3t")
        over.set()
    assert said == ["HOOK: not done within 0.5 s, so given up"]
    assert monotonic() - began < 20
    tick(world, START + HOUR + QUARTER, box)
    assert events(box) == ["advanced"]


def test_what_arrived_before_a_failure_is_not_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with mailbox() as box:
        world = told_of(tmp_path / "shop", HOOK)
        settle(world, box, START + HOUR)
        world.serve(START + 3 * HOUR, bad_since=START + HOUR)
        world.tick(START + 3 * HOUR)
        forge = world.forge(START + 28 * HOUR)
        world.serve(START + 28 * HOUR)
        world.tick(START + 28 * HOUR)
        (pull,) = forge.pulls(PullState.OPEN)
        forge.approve(pull.number, "alice")
        forge.merge(pull.number, "alice")
        answers = iter([200, 500])
        take = box.answer

        def answer_then_fail(request: BaseHTTPRequestHandler) -> None:
            box.status = next(answers, 200)
            take(request)

        with serving(answer_then_fail) as address:
            assert tick(world, START + 28 * HOUR, box, HOOK=address) == ["HOOK: the server answers 500"]
            assert events(box) == ["rolled_back"]
            assert tick(world, START + 28 * HOUR, box, HOOK=address) == []
        assert events(box) == ["advanced"]


def test_no_more_than_a_few_go_to_one_address_in_one_tick(
    tmp_path: Path, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "MESSAGES", 2)
    names = ("checkout", "search", "basket")
    files = {path: text for name in names for path, text in initial(name, text=policy_text(name, notify=HOOK)).items()}
    world = World.made(tmp_path / "shop", files)
    world.serve(START + HOUR)
    for expected in (2, 1, 0):
        tick(world, START + HOUR, box)
        assert len(box.take()) == expected


def test_a_bug_of_ours_is_told_by_its_kind(world: World, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError(box.address)

    world.serve(START + HOUR)
    monkeypatch.setattr(Webhook, "notify", broken)
    assert tick(world, START + HOUR, box) == ["HOOK: bug in the bot: KeyError"]
    monkeypatch.setattr(telling, "errands", broken)
    said = "nothing is published and nobody is told: bug in the bot: KeyError"
    assert tick(world, START + HOUR, box) == [said]


@pytest.mark.parametrize("address", ["http://me:s3cr3t@127.0.0.1:1/s3cr3t", "s3cr3t", "http://[s3cr3t"])
def test_neither_address_nor_key_is_in_anything_that_is_printed(
    world: World, address: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOOK", address)
    monkeypatch.setenv("KEY", SECRET)
    world.serve(START + HOUR)
    arguments = ["--repository", str(world.repository.path), "--now", (START + HOUR).isoformat()]
    for _ in range(2):
        assert main(["tick", *arguments]) == 0
    assert main(["hold", NAME, "--as", "alice", "--reason", "freeze", *arguments]) == 0
    printed = "".join(capfd.readouterr())
    assert printed.count("rollout-bot: HOOK: ") == 2
    assert "s3cr3t" not in printed
    assert SECRET not in printed


def test_a_first_message_that_does_not_arrive_is_not_forgotten(tmp_path: Path, box: Mailbox) -> None:
    world = World.made(tmp_path / "shop")
    world.serve(START + 3 * HOUR, bad_since=START)
    world.tick(START + 3 * HOUR)
    world.repository.commit({f"rollout-state/{NAME}/policy.yaml": policy_text(notify=HOOK)}, START + 4 * HOUR)
    box.status = 500
    tick(world, START + 4 * HOUR, box)
    world.tick(START + 5 * HOUR, Request(ChangeKind.HOLD, "alice", "4711 is being looked at"))
    box.status = 200
    tick(world, START + 6 * HOUR, box)
    assert events(box) == ["rolled_back"]
