"""Policies: what a good one becomes, and each message that a bad one earns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import pytest

from rollout_bot.core.model.policy import AnalysisSettings, Dependency, Fault, Metrics, Policy, Stage
from rollout_bot.core.model.routes import Channel, Event, Route, Urgency
from rollout_bot.files.policy import read_policy
from rollout_bot.files.problems import InvalidFile

MINIMAL = """\
schema_version: 1
rollout: checkout
metrics:
  source: recording
stages:
  - name: canary
    percentage: 10
    duration: 24h
    max_error_rate: 0.5%
  - name: full
    percentage: 100
    duration: 0h
    max_error_rate: 0.002
    requires_approval: true
"""


class Recording:
    schema: Mapping[str, object] = {
        "type": "object",
        "required": ["path"],
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "query": {"type": "string"},
            "password": {"type": "string", "environment": True, "pattern": "^[a-z]+$", "minLength": 3},
            "headers": {"type": "object", "additionalProperties": {"$ref": "#/$defs/value", "environment": True}},
            "timeout": {"type": "string", "format": "short-duration", "writeOnly": True},
            "one": {"anyOf": [{"type": "integer"}, {"const": "all"}, False]},
            "either": {"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            "mode": {"enum": ["fast", "safe", None]},
            "short": {"type": ["string", "null"], "maxLength": 3, "minLength": 2},
            "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 2.5},
            "few": {"type": "array", "maxItems": 1, "items": True},
            "names": {"type": "object", "patternProperties": {"^a$": True}, "additionalProperties": False},
            "odd": {"not": {"const": 1}},
            "key": {"type": "string", "pattern": "^[a-z]$"},
        },
        "$defs": {"value": {"type": "string"}},
    }

    def faults(self, settings: Mapping[str, object]) -> Iterator[Fault]:
        if "!" in str(settings.get("query")):
            yield Fault(("query",), "a query that does not parse", "PromQL")


def sources(name: str) -> Recording:
    if name != "recording":
        raise LookupError("recording, web", "Is its package installed?")
    return Recording()


def complaints(text: str, known: Callable[[str], Recording] | None = None) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        read_policy(text.encode(), "policy.yaml", sources=known)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems)
    return lines


def complaint(old: str, new: str) -> str:
    assert old in MINIMAL
    (line,) = complaints(MINIMAL.replace(old, new, 1))
    return line


def test_what_is_left_out_has_the_defaults_of_the_core() -> None:
    stages = (
        Stage("canary", 10, timedelta(hours=24), 0.005, requires_approval=False),
        Stage("full", 100, timedelta(0), 0.002, requires_approval=True),
    )
    assert read_policy(MINIMAL.encode(), "policy.yaml") == Policy("checkout", stages, Metrics("recording"))


def test_every_key_arrives() -> None:
    more = """\
description: for people
interval: 5m
rollback_on_error: false
cooldown: 2d
cooldown_backoff: 1.5
after: [other@half, third@canary]
max_rollbacks: 0
merge_on_approval: true
analysis:
  confidence: 0.999
  promote_confidence: 90%
  min_requests: 7
  min_failures: 2
  confirm_intervals: 1
"""
    text = MINIMAL.replace("source: recording", "source: recording\n  path: a.csv") + more
    text = text.replace("duration: 24h", "duration: 24h\n    max_wait: 36h")
    policy = read_policy(text.encode(), "policy.yaml", sources=sources)
    assert policy.metrics == Metrics("recording", {"path": "a.csv"})
    assert policy.analysis == AnalysisSettings(0.999, 0.9, 7, 2, 1)
    assert (policy.interval, policy.cooldown) == (timedelta(minutes=5), timedelta(days=2))
    assert policy.after == (Dependency("other", "half"), Dependency("third", "canary"))
    assert policy.cooldown_backoff == 1.5
    assert [each.max_wait for each in policy.stages] == [timedelta(hours=36), None]
    assert (policy.rollback_on_error, policy.max_rollbacks, policy.merge_on_approval) == (False, 0, True)


@pytest.mark.parametrize(
    ("written", "fraction"), [("0.7%", 0.007), ("0.3 %", 0.003), ("100%", 1.0), ("0.005", 0.005), ("5e-3", 0.005)]
)
def test_rates_are_exact(written: str, fraction: float) -> None:
    policy = read_policy(MINIMAL.replace("0.5%", written).encode(), "policy.yaml")
    assert policy.stages[0].max_error_rate == fraction


RATE = "a rate above 0 and up to 100%, such as 0.5% or 0.005"
CONFIDENCE = "a confidence from 50% to below 100%, such as 99% or 0.99"
DURATION = "a whole number with its unit: 90s, 15m, 24h, 2d"
STAGE_KEYS = "name, percentage, duration, max_error_rate, requires_approval, max_wait"
ZERO = "No amount of traffic can prove a rate of 0, and one failure would exceed it: allow a little, such as 0.01%"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.5%", "5", f"9:21: stages[0].max_error_rate: found 5; allowed: {RATE}. Was 5% meant? Write 5% or 0.05"),
        (
            "0.5%",
            "1",
            f"9:21: stages[0].max_error_rate: found 1; allowed: {RATE}. Was 1% meant, or 100%? Write 1% or 100%",
        ),
        ("0.5%", "0", f"9:21: stages[0].max_error_rate: found 0; allowed: {RATE}. {ZERO}"),
        ("0.5%", "0.0%", f"9:21: stages[0].max_error_rate: found '0.0%'; allowed: {RATE}. {ZERO}"),
        ("0.5%", "-0.1", f"9:21: stages[0].max_error_rate: found -0.1; allowed: {RATE}"),
        ("0.5%", "500", f"9:21: stages[0].max_error_rate: found 500; allowed: {RATE}"),
        ("0.5%", "101%", f"9:21: stages[0].max_error_rate: found '101%'; allowed: {RATE}"),
        (
            "0.5%",
            '"0.005"',
            f"9:21: stages[0].max_error_rate: found '0.005'; allowed: {RATE}. Write 0.005 without quotes, or with %",
        ),
        ("0.5%", ".nan", f"9:21: stages[0].max_error_rate: found '.nan'; allowed: {RATE}"),
        ("0.5%", "true", f"9:21: stages[0].max_error_rate: found true; allowed: {RATE}"),
        ("0.5%", "٥%", f"9:21: stages[0].max_error_rate: found '٥%'; allowed: {RATE}"),
        ("24h", "24", f"8:15: stages[0].duration: found 24; allowed: {DURATION}. Which unit is meant?"),
        ("24h", "true", f"8:15: stages[0].duration: found true; allowed: {DURATION}"),
        ("24h", "1 day", f"8:15: stages[0].duration: found '1 day'; allowed: {DURATION}; at most 3650d"),
        (
            "percentage: 10\n",
            "percentage: 0\n",
            "7:17: stages[0].percentage: found 0; allowed: a whole number from 1 to 100",
        ),
        (
            "percentage: 100",
            "percentage: 101",
            "11:17: stages[1].percentage: found 101; allowed: a whole number from 1 to 100",
        ),
        (
            "percentage: 10\n",
            "percentage: 10%\n",
            (
                "7:17: stages[0].percentage: found '10%'; allowed: a whole number from 1 to 100. "
                "Write 10, without quotes or sign"
            ),
        ),
        (
            "percentage: 10\n",
            "percentage: 010\n",
            (
                "7:17: stages[0].percentage: found '010'; allowed: a whole number from 1 to 100. "
                "Write 10, without quotes or sign"
            ),
        ),
        (
            "percentage: 100",
            "percentage: 10",
            (
                "11:17: stages[1].percentage: found 10 after 10 of 'canary'; "
                "allowed: more than 10: every stage raises the percentage"
            ),
        ),
        (
            "name: full",
            "name: canary",
            "10:11: stages[1].name: found 'canary', the name of stage 0; allowed: a name of its own",
        ),
        (
            "name: full",
            "name: off",
            (
                "10:11: stages[1].name: found 'off', the name of the implicit stage below the first; "
                "allowed: a name of its own"
            ),
        ),
        (
            "requires_approval: true",
            "requires_approval: yes",
            (
                "14:24: stages[1].requires_approval: found 'yes'; allowed: true or false. "
                "Write true or false, without quotes"
            ),
        ),
        (
            "requires_approval",
            "requires_aproval",
            (
                f"14:5: stages[1].requires_aproval: found an unknown key; allowed: {STAGE_KEYS}. "
                "Did you mean requires_approval?"
            ),
        ),
        (
            "rollout: checkout",
            "rollout: Check_out",
            (
                "2:10: rollout: found 'Check_out'; allowed: a name of lower-case letters, digits and -, "
                "beginning with a letter, of at most 63 characters"
            ),
        ),
        (
            "rollout: checkout",
            'rollout: "checkout\\n"',
            (
                r"2:10: rollout: found 'checkout\n'; allowed: a name of lower-case letters, digits and -, "
                "beginning with a letter, of at most 63 characters"
            ),
        ),
        (
            "schema_version: 1",
            "schema_version: 2",
            "1:17: schema_version: found 2; allowed: 1, the only version that this rollout-bot reads",
        ),
        (
            "rollout: checkout\n",
            "",
            (
                "1:1: rollout: found no such key; allowed: a name of lower-case letters, digits and -, "
                "beginning with a letter, of at most 63 characters. Add rollout"
            ),
        ),
        (
            "    duration: 24h\n",
            "",
            f"6:5: stages[0].duration: found no such key; allowed: {DURATION}. Add duration to stages[0]",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\ninterval: 30s",
            "3:11: interval: found '30s'; allowed: a duration from 1m to 1d, such as 15m",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\ndescription: 5",
            '3:14: description: found 5; allowed: a text. Put it in quotes: "5"',
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nmax_rollbacks: -1",
            "3:16: max_rollbacks: found -1; allowed: a whole number from 0 to 100",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nanalysis: {confidence: 99}",
            f"3:24: analysis.confidence: found 99; allowed: {CONFIDENCE}. Was 99% meant? Write 99% or 0.99",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nanalysis: {confidence: 100%}",
            (
                f"3:24: analysis.confidence: found '100%'; allowed: {CONFIDENCE}. "
                "Certainty would take evidence without end"
            ),
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nanalysis: {confidence: 1%}",
            f"3:24: analysis.confidence: found '1%'; allowed: {CONFIDENCE}",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nafter: other",
            "3:8: after: found 'other'; allowed: ROLLOUT@STAGE, such as other@half, or a list of them",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nafter: [other@half, Other@half]",
            "3:21: after[1]: found 'Other@half'; allowed: ROLLOUT@STAGE, such as other@half",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\nafter: {other: half}",
            "3:8: after: found a mapping; allowed: ROLLOUT@STAGE, such as other@half, or a list of them",
        ),
        (
            "rollout: checkout",
            "rollout: checkout\ncooldown_backoff: 0.5",
            "3:19: cooldown_backoff: found 0.5; allowed: a number from 1 to 10",
        ),
        (
            "duration: 24h",
            "duration: 24h\n    max_wait: 60m",
            "9:15: stages[0].max_wait: found 1h with a duration of 24h; allowed: at least the duration",
        ),
        ("source: recording", "source: ''", "4:11: metrics.source: found ''; allowed: a text that is not empty"),
        (
            "source: recording",
            "{}",
            ("4:3: metrics.source: found no such key; allowed: a text that is not empty. Add source to metrics"),
        ),
    ],
)
def test_one_fault_one_message(old: str, new: str, message: str) -> None:
    assert complaint(old, new) == f"policy.yaml:{message}"


VARIABLE = "${NAME}, the name of an environment variable, and nothing beside it"
SLACK = "  - {channel: slack, address: '${SLACK_WEBHOOK_URL}'}\n"
HOOK = "  - {channel: webhook, address: '${HOOK}', secret: '${KEY}', events: [stuck], severity: critical}\n"


def test_routes_name_the_variables_that_hold_their_addresses() -> None:
    policy = read_policy(f"{MINIMAL}notify:\n{SLACK}{HOOK}".encode(), "policy.yaml")
    assert policy.notify == (
        Route(Channel.SLACK, "SLACK_WEBHOOK_URL"),
        Route(Channel.WEBHOOK, "HOOK", "KEY", (Event.STUCK,), Urgency.CRITICAL),
    )


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (
            "  - {channel: slack, address: https://hooks.example/s3cr3t}\n",
            ("notify[0].address: found a text that is not shown here, as it may hold a secret; "
            "allowed: ${NAME}, the name of an environment variable, and nothing beside it"),
        ),
        (
            "  - {channel: slack, address: 'https://hooks.example/${S3CR3T}'}\n",
            ("notify[0].address: found a text that is not shown here, as it may hold a secret; "
            "allowed: ${NAME}, the name of an environment variable, and nothing beside it"),
        ),
        (
            f"{SLACK}{SLACK}",
            ("notify[1].address: found ${SLACK_WEBHOOK_URL}, the address of route 0; "
            "allowed: one route for each address; it can take several events"),
        ),
        (
            "  - {channel: webhook, address: '${HOOK}'}\n",
            "notify[0].secret: found no such key; allowed: ${NAME}: a webhook signs what it sends",
        ),
        (
            "  - {channel: slack, address: '${A}', secret: '${B}'}\n",
            "notify[0].secret: found a secret for slack; allowed: a secret for a webhook only",
        ),
        (
            "  - {channel: slack, address: '${A}', events: [rolledback]}\n",
            ("notify[0].events[0]: found 'rolledback'; allowed: advanced, approval_needed, reminder, rolled_back, "
            "regressed, stuck, cannot_measure, refused, completed, bot_failed. Did you mean rolled_back?"),
        ),
        ("  - {channel: pager, address: '${A}'}\n", "notify[0].channel: found 'pager'; allowed: slack, teams, webhook"),
        (
            "  - {channel: slack}\n",
            ("notify[0].address: found no such key; "
            f"allowed: {VARIABLE}. Add address to notify[0]"),
        ),
        ("  slack\n", "notify: found 'slack'; allowed: a list of up to 20 routes"),
    ],
)  # fmt: skip
def test_a_route_that_leads_nowhere_is_named(routes: str, message: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read_policy(f"{MINIMAL}notify:\n{routes}".encode(), "policy.yaml")
    (problem,) = caught.value.problems
    assert str(problem).split(": ", 1)[1] == message


def test_no_stages() -> None:
    head = MINIMAL.split("stages:")[0]
    allowed = "allowed: a list of 1 to 100 stages"
    assert complaints(head + "stages: []\n") == [f"policy.yaml:5:9: stages: found an empty list; {allowed}"]
    assert complaints(head + "stages: full\n") == [f"policy.yaml:5:9: stages: found 'full'; {allowed}"]
    many = "".join(f"  - {{name: s{n}, percentage: 1, duration: 1h, max_error_rate: 1%}}\n" for n in range(101))
    assert complaints(head + "stages:\n" + many)[0] == f"policy.yaml:6:3: stages: found 101 entries; {allowed}"


def test_all_problems_at_once_in_order_of_place() -> None:
    text = """\
rollout: checkout
rollout: again
metrics: {source: web}
stages:
  - canary
  - {name: a, percentage: 50, duration: 1h, max_error_rate: 5}
  - {name: a, percentage: half, duration: 1h, max_error_rate: 1%}
  - {name: c, percentage: 20, duration: 1h, max_error_rate: 1%}
"""
    assert [line.removeprefix("policy.yaml:").partition("; allowed")[0] for line in complaints(text, sources)] == [
        "1:1: schema_version: found no such key",
        "2:1: rollout: found the key 'rollout' a second time, after line 1, column 1",
        "3:19: metrics.source: found 'web'",
        "5:5: stages[0]: found 'canary'",
        "6:61: stages[1].max_error_rate: found 5",
        "7:12: stages[2].name: found 'a', the name of stage 1",
        "7:27: stages[2].percentage: found 'half'",
        "8:27: stages[3].percentage: found 20 after 50 of 'a'",
    ]


def test_the_source_is_asked_about_its_own_keys() -> None:
    def of(settings: str) -> list[str]:
        text = MINIMAL.replace("  source: recording", f"  source: recording\n  {settings}")
        return [line.removeprefix("policy.yaml:") for line in complaints(text, sources)]

    known = "path, query, password, headers, timeout, one, either, mode, short, share, few, names, odd, key"
    assert of("pth: x") == [
        "4:3: metrics.path: found no such key; allowed: a text that is not empty. Add path to metrics",
        f"5:3: metrics.pth: found an unknown key; allowed: {known}. Did you mean path?",
    ]
    assert of("path: a\n  query: 'up!'") == ["6:10: metrics.query: found a query that does not parse; allowed: PromQL"]
    assert of("path: 1\n  query: 'up!'") == [
        '5:9: metrics.path: found 1; allowed: a text that is not empty. Put it in quotes: "1"'
    ]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("one: some", "metrics.one: found 'some'; allowed: a whole number; or 'all'; or nothing"),
        ("either: {c: 1}", "metrics.either: found the key c; allowed: the key a; or the key b"),
        ("either: {a: 1, b: 2}", "metrics.either: found the keys a, b; allowed: the key a; or the key b"),
        ("either: {}", "metrics.either: found an empty mapping; allowed: the key a; or the key b"),
        ("mode: fats", "metrics.mode: found 'fats'; allowed: fast, safe, nothing. Did you mean fast?"),
        ("mode: 7", "metrics.mode: found 7; allowed: fast, safe, nothing"),
        (
            "short: abcd",
            (
                "metrics.short: found a text of 4 characters; "
                "allowed: a text or nothing, characters: at least 2, characters: at most 3"
            ),
        ),
        ("share: 0", "metrics.share: found 0; allowed: a number, above 0, at most 2.5"),
        ("few: [1, 2]", "metrics.few: found 2 entries; allowed: a list, entries: at most 1"),
        ("names: {b: 1}", "metrics.names.b: found an unknown key; allowed: no keys"),
        ("odd: 1", "metrics.odd: found 1; allowed: another value"),
        ("key: AB", "metrics.key: found 'AB'; allowed: a text that matches ^[a-z]$"),
    ],
)
def test_schemas_of_other_packages_are_translated_too(setting: str, message: str) -> None:
    text = MINIMAL.replace("  source: recording", f"  source: recording\n  path: a\n  {setting}")
    (line,) = complaints(text, sources)
    assert line.split(": ", 1)[1] == message


def test_what_only_jsonschema_understands_can_still_be_right() -> None:
    more = "path: a\n  one: 5\n  names: {a: 1}\n  odd: 2\n  either: {a: 1}\n  headers: {Accept: b}"
    text = MINIMAL.replace("  source: recording", f"  source: recording\n  {more}").replace(
        "percentage: 10\n", "percentage: 10.0\n"
    )
    policy = read_policy(text.encode(), "policy.yaml", sources=sources)
    assert policy.metrics.settings["one"] == 5
    assert type(policy.stages[0].percentage) is int


@pytest.mark.parametrize(
    ("settings", "field", "found"),
    [
        ("password: 31415926", "password", "a number"),
        ("password: UPPER31415926", "password", "a text that is not shown here, as it may hold a secret"),
        ("password: ''", "password", "an empty text"),
        ("password: true", "password", "true or false"),
        ("password: [31415926]", "password", "a list"),
        ("headers: {Authorization: 31415926}", "headers.Authorization", "a number"),
        ("timeout: 31415926", "timeout", "a number"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(settings: str, field: str, found: str) -> None:
    text = MINIMAL.replace("  source: recording", f"  source: recording\n  path: a\n  {settings}")
    (line,) = complaints(text, sources)
    assert f"metrics.{field}: found {found}; allowed: " in line
    assert "31415926" not in line


def test_an_unknown_source_says_which_are_known() -> None:
    (line,) = complaints(MINIMAL.replace("recording", "prometeus"), sources)
    assert line == (
        "policy.yaml:4:11: metrics.source: found 'prometeus'; allowed: recording, web. Is its package installed?"
    )


def test_metrics_that_are_no_mapping() -> None:
    text = MINIMAL.replace("\n  source: recording", " recording")
    assert complaints(text, sources) == ["policy.yaml:3:10: metrics: found 'recording'; allowed: a mapping"]


def test_a_lookup_that_says_nothing() -> None:
    def nothing(name: str) -> Recording:
        raise LookupError

    assert complaints(MINIMAL, nothing) == [
        "policy.yaml:4:11: metrics.source: found 'recording'; allowed: the name of an installed metrics source"
    ]
