"""What an examination says of CODEOWNERS."""

from __future__ import annotations

import pytest
from support.repositories import OWNERS

from rollout_bot.core.finding import Level
from rollout_bot.forge.codeowners import read_owners
from rollout_bot.forge.ownership import examine


@pytest.mark.parametrize("place", [".github/CODEOWNERS", "CODEOWNERS"])
def test_codeowners_without_an_owner_is_a_weakness(place: str) -> None:
    def weak(text: str) -> list[str]:
        found = examine(read_owners(place, text.encode()), ["checkout"], there=True)
        return [f"{each.found}; {each.fix}" for each in found if each.level is Level.WEAK]

    why = "it has no owner itself, so anybody can merge a change that takes the others away"
    assert weak(OWNERS) == [f"{why}; add at the end: /{place} @OWNER"]
    assert weak(f"{OWNERS}/{place} @alice\n") == []
