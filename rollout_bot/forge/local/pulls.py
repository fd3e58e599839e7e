"""Pull requests and reviews of the local forge: one small JSON file each under the git directory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollout_bot.core.model.repository import GateState, GateStatus, PullState
from rollout_bot.forge.interface import ForgeError

VERSION = 1


@dataclass(frozen=True, slots=True)
class Approval:
    by: str
    head: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Comment:
    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """A pull request as it is kept.

    `head` is the commit it was opened with, and once it is merged or closed, its last one. `message` is for the merge
    commit, below the title. `statuses` holds the gate by the head it was set on. `merge_commit` and `approvers` (those
    whose approval counted) are set by the merge.
    """

    number: int
    base: str
    branch: str
    head: str
    author: str
    title: str
    body: str
    state: PullState
    opened_at: datetime
    message: str = ""
    labels: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    statuses: Mapping[str, GateStatus] = field(default_factory=dict)
    comments: tuple[Comment, ...] = ()
    closed_at: datetime | None = None
    closed_by: str | None = None
    merge_commit: str | None = None
    approvers: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()


class PullStore:
    """The files `N.json` in one folder. Writing needs the forge's lock; reading does not, since files are replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[int, tuple[tuple[int, ...], Record]] = {}

    def all(self) -> tuple[Record, ...]:
        """Every pull request by number. Raises ForgeError that names the file which cannot be read."""
        try:
            with os.scandir(self._folder) as entries:
                found = [entry for entry in entries if _number(entry.name)]
                return tuple(self._cached(entry) for entry in sorted(found, key=lambda entry: _number(entry.name)))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ForgeError(f"{error.filename}: cannot be read: {error.strerror}; correct its permissions") from None

    def write(self, record: Record) -> None:
        """Replaces the file as a whole: a run killed here leaves the old one or the new one."""
        write_json(self._folder / f"{record.number}.json", {"version": VERSION, **asdict(record)})

    def _cached(self, entry: os.DirEntry[str]) -> Record:
        status = entry.stat()
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        number = _number(entry.name)
        known = self._read.get(number)
        if known is None or known[0] != stamp:
            known = self._read[number] = (stamp, _load(Path(entry.path), number))
        return known[1]


def write_json(path: Path, content: object) -> None:
    """Writes a JSON file in one step. Raises ForgeError where the folder cannot be written to."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", encoding="ascii", delete=False) as file:
            try:
                json.dump(content, file, indent=1, default=_plain)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        _flush(path.parent)
    except OSError as error:
        raise ForgeError(f"{path}: cannot be written: {error.strerror}; check permissions and free space") from None


def read_json(path: Path) -> Any:
    """The content of a file, None where there is none. Raises ForgeError where it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from None


def damaged(path: Path, found: str) -> ForgeError:
    return ForgeError(f"{path}: damaged: {found}; restore the file from a backup, or delete it to forget what it holds")


def _number(name: str) -> int:
    stem, _, suffix = name.partition(".")
    return int(stem) if suffix == "json" and stem.isascii() and stem.isdigit() and len(stem) < 10 else 0


def _load(path: Path, number: int) -> Record:
    try:
        record = _record(read_json(path))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from None
    if record.number != number:
        raise damaged(path, f"it holds number {record.number}")
    return record


def _record(data: Any) -> Record:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']!r}, this rollout-bot reads {VERSION}")
    return Record(
        number=int(data["number"]),
        base=as_text(data["base"]),
        branch=as_text(data["branch"]),
        head=as_text(data["head"]),
        author=as_text(data["author"]),
        title=as_text(data["title"]),
        body=as_text(data["body"]),
        state=PullState(data["state"]),
        opened_at=as_time(data["opened_at"]),
        message=as_text(data["message"]),
        labels=as_texts(data["labels"]),
        approvals=tuple(
            Approval(as_text(item["by"]), as_text(item["head"]), as_time(item["at"])) for item in data["approvals"]
        ),
        statuses={
            head: GateStatus(GateState(item["state"]), as_text(item["description"]))
            for head, item in data["statuses"].items()
        },
        comments=tuple(
            Comment(as_text(item["by"]), as_time(item["at"]), as_text(item["text"])) for item in data["comments"]
        ),
        closed_at=as_time(data["closed_at"]) if data["closed_at"] is not None else None,
        closed_by=as_text(data["closed_by"]) if data["closed_by"] is not None else None,
        merge_commit=as_text(data["merge_commit"]) if data["merge_commit"] is not None else None,
        approvers=as_texts(data["approvers"]),
        reviewers=as_texts(data.get("reviewers", [])),
    )


def as_text(value: object) -> str:
    """A value of JSON that has to be a text. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"a text was expected, found {value!r:.60}")
    return value


def as_texts(value: object) -> tuple[str, ...]:
    """A value of JSON that has to be a list of texts. Raises TypeError."""
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, found {value!r:.60}")
    return tuple(map(as_text, value))


def as_time(value: object) -> datetime:
    """A value of JSON that has to be a time with its zone. Raises TypeError and ValueError."""
    time = datetime.fromisoformat(as_text(value))
    if time.tzinfo is None:
        raise ValueError(f"the time {value!r} has no zone")
    return time.astimezone(UTC)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} is not kept in JSON")


def _flush(folder: Path) -> None:
    # Without this, a power failure could bring the old file back.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
