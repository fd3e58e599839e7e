"""Checks that a tag releases what is here, and prints the text of the release: `python tools/release.py v1.2.3`."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def notes(tag: str, version: str, changelog: str) -> str:
    """The changelog's section of a version. Raises ValueError where tag, version and changelog do not agree."""
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag!r}; allowed: 'v{version}', the version in pyproject.toml")
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    found = next(
        (each for each in sections if re.match(rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n", each)), None
    )
    if found is None:
        raise ValueError(
            f"CHANGELOG.md has no '## [{version}] - YYYY-MM-DD'; rename Unreleased, and begin an empty one"
        )
    return found.partition("\n")[2].strip() + "\n"


def main(arguments: list[str]) -> int:
    """Prints the text; 1 with the reason if this cannot be released."""
    version = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        print(notes(arguments[0], version, Path("CHANGELOG.md").read_text(encoding="utf-8")), end="")
    except ValueError as error:
        print(f"cannot release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
