"""What the policies of one repository say about each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from rollout_bot.core.model import dependencies
from rollout_bot.core.model.policy import Fault, Policy
from rollout_bot.core.model.repository import policy_path
from rollout_bot.files.policy import located, read_policy
from rollout_bot.files.problems import InvalidFile


class Neighbours:
    """The rollouts of those names, whose files `content` gives by path (None: there is no such file)."""

    def __init__(self, names: Sequence[str], content: Callable[[str], bytes | None]) -> None:
        self._names = names
        self._content = content

    def policy(self, rollout: str) -> Policy | None:
        """None where there is none that can be read."""
        content = self._content(policy_path(rollout))
        return None if content is None else _read(content, policy_path(rollout))

    def faults(self, policy: Policy) -> tuple[Fault, ...]:
        """What is wrong with the policy's `after`, as the others are."""
        return tuple(dependencies.faults(policy, self._names, self.policy))

    def problems(self, rollout: str) -> tuple[str, ...]:
        """The same of the rollout's own policy, each at its place; none where it cannot be read."""
        policy, content = self.policy(rollout), self._content(policy_path(rollout))
        found = self.faults(policy) if policy else ()
        return tuple(map(str, located(content, policy_path(rollout), found))) if content and found else ()

    def waiting_for(self, rollout: str) -> Iterator[str]:
        """The other rollouts whose policies name this one."""
        for name in self._names:
            # A thousand policies are searched sooner than read.
            if name == rollout or b"after" not in (self._content(policy_path(name)) or b""):
                continue
            policy = self.policy(name)
            if policy and any(needed.rollout == rollout for needed in policy.after):
                yield name


@lru_cache(maxsize=2000)
def _read(content: bytes, path: str) -> Policy | None:
    """Kept, because each rollout of a long chain looks at all that it waits for."""
    try:
        return read_policy(content, path)
    except InvalidFile:
        return None
