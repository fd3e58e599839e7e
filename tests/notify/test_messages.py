"""What people get, word for word, within the limits of those who carry it, and with nothing in it that bites."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver
from support.mailbox import Mailbox, mailbox
from support.rollouts import CANARY, HALF, HOUR, NOW, down, on_hold, policy, situation, standing, state, up, verdict

from rollout_bot.core.decision.actions import ClosePull, MergePull
from rollout_bot.core.decision.decision import decide
from rollout_bot.core.gates.situation import Refusal, Situation
from rollout_bot.core.model.history import Transition
from rollout_bot.core.model.repository import GateState, GateStatus, PullRequest, PullState, Revision
from rollout_bot.core.model.routes import Event, Urgency
from rollout_bot.core.model.state import ChangeKind
from rollout_bot.core.notices import Notice
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord, Step
from rollout_bot.core.verdict import Outcome
from rollout_bot.network.delivery import Undelivered
from rollout_bot.notify import slack, teams, webhook
from rollout_bot.notify.interface import Message
from rollout_bot.report.notices import change_notice, standing_notices

GOLDEN = Path(__file__).parent / "golden"
URL = "https://github.com/acme/shop/pull/3"
REASON = "0.04 % of 30,000 requests failed (12), within the limit of 0.5 %"
BAD = "3.1 % of 17,000 requests failed (527) since 2026-03-10 11:30 UTC, over the limit of 0.3 %"
HOSTILE = "<!channel> & <https://evil.example|click> *bold* @here #general\n\x1b[31m\u202eevil"


def pull(**fields: Any) -> PullRequest:
    green = GateStatus(GateState.SUCCESS, "healthy")
    known = {"number": 3, "branch": "rollout/checkout/2-half", "head": "c0ffee", "author": "rollout-bot"}
    known |= {"title": "checkout: canary 10 % → half 50 %", "body": "", "state": PullState.OPEN}
    known |= {"opened_at": NOW, "owners_approved": False, "gate": green}
    return PullRequest(**(known | fields))  # type: ignore[arg-type]


def of_change(
    kind: ChangeKind, reason: str = REASON, by: str = "rollout-bot", approvers: tuple[str, ...] = ()
) -> Notice:
    begun = state()
    risen = up(begun, HALF)
    after = {ChangeKind.START: begun, ChangeKind.ADVANCE: risen, ChangeKind.ROLL_BACK: down(risen, CANARY)}[kind]
    after = replace(after, change=replace(after.change, reason=reason, by=by))
    change = Transition(after, NOW - timedelta(minutes=5), "c0ffee")
    found = change_notice(change, Revision("c0ffee", NOW, b"", 3, approvers), policy(), NOW)
    assert found is not None
    return found


def standing_of(here: Situation | None, event: Event, **fields: Any) -> Notice:
    name = here.policy.rollout if here else "checkout"
    decision = decide(here) if here else None
    record = RolloutRecord(name, here, decision, **fields)
    (found,) = [each for each in standing_notices(Observation(record, (), NOW)) if each.event is event]
    return found


REGRESSED = situation(state(HALF, generation=2), verdict=verdict(Outcome.REGRESSED, BAD))
WITHOUT_ROLLBACK = replace(REGRESSED, policy=policy(rollback_on_error=False))
HEALTHY = situation(verdict=verdict(reason=REASON))
BLIND = situation(
    outcome=Outcome.UNAVAILABLE, verdict=verdict(Outcome.UNAVAILABLE, "the server did not answer in time")
)
TOP = situation(state(policy().stages[-1], generation=3), verdict=verdict(reason=REASON))
MERGE = MergePull("rollout/checkout/3-canary", None, "checkout: roll back half 50 % → canary 10 %", "")
FAILS = Step(MERGE, None, 4, "#4 is not merged yet: a review is missing")

NOTICES: dict[str, Callable[[], Notice]] = {
    "advanced": lambda: of_change(ChangeKind.ADVANCE, approvers=("alice",)),
    "begun": lambda: of_change(ChangeKind.START, "starts at 10 %", "rollout-bot init"),
    "rolled_back": lambda: of_change(ChangeKind.ROLL_BACK, BAD),
    "approval_needed": lambda: standing_of(HEALTHY, Event.APPROVAL_NEEDED, pull=pull()),
    "reminder": lambda: standing_of(HEALTHY, Event.REMINDER, pull=pull(opened_at=NOW - 26 * HOUR)),
    "regressed": lambda: standing_of(WITHOUT_ROLLBACK, Event.REGRESSED),
    "stuck": lambda: standing_of(situation(on_hold(state())), Event.STUCK),
    "cannot_measure": lambda: standing_of(BLIND, Event.CANNOT_MEASURE),
    "refused": lambda: standing_of(replace(HEALTHY, refusal=Refusal(3, "alice", NOW - HOUR)), Event.REFUSED),
    "completed": lambda: standing_of(TOP, Event.COMPLETED),
    "bot_failed": lambda: standing_of(REGRESSED, Event.BOT_FAILED, pull=pull(number=4), steps=(FAILS,)),
    "broken": lambda: standing_of(None, Event.BOT_FAILED, problems=("rollout-state/checkout/state.yaml:3:1: broken",)),
}
RENDERERS = {"slack": slack.document, "teams": teams.document, "webhook": webhook.document}


def message(notice: Notice, url: str | None = URL) -> Message:
    return Message(notice, "msg_1", NOW, url if notice.pull else None)


@pytest.mark.parametrize("channel", RENDERERS)
def test_a_message_reads_as_agreed(channel: str, request: pytest.FixtureRequest) -> None:
    found = {name: RENDERERS[channel](message(make())) for name, make in NOTICES.items()}
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{channel}.json"
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; see pytest --update-golden"
    assert {make().event for make in NOTICES.values()} == set(Event)


def texts(document: Any) -> Iterator[tuple[str, str]]:
    """Every text of a Slack message, with the type of its text object."""
    if isinstance(document, dict):
        if "text" in document and isinstance(document["text"], str) and "type" in document:
            yield document["type"], document["text"]
        for value in document.values():
            yield from texts(value)
    elif isinstance(document, list):
        for each in document:
            yield from texts(each)


NOTICE = Notice("checkout", Event.ADVANCED, Urgency.INFO, "title", ("line",), pull=3)


@given(
    title=st.text(max_size=400), lines=st.lists(st.text("a&<>;é💥", max_size=700), max_size=8), number=st.integers(1)
)
def test_slack_takes_whatever_there_is_to_tell(title: str, lines: list[str], number: int) -> None:
    document = slack.document(message(replace(NOTICE, title=title, lines=tuple(lines), pull=number)))
    assert len(document["blocks"]) <= 50
    assert len(document["text"]) <= 3000
    for block in document["blocks"]:
        assert block["type"] in ("header", "section", "actions", "context")
        longest = 150 if block["type"] == "header" else 3000
        for kind, text in texts(block):
            assert 1 <= len(text) <= longest
            if kind == "mrkdwn":
                assert not set(text) & set("<>")
                assert all(part.startswith(("amp;", "lt;", "gt;")) for part in text.split("&")[1:])
    (label,) = [each["elements"][0]["text"]["text"] for each in document["blocks"] if each["type"] == "actions"]
    assert len(label) <= 75


@pytest.mark.parametrize("padding", range(5))
def test_an_escaped_sign_is_never_cut_in_two(padding: int) -> None:
    document = slack.document(message(replace(NOTICE, lines=("x" * padding + "&" * 4000,))))
    text = document["blocks"][1]["text"]["text"]
    assert 2990 < len(text) <= 3000
    assert text.removeprefix("x" * padding).removesuffix("…").replace("&amp;", "") == ""


def test_nothing_from_outside_mentions_anybody_or_leads_anywhere() -> None:
    notice = of_change(ChangeKind.ROLL_BACK, HOSTILE, HOSTILE, (HOSTILE,))
    document = slack.document(message(notice))
    (section,) = [each["text"] for each in document["blocks"] if each["type"] == "section"]
    assert section["verbatim"] is True
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|click&gt;" in section["text"]
    printed = json.dumps([render(message(notice)) for render in RENDERERS.values()], ensure_ascii=False)
    assert "\x1b" not in printed
    assert "\\u001b" not in printed
    assert "\u202e" not in printed
    kinds = {block["type"] for block in teams.document(message(notice))["attachments"][0]["content"]["body"]}
    assert kinds == {"RichTextBlock"}


def test_without_a_page_a_pull_request_is_named() -> None:
    document = slack.document(message(of_change(ChangeKind.ADVANCE), url=None))
    assert document["blocks"][2]["text"]["text"] == "rollout-bot pulls show 3"
    assert (
        "actions" not in teams.document(message(of_change(ChangeKind.ADVANCE), url=None))["attachments"][0]["content"]
    )


def test_an_address_that_slack_would_refuse_is_no_button() -> None:
    document = slack.document(message(of_change(ChangeKind.ADVANCE), url="https://x/" + "y" * 3000))
    assert "actions" not in {each["type"] for each in document["blocks"]}


def test_what_people_do_themselves_is_not_told() -> None:
    change = Transition(on_hold(state()), NOW, "c")
    assert change_notice(change, Revision("c", NOW, b""), policy(), NOW) is None


def test_a_stage_that_was_renamed_keeps_its_name() -> None:
    change = Transition(up(state(), HALF), NOW, "c")
    found = change_notice(change, Revision("c", NOW, b""), policy(HALF), NOW)
    assert found is not None
    assert found.title == "checkout: canary → half 50 %"


def test_long_stories_are_cut() -> None:
    problems = tuple(f"{number}: {'x' * 500}" for number in range(30))
    found = standing_of(None, Event.BOT_FAILED, problems=problems)
    assert len(found.lines) == 8
    assert found.lines[-1] == "and 23 more"
    assert max(map(len, found.lines)) <= 400


def test_a_bug_and_a_failed_action_are_told_as_such() -> None:
    bug = standing_of(None, Event.BOT_FAILED, bug=True, problems=("bug in the bot: KeyError",))
    assert (bug.urgency, bug.title) == (Urgency.CRITICAL, "checkout: a bug in the bot")
    failed = standing_of(HEALTHY, Event.BOT_FAILED, steps=(Step(ClosePull(2, "old"), None, 2, "no answer"),))
    assert (failed.urgency, failed.key) == (Urgency.WARNING, "action failed")


@pytest.mark.parametrize(("hours", "key"), [(0, 0), (2, 1), (5, 2), (30, 3)])
def test_a_rollback_that_fails_is_called_out_again(hours: int, key: int) -> None:
    there = pull(number=4, opened_at=NOW - hours * HOUR)
    assert standing_of(REGRESSED, Event.BOT_FAILED, pull=there, steps=(FAILS,)).key == f"rollback failed {key}"
    assert standing_of(REGRESSED, Event.BOT_FAILED, steps=(FAILS,)).key == "rollback failed 0"


def test_a_rollback_that_is_merged_has_not_failed_whatever_follows() -> None:
    steps = (replace(FAILS, changed=True, error=None), Step(ClosePull(2, "old"), None, 2, "no answer"))
    found = standing_of(REGRESSED, Event.BOT_FAILED, pull=pull(number=4), steps=steps)
    assert (found.urgency, found.title) == (Urgency.WARNING, "checkout: an action failed")


def test_somebody_is_called_where_a_decision_waits_for_one() -> None:
    spent = situation(where=standing(state(attempt=4), entered=-30 * HOUR, rollbacks=3), verdict=verdict(reason=REASON))
    found = standing_of(spent, Event.STUCK)
    assert found.title == "checkout needs somebody at canary 10 %"
    assert found.lines == ("rolled back 3 times: only a human restarts it (rollout-bot resume checkout --reason …)",)


def test_after_a_merge_only_what_went_wrong_is_told() -> None:
    merged = Step(MERGE, True, 4)
    record = RolloutRecord("checkout", BLIND, decide(BLIND), steps=(merged,))
    assert standing_notices(Observation(record, (), NOW)) == ()
    failed = replace(record, steps=(merged, FAILS))
    assert [each.event for each in standing_notices(Observation(failed, (), NOW))] == [Event.BOT_FAILED]


KEY = "whsec_" + b64encode(b"k" * 32).decode()


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


def test_a_signature_is_what_standard_webhooks_asks_for(box: Mailbox) -> None:
    webhook.Webhook(box.address, KEY).notify(message(of_change(ChangeKind.ROLL_BACK, BAD)))
    (body,), (headers,) = box.bodies, box.headers
    assert Receiver(KEY).verify(body, headers)["type"] == "rollout.rolled_back"


def test_the_documented_recipe_verifies_it(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    verify = run_recipe(recipe)
    secret, sent = "a plain secret of many letters", 1_773_144_000
    webhook.Webhook(box.address, secret, clock=lambda: sent + 0.7).notify(message(NOTICE))
    (body,), (headers,) = box.bodies, box.headers
    monkeypatch.setattr("time.time", lambda: sent + 60.0)
    assert verify(secret.encode(), headers, body)
    assert not verify(secret.encode(), headers, body + b" ")
    assert not verify(b"another secret of many letters", headers, body)
    monkeypatch.setattr("time.time", lambda: sent + 301.0)
    assert not verify(secret.encode(), headers, body)


def run_recipe(text: str) -> Callable[[bytes, dict[str, str], bytes], bool]:
    names: dict[str, Any] = {}
    exec(text, names)  # noqa: S102 - what a reader of the page would do
    found: Callable[[bytes, dict[str, str], bytes], bool] = names["verify"]
    return found


@pytest.mark.parametrize("secret", ["short", "whsec_", "whsec_%%%", "whsec_" + b64encode(b"k" * 23).decode()])
def test_a_secret_that_protects_nothing_is_refused_without_showing_it(box: Mailbox, secret: str) -> None:
    with pytest.raises(Undelivered) as caught:
        webhook.Webhook(box.address, secret).notify(message(NOTICE))
    assert box.asked == 0
    assert secret.removeprefix("whsec_") not in str(caught.value) or secret == "whsec_"


@pytest.mark.parametrize("make", [slack.Slack, teams.Teams, lambda address: webhook.Webhook(address, KEY)])
def test_a_notifier_shows_neither_address_nor_key(box: Mailbox, make: Callable[[str], Any]) -> None:
    there = make(f"{box.address}/s3cr3t")
    there.notify(message(NOTICE))
    assert box.asked == 1
    assert "s3cr3t" not in repr(there)
    assert KEY not in repr(there)


def test_times_are_told_in_utc() -> None:
    found = webhook.document(replace(message(NOTICE), at=datetime(2026, 3, 10, 12, 0, tzinfo=UTC)))
    assert found["timestamp"] == "2026-03-10T12:00:00Z"
