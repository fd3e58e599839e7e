"""Programs of Debian packages for tests: from PATH, else unpacked into a cache folder, without root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock


def cache_folder() -> Path:
    """`ROLLOUT_BOT_CACHE`, else `.cache` in the project."""
    return Path(os.environ.get("ROLLOUT_BOT_CACHE") or Path(__file__).parents[2] / ".cache").resolve()


def executable(package: str, name: str, also: tuple[str, ...] = ()) -> Path:
    """The program `name` of a package, such as ("prometheus", "promtool"); downloads the package once.

    `also` are packages that it needs and few systems have; they are unpacked into the same folder.
    """
    found = shutil.which(name)
    if found:
        return Path(found)
    folder = cache_folder() / "debian" / package
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several workers of one test run must not download and unpack at once.
    with FileLock(f"{folder}.lock", timeout=300):
        if not folder.exists():
            _unpack((package, *also), folder)
    return next(path for path in (folder / "usr" / each / name for each in ("bin", "sbin")) if path.exists())


def libraries(program: Path) -> dict[str, str]:
    """The environment in which an unpacked program finds what was unpacked beside it."""
    folders = program.parents[1].glob("lib/*-linux-gnu*")
    return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))} if cache_folder() in program.parents else {}


def _unpack(packages: tuple[str, ...], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary)
        download = ["apt-get", "download", *packages]
        done = subprocess.run(download, cwd=work, check=False, capture_output=True, text=True, timeout=240)
        if done.returncode:
            raise AssertionError(f"{packages[0]} is neither on PATH nor to be had from Debian: {done.stderr.strip()}")
        for archive in work.glob("*.deb"):
            subprocess.run(["dpkg", "-x", archive, work / "root"], check=True, capture_output=True, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)
        # Renamed when complete, so that a run cut short leaves nothing that looks finished.
        (work / "root").rename(folder)


if __name__ == "__main__":
    # For the Makefile: python tests/support/debian.py prometheus prometheus
    print(executable(*sys.argv[1:3]))
