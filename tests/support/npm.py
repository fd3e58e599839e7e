"""Files of npm packages for tests: fetched once into a cache folder, without installing anything."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from filelock import FileLock

from support.debian import cache_folder

GRAPHQL_SCHEMA = ("@octokit/graphql-schema", "15.26.1")
"""GitHub's published GraphQL schema, as its own client library packs it."""


AXE = ("axe-core", "4.14.1")
"""Checks pages for what keeps people with disabilities out."""


MERMAID = ("mermaid", "12.3.0")
"""Draws charts in Markdown, as GitHub does."""


def package(name: str, version: str) -> Path:
    """The folder of an unpacked npm package; downloads it once."""
    folder = cache_folder() / "npm" / hashlib.sha256(f"{name}@{version}".encode()).hexdigest()[:16]
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several workers of one test run must not download and unpack at once.
    with FileLock(f"{folder}.lock", timeout=300):
        if not folder.exists():
            _unpack(f"{name}@{version}", folder)
    return folder


def installed(source: Path) -> Path:
    """A copy of a folder with a package-lock.json, its packages installed as that has them; once for each lock."""
    lock = source / "package-lock.json"
    folder = cache_folder() / "npm" / source.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock", timeout=300):
        for file in source.iterdir():
            shutil.copy(file, folder)
        done = folder / "installed"
        if not done.exists() or done.read_bytes() != lock.read_bytes():
            _npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], folder, f"what {source.name} needs")
            shutil.copy(lock, done)
    return folder


def github_graphql_schema() -> str:
    """GitHub's GraphQL schema, in the schema definition language."""
    return (package(*GRAPHQL_SCHEMA) / "schema.graphql").read_text("utf-8")


def _unpack(what: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary)
        _npm(["pack", what, "--silent", "--ignore-scripts"], work, what)
        (archive,) = work.glob("*.tgz")
        with tarfile.open(archive) as packed:
            packed.extractall(work / "out", filter="data")
        # Renamed when complete, so that a run cut short leaves nothing that looks finished.
        shutil.move(work / "out" / "package", folder)


def _npm(arguments: list[str], folder: Path, what: str) -> None:
    try:
        command = ["npm", *arguments]
        done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=240)
    except FileNotFoundError:
        raise AssertionError(f"{what} is needed, and npm is not on PATH; install Node.js with npm") from None
    if done.returncode:
        raise AssertionError(f"{what} is not to be had from npm: {done.stderr.strip()}")
