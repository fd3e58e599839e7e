"""Whatever tests register where everybody looks is taken away again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY


@pytest.fixture
def everybodys_registry() -> Iterator[None]:
    before = set(REGISTRY._collector_to_names)
    yield
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)
