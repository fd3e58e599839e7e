"""Checks, without network, that the locks hold what `pyproject.toml` asks for; `make lock` mends what it finds."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(lock: Path) -> dict[str, str]:
    """Locked versions by canonical name."""
    return {canonicalize_name(name): version for name, version in PIN.findall(lock.read_text(encoding="utf-8"))}


def unmet(requirements: list[str], locked: Mapping[str, str], lock: str) -> Iterator[str]:
    """Requirements that a lock does not meet."""
    for requirement in map(Requirement, requirements):
        version = locked.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            yield f"{lock} has {requirement.name} {version or 'not at all'}; pyproject.toml asks for {requirement}"


def main() -> int:
    """Prints every disagreement; 1 if there are any."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    dependencies, groups = project["project"]["dependencies"], project["dependency-groups"]
    runtime, dev = pins(Path("requirements/runtime.txt")), pins(Path("requirements/dev.txt"))
    faults = [
        *unmet([*dependencies, *resolve_dependency_groups(groups, "build")], runtime, "requirements/runtime.txt"),
        *unmet([*dependencies, *resolve_dependency_groups(groups, "dev")], dev, "requirements/dev.txt"),
        *(
            f"{name} is {runtime[name]} in the runtime's lock, {dev.get(name)} in the other"
            for name in runtime
            if runtime[name] != dev.get(name)
        ),
    ]
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print("To mend it: make lock", file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
