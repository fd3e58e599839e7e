"""Bounds for display, against published examples."""

from __future__ import annotations

import pytest

from rollout_bot.core.analysis.bounds import newcombe, wilson
from rollout_bot.core.verdict import Rate


def test_wilson_bounds() -> None:
    # 10 of 100: the textbook's interval.
    assert wilson(Rate(100.0, 10.0), 1.0) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(Rate(400.0, 40.0), 4.0) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert wilson(Rate(0.0, 0.0), 1.0) is None
    assert wilson(Rate(5e-324, 0.0), 1.0) == pytest.approx((0.0, 1.0))


def test_newcombe_bounds() -> None:
    # Newcombe (1998), table II, method 10: 56/70 − 48/80, 9/10 − 3/10 and 10/10 − 0/10.
    assert newcombe(Rate(70, 56), Rate(80, 48), 1.0) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe(Rate(10, 9), Rate(10, 3), 1.0) == pytest.approx((0.1705, 0.8090), abs=1e-4)
    assert newcombe(Rate(10, 10), Rate(10, 0), 1.0) == pytest.approx((0.6075, 1.0), abs=1e-4)
    assert newcombe(Rate(280, 224), Rate(320, 192), 4.0) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe(Rate(0, 0), Rate(10, 0), 1.0) is None
    assert newcombe(Rate(10, 0), Rate(0, 0), 1.0) is None
