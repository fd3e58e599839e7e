"""A release: what a tag needs, what is built, and that each job may do only its own part."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.actions import ROOT, load, step, steps

RELEASE = ROOT / ".github/workflows/release.yml"
CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-25

### Added

- A thing.

## [1.1.0] - 2026-01-01

- Older.
"""


def released(folder: Path, tag: str, version: str = "1.2.0") -> subprocess.CompletedProcess[str]:
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    command = [sys.executable, ROOT / "tools/release.py", tag]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_changelogs_section_is_the_text_of_the_release(tmp_path: Path) -> None:
    done = released(tmp_path, "v1.2.0")
    assert (done.returncode, done.stdout) == (0, "### Added\n\n- A thing.\n")


@pytest.mark.parametrize(
    ("tag", "version", "reason"),
    [
        ("v1.2.1", "1.2.0", "the tag is 'v1.2.1'; allowed: 'v1.2.0', the version in pyproject.toml"),
        ("1.2.0", "1.2.0", "the tag is '1.2.0'"),
        ("v1.3.0", "1.3.0", "CHANGELOG.md has no '## [1.3.0] - YYYY-MM-DD'"),
    ],
)
def test_what_does_not_agree_is_not_released(tmp_path: Path, tag: str, version: str, reason: str) -> None:
    done = released(tmp_path, tag, version)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr


def test_the_packages_hold_all_that_is_needed_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-d", tmp_path]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,), (source,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {str(each.relative_to(ROOT)) for each in (ROOT / "rollout_bot").rglob("*") if each.is_file()}
    packed = {name for name in names if name.startswith("rollout_bot/")}
    assert packed == {name for name in shipped if "__pycache__" not in name}
    assert {name.split("/")[0] for name in names} == {"rollout_bot", "rollout_bot-0.1.0.dist-info"}
    with tarfile.open(source) as archive:
        assert not [
            name for name in archive.getnames() if re.search(r"/(\.venv|\.cache|\.git|dist|__pycache__)/", name)
        ]


def test_the_bill_of_materials_names_what_is_locked() -> None:
    command = [Path(sys.executable).with_name("cyclonedx-py"), "requirements", "requirements/runtime.txt"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    bill = json.loads(done.stdout)
    named = {f"{each['name']}=={each['version']}" for each in bill["components"]}
    locked = set(re.findall(r"^[\w.-]+==[^ ;\\]+", (ROOT / "requirements/runtime.txt").read_text(), re.MULTILINE))
    assert named == locked
    assert all(each["externalReferences"][0]["hashes"] for each in bill["components"])


def test_each_job_may_do_its_own_part_only() -> None:
    jobs = load(RELEASE)["jobs"]
    writes = {
        name: {what for what, level in job["permissions"].items() if level == "write"} for name, job in jobs.items()
    }
    assert writes == {
        "build": set(),
        "attest": {"id-token", "attestations"},
        "publish": {"id-token"},
        "release": {"contents"},
    }
    assert [job.get("needs") for job in jobs.values()] == [None, "build", "attest", "publish"]
    assert jobs["publish"]["environment"] == "pypi"
    assert "secrets." not in RELEASE.read_text()
    # What may sign or publish runs no code of the repository.
    assert [each["name"] for each in steps(load(RELEASE)) if "run" in each and "make" not in each["run"]] == [
        "Check the tag", "Release",
    ]  # fmt: skip


def test_what_is_built_is_what_is_attested_published_and_released() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "hatchling build -d dist/packages" in makefile
    assert "-o dist/rollout-bot.cdx.json" in makefile
    assert step(load(RELEASE), "Publish")["with"]["packages-dir"] == "dist/packages/"
    attested = step(load(RELEASE), "Attest where it comes from")["with"]["subject-path"].split()
    assert attested == step(load(RELEASE), "Release")["run"].split()[-2:]
