"""The example of the documentation works as it stands, found as any other package's source is."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rollout_bot.core.samples import Counts, Measurement, Sample, Unmeasured, Window
from rollout_bot.metrics import registry
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.network.exchange import OffLimits

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
STEP = timedelta(minutes=15)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Source]]:
    """The example, installed with the very lines that its own text gives."""
    text = (EXAMPLES / "custom_source.py").read_text()
    entry = re.search(r'^ *(sqlite) = "(\S+)"$', text, re.MULTILINE)
    assert entry
    info = tmp_path / "site" / "custom_source-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: custom-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[rollout_bot.metrics]\n{entry[1]} = {entry[2]}\n")
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.syspath_prepend(info.parent)
    registry.forget()
    yield registry.find("sqlite")
    registry.forget()


def test_the_example_measures(source: type[Source], tmp_path: Path) -> None:
    Draft202012Validator.check_schema(source.schema)
    with closing(sqlite3.connect(tmp_path / "requests.db")) as database, database:
        database.execute("CREATE TABLE requests (time REAL, failed INTEGER)")
        rows = [(START.timestamp() + second, second % 10 == 0) for second in range(0, 900, 3)]
        database.executemany("INSERT INTO requests VALUES (?, ?)", rows)
    made = source({"path": "requests.db"}, Surroundings(tmp_path))
    result = made.samples(Window(START, START + 2.5 * STEP, STEP))
    assert result == Measurement(
        (Sample(START, START + STEP, Counts(300, 30)), Sample(START + STEP, START + 2 * STEP, Counts(0, 0)))
    )


def test_the_example_reports_what_it_cannot_read(source: type[Source], tmp_path: Path) -> None:
    result = source({"path": "none.db"}, Surroundings(tmp_path)).samples(Window(START, START + STEP, STEP))
    assert isinstance(result, Unmeasured)


def test_a_source_is_offered_a_session_that_reaches_nothing_off_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROLLOUT_BOT_ALLOW_ADDRESSES", raising=False)
    with Surroundings(tmp_path).session() as session, pytest.raises(OffLimits):
        session.get("http://169.254.169.254/latest/meta-data", allow_redirects=False, timeout=1)


def test_every_source_has_a_valid_schema() -> None:
    for name in ("prometheus", "web", "recording"):
        Draft202012Validator.check_schema(registry.find(name).schema)


def test_the_documentation_shows_the_example_as_it_is() -> None:
    text = (EXAMPLES / "custom_source.py").read_text()
    shown = (EXAMPLES.parent / "metrics.md").read_text()
    assert text[text.index("class Sqlite") :].strip() in shown


def test_every_example_of_the_documentation_is_valid() -> None:
    shown = (EXAMPLES.parent / "metrics.md").read_text()
    sections = [yaml.safe_load(block)["metrics"] for block in re.findall(r"```yaml\n(.*?)```", shown, re.DOTALL)]
    assert len(sections) == 7
    for settings in sections:
        source = registry.find(settings.pop("source"))
        Draft202012Validator(source.schema).validate(settings)
        assert list(source.faults(settings)) == []
