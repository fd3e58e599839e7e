"""`tick --every --for`: the rhythm, with a clock of the test's own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout_bot.cli import main
from rollout_bot.commands.tick import repeated


class Clock:
    """Time passes only by sleeping and by working."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def played(every: float, span: float, lasting: list[float]) -> list[float]:
    """When each act began, each taking as long as the list says (the last for ever on)."""
    clock, begun = Clock(), []

    def act() -> int:
        begun.append(clock.now - 1000)
        clock.now += lasting[min(len(begun), len(lasting)) - 1]
        return len(begun)

    rhythm = repeated(act, timedelta(seconds=every), timedelta(seconds=span), lambda: clock.now, clock.sleep)
    assert list(rhythm) == list(range(1, len(begun) + 1))
    return begun


def test_ticks_at_its_distance_until_the_span_is_over() -> None:
    assert played(60, 240, [5]) == [0, 60, 120, 180, 240]
    assert played(60, 59, [5]) == [0]


def test_a_long_one_is_followed_at_the_next_multiple() -> None:
    assert played(60, 300, [130, 5]) == [0, 180, 240, 300]


@given(every=st.integers(1, 100), span=st.integers(1, 500), lasting=st.lists(st.integers(0, 300), min_size=1))
def test_never_overlaps_and_ends(every: int, span: int, lasting: list[int]) -> None:
    begun = played(every, span, [float(each) for each in lasting])
    assert all(moment % every == 0 for moment in begun)
    assert begun[-1] <= span
    assert begun == sorted(set(begun))


@pytest.mark.parametrize(
    "wrong",
    [["--every", "60s"], ["--for", "14m"], ["--every", "60s", "--for", "14m", "--now", "2026-01-01T00:00:00Z"]],
)
def test_what_does_not_go_together(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tick", *wrong]) == 2
    assert "--every and --for go together" in capsys.readouterr().err


def test_a_rhythm_needs_a_length(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("0s", "soon"):
        with pytest.raises(SystemExit):
            main(["tick", "--every", text, "--for", "1m"])
        assert "allowed" in capsys.readouterr().err


def test_a_forge_that_does_not_answer_ends_no_watch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tick", "--repository", str(tmp_path), "--every", "1h", "--for", "1s"]) == 1
    assert "no usable git repository" in capsys.readouterr().err
