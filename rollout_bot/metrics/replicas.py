"""Series that two servers collected of the same target: counted twice, they double the evidence."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise

from rollout_bot.metrics.counters import Series

_OF_SERVERS = re.compile(r"_*(prometheus|thanos|prom|vmagent)_?replica_*", re.IGNORECASE)
_PERHAPS = re.compile(r"_*(replica|prometheus|monitor|ha_replica)_*", re.IGNORECASE)
_TELLING = 3
"""Different values that two series must share to be taken for one; two counters at zero prove nothing."""


def replica_label(series: Sequence[Series], configured: str | None) -> str | None:
    """The label that tells duplicates apart, where there are any."""
    if configured:
        return configured if _doubled(series, configured) else None
    for label in sorted({name for each in series for name in each.labels}):
        groups = _doubled(series, label)
        if groups and (_OF_SERVERS.fullmatch(label) or (_PERHAPS.fullmatch(label) and _equal(groups))):
            return label
    return None


def without_duplicates(series: Sequence[Series], label: str) -> list[Series]:
    """One series of each target: the one with the most samples, which has the fewest gaps."""
    return [
        min(group, key=lambda each: (-len(each.samples), each.labels.get(label, "")))
        for group in _groups(series, label).values()
    ]


def _groups(series: Sequence[Series], label: str) -> Mapping[frozenset[tuple[str, str]], list[Series]]:
    groups: dict[frozenset[tuple[str, str]], list[Series]] = defaultdict(list)
    for each in series:
        groups[frozenset(pair for pair in each.labels.items() if pair[0] != label)].append(each)
    return groups


def _doubled(series: Sequence[Series], label: str) -> list[list[Series]]:
    return [group for group in _groups(series, label).values() if len(group) > 1]


def _equal(groups: list[list[Series]]) -> bool:
    return all(_same(one, other) for group in groups for one, other in pairwise(group))


def _same(one: Series, other: Series) -> bool:
    values = [value for _, value in one.samples]
    return len(set(values)) >= _TELLING and values == [value for _, value in other.samples]
