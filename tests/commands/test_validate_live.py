"""`rollout-bot validate --live`: what the traffic allows, what cannot work, and what would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.prometheus import backfill, openmetrics, running
from support.replays import BEGIN, table
from support.repositories import Repository, make
from support.ticks import NAME, POLICY, POLICY_TEXT, STATE, initial

from rollout_bot.cli import main

END = BEGIN + timedelta(days=1)


def repository(
    tmp_path: Path, requests: float, failed: float, text: str = POLICY_TEXT, stage: str = "canary"
) -> Repository:
    """A day of quarter hours that are all alike but for one."""
    files = initial(stage=stage, text=text)
    files[STATE] = str(files[STATE]).replace("2026-03-10T12:00:00Z", "2026-03-02T00:00:00Z")
    found = make(tmp_path / "shop", files)
    rows = table(lambda hour: (requests + (hour == 3), failed))
    (found.path / "metrics.csv").write_text(rows)
    return found


def findings(found: Repository, capsys: pytest.CaptureFixture[str], code: int) -> dict[str, dict[str, str]]:
    command = ["validate", NAME, "--live", "--repository", str(found.path), "--now", END.isoformat()]
    assert main([*command, "--format", "json"]) == code
    (document,) = json.loads(capsys.readouterr().out)
    assert document["problems"] == []
    assert all(each["fix"] for each in document["findings"] if each["level"] != "right")
    assert main(command) == code
    assert "checkout: valid\n\ncheckout" in capsys.readouterr().out
    return {each["subject"].removeprefix("checkout "): each for each in document["findings"]}


def test_enough_traffic_is_right_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(repository(tmp_path, 1000, 1), capsys, 0)
    assert {each["level"] for each in found.values()} == {"right"}
    assert found["traffic"]["found"] == (
        "10,000 requests an interval (15m) in the whole service, 1,000 of them at canary 10 %; "
        "from 40,000 to 40,010 an hour; 0.1 % fail"
    )
    assert found["canary 10 %"]["found"].startswith("1,000 requests an interval: health is shown within 30 min; ")
    assert "a regression to 1 % (2 times what is allowed) is found within" in found["canary 10 %"]["found"]
    assert found["most 75 %"]["found"].startswith("7,500 requests an interval; a regression to 1 %")


def test_little_traffic_takes_longer_than_the_stages_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(repository(tmp_path, 40, 0), capsys, 0)
    assert found["canary 10 %"]["level"] == "weak"
    assert "after the stage has been left" in found["canary 10 %"]["found"]


def test_what_cannot_be_shown_is_wrong_and_comes_with_what_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(repository(tmp_path, 2, 0), capsys, 3)
    canary = found["canary 10 %"]
    assert canary["level"] == "wrong"
    assert "0 % fail: health is shown only after " in canary["found"]
    limit, traffic, *others = canary["fix"].split("; or ")
    assert limit == "max_error_rate: 2.5% (health within 1 d)"
    assert traffic == "5 times the traffic (health within 1 d)"
    assert re.fullmatch(r"duration: [0-9]+[hd]", others[0])
    assert others[1:] == [
        "a baseline to compare with (metrics.baseline)",
        "an owner who decides (rollout-bot advance checkout --reason …)",
    ]


def test_a_limit_that_is_exceeded_already_would_be_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(repository(tmp_path, 1000, 6), capsys, 3)
    for stage in ("canary 10 %", "half 50 %", "most 75 %"):
        assert found[stage]["found"] == "0.6 % fail already now, over the limit of 0.5 %: it would be rolled back"


def test_silence_gaps_and_constants_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = repository(tmp_path, 1000, 1)
    recording = shop.path / "metrics.csv"
    rows = recording.read_text().splitlines()
    recording.write_text("\n".join([*rows[:40], *rows[60:], ""]))
    command = ["validate", "--live", "--repository", str(shop.path), "--now", END.isoformat()]
    assert main(command) == 0
    assert "not measured for 5 h of the last 1 d: no row for this time" in capsys.readouterr().out
    recording.write_text(table(lambda _hour: (1000, 1)))
    assert main(command) == 0
    assert "every interval counts 1,000 requests, neither more nor fewer" in capsys.readouterr().out
    recording.write_text(table(lambda _hour: (0, 0)))
    assert findings(shop, capsys, 3)["traffic"]["found"] == "no request was counted in 96 intervals"
    recording.write_text("nonsense\n")
    assert "found 'nonsense'" in findings(shop, capsys, 3)["traffic"]["found"]


def test_at_off_there_is_nothing_to_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = findings(repository(tmp_path, 1000, 1, stage="off"), capsys, 0)
    assert found["traffic"]["level"] == "unknown"


def test_invalid_files_are_not_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = repository(tmp_path, 1000, 1)
    (shop.path / POLICY).write_text("nonsense")
    assert main(["validate", "--live", "--repository", str(shop.path)]) == 3
    assert "traffic" not in capsys.readouterr().out


LIVE = POLICY_TEXT.replace(
    "  source: recording\n  path: metrics.csv\n", "  source: prometheus\n  address: ${PROMETHEUS_URL}\n{more}"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two pods, scraped every minute for a day: 10 requests a minute each, and few failures of one of them."""
    folder = tmp_path_factory.mktemp("live")
    times = [BEGIN.timestamp() + 60 * minute for minute in range(1440)]
    totals = {f'pod="{pod}"': [(at, 100.0 * n + n % 7) for n, at in enumerate(times)] for pod in "ab"}
    failures = {'pod="a"': [(at, float(n // 60)) for n, at in enumerate(times)]}
    backfill(openmetrics({"all": totals, "bad": failures}), folder / "data")
    with running(folder / "data") as address:
        yield address


@pytest.mark.parametrize(
    ("more", "interval", "expected"),
    [
        (
            "  total: all_total\n  failed: bad_total\n",
            "15m",
            {
                "total": ("right", "2 series, a sample every 1 min"),
                "failed": ("right", "1 series, a sample every 1 min"),
            },
        ),
        (
            "  total: all_total\n  failed: none_total\n",
            "15m",
            {"failed": ("weak", "no series of none_total in 1 h: no failures, or another name")},
        ),
        (
            "  total: none_total\n  failed: bad_total\n",
            "15m",
            {
                "total": ("wrong", "no series of none_total in 1 h"),
                "traffic": ("wrong", "`total` has no data in the whole window; absent is not zero"),
            },
        ),
        (
            "  total: all_total\n  failed: bad_total\n",
            "3m",
            {"total": ("wrong", "2 series, a sample every 1 min: an interval of 3m holds fewer than 4 of them")},
        ),
        (
            "  total_query: sum(increase(all_total[2m]))\n  failed_query: sum(increase(none_total[$interval]))\n",
            "15m",
            {
                "total_query": ("wrong", "a window of 2 min over samples every 1 min: fewer than 4 of them"),
                "failed_query": ("wrong", "no samples of none_total in 1 h"),
            },
        ),
        (
            "  total_query: sum(increase(all_total[$interval]))\n  failed_query: sum(increase(bad_total[$interval]))\n",
            "15m",
            {"total_query": ("right", "a window of 15 min over samples every 1 min")},
        ),
        (
            "  total_query: increase(all_total[$interval])\n  failed_query: sum(increase(bad_total[$interval]))\n",
            "15m",
            {"traffic": ("wrong", "total_query gives 2 series; allowed: one, such as sum(…) gives")},
        ),
    ],
)
def test_queries_are_looked_at_on_a_real_server(
    tmp_path: Path,
    server: str,
    more: str,
    interval: str,
    expected: dict[str, tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", server)
    shop = repository(tmp_path, 1, 0, LIVE.replace("{more}", more) + f"interval: {interval}\n")
    wrong = any(level == "wrong" for level, _ in expected.values())
    found = findings(shop, capsys, 3 if wrong else 0)
    for subject, told in expected.items():
        assert (found[subject]["level"], found[subject]["found"]) == told


def test_a_server_that_is_not_there_is_unknown_and_nothing_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = repository(tmp_path, 1, 0, LIVE.replace("{more}", "  total: a\n  failed: b\n  deadline: 1s\n"))
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:9")
    found = findings(shop, capsys, 3)
    assert (found["total"]["level"], found["traffic"]["level"]) == ("unknown", "wrong")
    monkeypatch.delenv("PROMETHEUS_URL")
    assert main(["validate", "--live", "--repository", str(shop.path)]) == 3
    assert "${PROMETHEUS_URL}, which is not set" in capsys.readouterr().out
