"""Options of the test suite."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Speed is for the benchmarks: a busy machine makes no test fail. Where CI decides, a run depends on the commit alone.
settings.register_profile("suite", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.register_profile("fuzz", deadline=None, max_examples=int(os.environ.get("FUZZ_EXAMPLES", "5000")))
settings.load_profile("suite")
# The suite itself may run on a runner, where commands would turn to GitHub by themselves.
os.environ.pop("GITHUB_ACTIONS", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden texts of reports anew")
