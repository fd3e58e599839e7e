"""People are told once on GitHub, where the commits keep what was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.hosted import Site
from support.mailbox import Mailbox, mailbox
from support.ticks import HOUR, QUARTER, initial, policy_text

from rollout_bot.core.record import TickRecord
from rollout_bot.tick.evaluation import Evaluator
from rollout_bot.tick.leaves import Leaves
from rollout_bot.tick.tick import Tick

SLACK = "[{channel: slack, address: '${SLACK_WEBHOOK_URL}'}]"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


def tick(site: Site, box: Mailbox) -> tuple[TickRecord, int]:
    """One tick with all that follows it, and the requests that this costs beyond the tick itself."""
    forge = site.forge()
    record = Tick(forge, Evaluator(site.now, site.folder, {})).run()
    leaves = Leaves({"SLACK_WEBHOOK_URL": box.address}, pulls="https://github.com/acme/shop/pull/")
    assert leaves.follow(record, forge) == []
    return record, forge.requests - record.requests


def titles(box: Mailbox) -> list[str]:
    return [each["blocks"][0]["text"]["text"] for each in box.take()]


def test_a_life_is_told_event_by_event(make_site: Callable[..., Site], box: Mailbox) -> None:
    site = make_site(files=initial(text=policy_text(notify=SLACK)))
    told = []
    bad_since = None
    for hours in range(6):
        site.github.wait(HOUR)
        if hours == 5:
            bad_since = site.now - HOUR
        site.serve(bad_since=bad_since)
        _, cost = tick(site, box)
        told.append((titles(box), cost))
        if hours == 2:
            (pull,) = site.github.open_pulls()
            site.github.person("alice").approve(pull.number)
            site.github.person("alice").merge(pull.number)
    assert told == [
        (["🔵 checkout begins with canary 10 %"], 1),
        (["🟠 checkout needs an approval to enter half 50 %"], 1),
        ([], 0),
        (["🔵 checkout: canary 10 % → half 50 %"], 1),
        # One more look at what the tick has merged, for which GitHub has to be asked twice.
        (["🔵 checkout: half 50 % → most 75 %"], 3),
        (["🔴 checkout: rolled back most 75 % → half 50 %"], 3),
    ]
    assert tick(site, box)[1] == 0
    assert titles(box) == []


def test_a_killed_ticks_rollback_is_told_and_its_button_leads_to_it(
    make_site: Callable[..., Site], box: Mailbox
) -> None:
    site = make_site(files=initial(text=policy_text(notify=SLACK)))
    site.github.wait(HOUR)
    site.serve()
    tick(site, box)
    box.take()
    site.github.wait(2 * HOUR)
    site.serve(bad_since=site.now - 2 * HOUR)
    site.tick()
    site.github.wait(QUARTER)
    tick(site, box)
    (message,) = box.take()
    assert message["blocks"][2]["elements"][0]["url"] == "https://github.com/acme/shop/pull/1"
