"""The dashboards are what Grafana takes, and every query of them finds what is published."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client import generate_latest
from support.prometheus import running
from support.rollouts import CANARY, HALF, HOUR, NOW, down, situation, state, up
from support.web_server import serving

from rollout_bot.cli import main
from rollout_bot.core.model.history import Transition
from rollout_bot.core.observation import Observation
from rollout_bot.core.record import RolloutRecord
from rollout_bot.core.verdict import Bet, Outcome, Rate, Verdict
from rollout_bot.publish.families import registry
from rollout_bot.report.dashboard import rollout_dashboard

ROOT = Path(__file__).parents[2]
GUARDIAN = ROOT / "docs" / "guardian"


def load(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GUARDIAN / name).read_text())
    return found


@pytest.mark.parametrize(("name", "arguments"), [("dashboard.json", ["guardian"]), ("overview.json", [])])
def test_what_is_checked_in_is_what_the_command_prints(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", *arguments, "--repository", str(ROOT)]) == 0
    said = f"run: rollout-bot dashboard {' '.join(arguments)} > docs/guardian/{name}"
    assert capsys.readouterr().out == (GUARDIAN / name).read_text(), said


def missing(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """What a reader of Grafana's own types loses of a document."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                yield f"{path}.{key}"
            else:
                yield from missing(value, theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from missing(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield path


@pytest.mark.parametrize("name", ["dashboard.json", "overview.json"])
def test_grafanas_own_types_know_every_field(name: str) -> None:
    ours = load(name)
    read = Dashboard.from_json(ours)
    theirs = json.loads(JSONEncoder(sort_keys=True).encode(read))
    lost = {path for path in missing(ours, theirs) if ".custom" not in path}
    # Grafana's Prometheus data source adds these to an annotation; the types know the plain fields only.
    assert lost <= {f".annotations.list[0].{field}" for field in ("step", "titleFormat")}


@pytest.mark.parametrize("name", ["dashboard.json", "overview.json"])
def test_the_panels_fill_the_grid_without_a_gap(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(name)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not taken & cells
        assert at["y"] == 0 or (at["x"], at["y"] - 1) in taken
        taken |= cells


def test_the_data_source_is_the_readers_choice() -> None:
    for document in (load("dashboard.json"), load("overview.json")):
        assert [each["type"] for each in document["templating"]["list"]] == ["datasource"]
        sources = {json.dumps(panel["datasource"]) for panel in document["panels"]}
        assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}


def test_long_names_keep_an_identity_of_their_own() -> None:
    first, second = (json.loads(rollout_dashboard("a" * 50 + end)) for end in ("b", "c"))
    assert first["uid"] != second["uid"]
    assert len(first["uid"]) == 40
    assert load("dashboard.json")["uid"] == "rollout-guardian"


SHOWN = Verdict(
    Outcome.HEALTHY, ("fine",), 0.005, Rate(900.0, 1.0), Rate(90.0, 1.0), 0.0, 0.01, Bet(1, 100), Bet(9, 20)
)
FALLEN = down(up(state(CANARY), HALF), CANARY)


def exposition(*rollouts: str) -> bytes:
    record = RolloutRecord("guardian", situation(FALLEN, verdict=SHOWN))
    history = (Transition(FALLEN, NOW - HOUR, "c"),)
    observations = [Observation(RolloutRecord(name, record.situation), history, NOW) for name in rollouts]
    return generate_latest(registry(observations))


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Has scraped the metrics of two rollouts."""
    body = exposition("guardian", "rate-limits")
    scrapes, scraped_again = iter(range(1_000)), threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/plain; version=0.0.4")
        request.end_headers()
        request.wfile.write(body)
        # Whoever comes back has put away what it got the first time.
        if next(scrapes):
            scraped_again.set()

    with (
        serving(answer) as target,
        running(tmp_path_factory.mktemp("p") / "data", target.removeprefix("http://")) as at,
    ):
        assert scraped_again.wait(30)
        yield at


def ask(prometheus: str, expression: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{prometheus}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert answer["status"] == "success", (expression, answer)
    found: list[dict[str, Any]] = answer["data"]["result"]
    return found


@pytest.mark.parametrize("name", ["dashboard.json", "overview.json"])
def test_every_query_finds_something(prometheus: str, name: str) -> None:
    for panel in load(name)["panels"]:
        for target in panel["targets"]:
            found = ask(prometheus, target["expr"])
            # What is counted over an hour needs two samples an hour apart, or at least two.
            assert found or "per hour" in panel["title"], panel["title"]
            if name == "overview.json" and found:
                assert {each["metric"]["rollout"] for each in found} == {"guardian", "rate_limits"}


@pytest.mark.parametrize("name", ["dashboard.json", "overview.json"])
def test_a_stage_that_is_entered_is_marked_by_its_name(prometheus: str, name: str) -> None:
    (annotation,) = load(name)["annotations"]["list"]
    found = ask(prometheus, annotation["expr"])
    assert {each["metric"]["stage_name"] for each in found} == {"canary"}
    assert len(found) == (1 if name == "dashboard.json" else 2)
