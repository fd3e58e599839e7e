"""Expansion of `${NAME}`: only where the schema says so, and never a word about a value."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rollout_bot.files.environment import NotSet, expand

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "address": {"type": "string", "environment": True},
        "query": {"type": "string"},
        "basic": {"$ref": "#/$defs/basic"},
        "headers": {"type": "object", "additionalProperties": {"type": "string", "environment": True}},
        "urls": {"type": "array", "items": {"anyOf": [{"type": "null"}, {"type": "string", "environment": True}]}},
        "loop": {"$ref": "#/$defs/loop"},
        "far": {"$ref": "https://example.com/schema"},
    },
    "$defs": {
        "basic": {"properties": {"password": {"$ref": "#/$defs/text", "environment": True}, "user": {}}},
        "text": {"type": "string"},
        "loop": {"$ref": "#/$defs/loop"},
    },
}
ENVIRONMENT = {"URL": "http://a", "PASSWORD": "hunter2", "EMPTY": "", "NESTED": "${URL}"}


@pytest.mark.parametrize(
    ("settings", "expanded"),
    [
        ({"address": "${URL}/x/${URL}"}, {"address": "http://a/x/http://a"}),
        ({"query": "${URL}"}, {"query": "${URL}"}),
        ({"address": "$URL $${URL} 5$"}, {"address": "$URL ${URL} 5$"}),
        ({"address": "${NESTED}"}, {"address": "${URL}"}),
        (
            {"basic": {"password": "${PASSWORD}", "user": "${URL}"}},
            {"basic": {"password": "hunter2", "user": "${URL}"}},
        ),
        ({"headers": {"Authorization": "Bearer ${PASSWORD}"}}, {"headers": {"Authorization": "Bearer hunter2"}}),
        ({"urls": ["${URL}", None, 5, True]}, {"urls": ["http://a", None, 5, True]}),
        ({"loop": "${URL}", "far": "${URL}", "unknown": "${URL}"}, None),
    ],
)
def test_only_marked_fields_are_expanded(settings: dict[str, object], expanded: dict[str, object] | None) -> None:
    assert expand(settings, SCHEMA, ENVIRONMENT) == (expanded or settings)


def test_all_that_is_missing_is_said_at_once_and_nothing_else() -> None:
    settings = {
        "address": "${URL}${GONE}${GONE}",
        "headers": {"X": "${EMPTY}${PASSWORD}"},
        "urls": ["${URL}", "hunter2 ${not-a-name}"],
    }
    with pytest.raises(NotSet) as caught:
        expand(settings, SCHEMA, ENVIRONMENT, ("metrics",))
    assert str(caught.value).splitlines() == [
        (
            "metrics.address: found ${GONE}, which is not set; allowed: variables that are set. "
            "Set GONE in the environment"
        ),
        (
            "metrics.headers.X: found ${EMPTY}, which is empty; allowed: variables that are set. "
            "Set EMPTY in the environment"
        ),
        (
            "metrics.urls[1]: found a ${ that begins no name; allowed: ${NAME} with letters, digits and _. "
            "Write $${ for a plain ${"
        ),
    ]
