"""A real Prometheus that scrapes a real service: what the service counted is what is measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import requests
from prometheus_client import CollectorRegistry, Counter, start_http_server
from support.prometheus import running

from rollout_bot.core.samples import Measurement, Sample, Window
from rollout_bot.metrics.interface import Surroundings
from rollout_bot.metrics.prometheus import Prometheus


def test_what_a_service_counted_is_measured(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    total = Counter("shop_requests", "All.", registry=registry)
    failed = Counter("shop_failed", "Failed.", ["code"], registry=registry)
    service, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        with running(tmp_path / "data", f"127.0.0.1:{service.server_port}") as address:
            start = _await(address, "shop_requests_total == 0")
            total.inc(500)
            failed.labels("503").inc(7)
            end = _await(address, "shop_requests_total == 500")
            settings = {
                "address": address,
                "total": "shop_requests_total",
                "failed": "shop_failed_total",
                "scrape_delay": "0s",
            }
            window = Window(start, end, end - start)
            result = Prometheus(settings, Surroundings(tmp_path)).samples(window)
    finally:
        service.shutdown()
        service.server_close()
        thread.join()
    assert isinstance(result, Measurement)
    (sample,) = result.intervals
    assert isinstance(sample, Sample)
    assert (sample.enforced.total, sample.enforced.failed) == (500, 7)


def _await(address: str, query: str) -> datetime:
    """The time of the first evaluation that finds the condition true; each asks over HTTP, so there is no busy wait."""
    deadline = monotonic() + 30
    while monotonic() < deadline:
        answer = requests.get(f"{address}/api/v1/query", {"query": query}, timeout=5).json()
        for each in answer["data"]["result"]:
            return datetime.fromtimestamp(each["value"][0], UTC) + timedelta(milliseconds=1)
    raise AssertionError(f"{query} never became true")
