"""Whatever a recording holds or a web service answers: counts, or a reason why there are none."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.repositories import START

from rollout_bot.core.samples import Measurement, Readings, Sample, Unmeasured, Window
from rollout_bot.metrics.http import Client
from rollout_bot.metrics.interface import Source, Surroundings
from rollout_bot.metrics.recording import Recording
from rollout_bot.metrics.web import Web

STEP = timedelta(minutes=15)
WINDOW = Window(START, START + 8 * STEP, STEP)


def made_of(*parts: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(parts) | st.text(max_size=3), max_size=25).map("".join)


TABLES = made_of(
    "time,total,failed", "\n", ",", '"', "2026-03-02T09:15:00Z", "2026-03-02T09:30:00+00:00", ",1,2\n", "1", "-1",
    "1e400",
    "9000-12-31T23:59:59-23:59", "1970-01-01T00:00:00+23:59", "1e308", ",baseline_total,baseline_failed", ",p99", "\r",
    "\u2028", "\0", "2026-03-02T09:15:00.123456789Z,10,1\n", "time,total,failed\n2026-03-02T09:15:00Z,10,1\n",
)  # fmt: skip
COUNTERS = made_of(
    "# TYPE r counter\n", "r_total", "f_total", '{a="b"}', " 1", " 1e308", " NaN", " +Inf", " -1", " 1772442000",
    " 1e300",
    " 99999999999999999999", " 1772442000.123\n", "\n", "# EOF\n", ' # {a="b"} 1 1', "# TYPE g gauge\ng 5 1772442900\n",
    "# UNIT r s\n", "# TYPE h histogram\n", 'h_bucket{le="+Inf"}', "_created", " -1e18", "r_total 5 1772442900\n",
    "# TYPE r counter\nr_total 1 1772442000\n", " 1e15\n", " -62135596801\n",
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4),
    st.sampled_from(["2026-03-02T09:15:00Z", "1e400", "-0", "9" * 400, 1e308, 10**400]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "t", "n", "f"]), inner),
    max_leaves=10,
)
TIMES = SCALARS | st.just("2026-03-02T09:15:00Z") | st.integers(0, 10**14)
ROWS = st.lists(st.fixed_dictionaries({"t": TIMES, "n": JSON, "f": JSON}) | JSON, max_size=3)
DOCUMENTS = JSON | st.fixed_dictionaries({"data": ROWS})
LISTS = st.sampled_from(
    ["data", "data", "@", "data[]", "data[*].n", "sort_by(data,&t)", "to_array(@)", "data[?n > `1`]", "reverse(@)",
     "map(&n,data)", "values(@)", "max_by(data,&n)", "merge(@,@)"]
)  # fmt: skip
FIELDS = st.sampled_from(
    ["t", "n", "f", "@", "to_number(n)", "length(@)", "sum(@)", "abs(n)", "avg(@)", "ceil(n)", "to_string(@)",
     "type(@)",
     "not_null(n,f)", "contains(n,f)", "starts_with(n,f)", "join(n,f)", "max(@)"]
)  # fmt: skip


def check(source: Source, query: str) -> None:
    found = source.samples(WINDOW)
    assert isinstance(found, Measurement | Unmeasured)
    if isinstance(found, Measurement):
        counted = [each for each in found.intervals if isinstance(each, Sample)]
        assert all(WINDOW.start <= each.start < each.end <= WINDOW.end for each in counted)
        assert all(0 <= each.enforced.failed <= each.enforced.total < float("inf") for each in counted)
    else:
        assert "\n" not in found.reason
    assert all(isinstance(each, Readings | Unmeasured) for each in source.readings({"q": query}, WINDOW).values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@given(text=TABLES, more=st.binary(max_size=20))
def test_any_table(folder: Path, text: str, more: bytes) -> None:
    (folder / "m.csv").write_bytes(text.encode("utf-8", "surrogatepass") + (more if len(more) > 15 else b""))
    source = Recording({"path": "m.csv"}, Surroundings(folder))
    check(source, "p99")
    source.extent(STEP)


@given(text=COUNTERS, ends=st.booleans())
def test_any_counters(folder: Path, text: str, ends: bool) -> None:
    (folder / "m.txt").write_bytes((text + "\n# EOF\n" * ends).encode("utf-8", "surrogatepass"))
    source = Recording({"path": "m.txt", "total": "r_total", "failed": "f_total"}, Surroundings(folder))
    check(source, "g")
    source.extent(STEP)


@given(DOCUMENTS, LISTS, FIELDS, FIELDS, FIELDS, st.sampled_from(["rfc3339", "seconds", "milliseconds"]), st.booleans())
def test_any_document(
    document: object, rows: str, time: str, total: str, failed: str, written: str, starts: bool
) -> None:
    settings = {"url": "http://x", "rows": rows, "time": time, "total": total, "failed": failed, "time_format": written}
    source = Web({**settings, "time_is": "start" if starts else "end"}, Surroundings(Path()))
    with patch.object(Client, "ask", lambda *_: document):
        check(source, total)
