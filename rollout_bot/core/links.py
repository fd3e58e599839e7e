"""Where people can look further: addresses of what a report names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses on the website of a forge; every one is None where the forge has none, such as the local one.

    `repository` is the address of the repository itself, `run` that of the log of the present run.
    """

    repository: str | None = None
    run: str | None = None

    def pull(self, number: int) -> str | None:
        return self._of(f"pull/{number}")

    def commit(self, commit: str) -> str | None:
        return self._of(f"commit/{commit}")

    def _of(self, rest: str) -> str | None:
        return None if self.repository is None else f"{self.repository}/{rest}"


NOWHERE = Links()
"""Where there is no website."""
