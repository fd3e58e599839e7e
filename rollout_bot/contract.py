"""`state.yaml` for Python: the published contract, read from wherever the file was deployed to."""

from __future__ import annotations

import os
from pathlib import Path

from rollout_bot.core.model.state import State
from rollout_bot.files import state as state_file
from rollout_bot.files.document import MAX_BYTES
from rollout_bot.files.problems import InvalidFile, NotThere, Problem


def read_state(path: str | os.PathLike[str]) -> State:
    """The state in a `state.yaml`, checked against its schema; the policy is not needed.

    Raises InvalidFile, and nothing else, where the file is missing, unreadable or invalid: its text has each problem
    on a line. Whoever catches it knows nothing about the percentage.
    """
    return parse_state(read_bytes(path), path)


def parse_state(content: bytes, path: str | os.PathLike[str]) -> State:
    """The state in the bytes of a file, whose path is for messages. Raises InvalidFile."""
    file = os.fspath(path)
    try:
        return state_file.read_state(content, file)
    except ModuleNotFoundError:
        # A service may do without jsonschema, which finds the words for what is wrong, not whether anything is.
        allowed, hint = "a state by the schema of state.yaml", "With jsonschema installed this would say what is wrong"
        raise InvalidFile((Problem(file, 1, 1, "", "something else", allowed, hint),)) from None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The file's bytes, no more than it takes to see that it is too long. Raises InvalidFile."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotThere(f"{os.fspath(path)} is missing; give the path of a rollout's state.yaml") from None
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        raise NotThere(f"{os.fspath(path)} cannot be read: {getattr(error, 'strerror', error)}") from None
