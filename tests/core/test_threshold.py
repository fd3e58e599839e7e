"""The rule of the last hour, for teams that must have it."""

from __future__ import annotations

import pytest
from support.evidence import Interval, beside, judge, measured

from rollout_bot.core.model.policy import AnalysisRule, AnalysisSettings
from rollout_bot.core.verdict import Outcome

FINE, BAD = (500.0, 1.0), (500.0, 3.0)
RULE = AnalysisSettings(rule=AnalysisRule.THRESHOLD)


@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        ([FINE], Outcome.HEALTHY),
        ([BAD], Outcome.REGRESSED),
        ([(500.0, 2.5)], Outcome.HEALTHY),
        ([BAD] * 8 + [FINE] * 4, Outcome.HEALTHY),
        ([FINE] * 40 + [(500.0, 8.0)], Outcome.REGRESSED),
        ([(500.0, 8.0), *[FINE] * 3], Outcome.REGRESSED),
        ([(500.0, 8.0), *[FINE] * 4], Outcome.HEALTHY),
        ([(12.0, 12.0)] * 4, Outcome.INCONCLUSIVE),
        ([(12.0, 0.0)] * 4, Outcome.INCONCLUSIVE),
        ([(13.0, 1.0)] * 4, Outcome.REGRESSED),
        ([FINE, "timeout"], Outcome.UNAVAILABLE),
        ([], Outcome.INCONCLUSIVE),
        ([(0.0, 0.0)] * 4, Outcome.INCONCLUSIVE),
        ([*[FINE] * 4, (0.0, 0.0)], Outcome.INCONCLUSIVE),
    ],
)
def test_the_last_hour_decides(stage: list[Interval], outcome: Outcome) -> None:
    assert judge(measured(stage), settings=RULE).outcome is outcome


def test_it_says_so() -> None:
    verdict = judge(measured([BAD] * 8), settings=RULE)
    assert verdict.reasons == (
        "0.6 % of 2,000 requests failed (12) in the last hour, over the limit of 0.5 %",
        "since the stage began 0.6 % of 4,000 (24); the policy judges by the last hour alone (rule: threshold)",
    )
    assert verdict.regression is verdict.health is verdict.forecast is verdict.comparison is None
    assert verdict.bets == {}
    few = judge(measured([(12.0, 0.0)]), settings=RULE)
    assert few.reasons[1] == "only 12 requests in the last hour of the 50 that a verdict takes"
    silent = judge(measured([FINE] * 4 + [(0.0, 0.0)]), settings=RULE)
    assert silent.reasons[0] == "no requests for 15 min, where about 500 were to be expected"


def test_it_knows_no_baseline() -> None:
    verdict = judge(beside([BAD] * 4, [BAD]), settings=RULE)
    assert verdict.outcome is Outcome.REGRESSED
    assert verdict.comparison is None
