"""A YAML file as plain values, with the place of each: strict, bounded, never a surprise."""

from __future__ import annotations

import re

import yaml

from rollout_bot.core.model.repository import LARGEST
from rollout_bot.files.nodes import Builder, Node, refuse
from rollout_bot.files.problems import Problem, field_name

MAX_BYTES = LARGEST

Path = tuple[str | int, ...]

_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_ADVICE = (
    ("mapping values are not allowed", 'Put a text that contains ": " in quotes'),
    ("tab character", "Indent with spaces"),
    ("cannot start any token", "Indent with spaces, and put a text that begins with @, %, ` or a tab in quotes"),
    ("did not find expected", "Look for a missing quote or bracket, or a wrong indentation, here or just above"),
    ("expected ',' or", "Look for a missing quote, comma or bracket here or just above"),
    ("could not find expected ':'", "Look for a missing colon, quote or bracket here or just above"),
)


class Document:
    """A parsed file. `problems` are faults of its form, to be reported with those of its content."""

    def __init__(self, file: str, root: Node, problems: list[Problem]) -> None:
        self.file = file
        self.value = root.value
        self.problems = problems
        self._root = root

    def problem(self, path: Path, found: str, allowed: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem at the value that `path` leads to, or at its key; if it is absent, at what should hold it."""
        node, place = self._root, None
        for part in path:
            place = node.keys.get(str(part))
            if part not in node.children:
                break
            node = node.children[part]
        line, column = place if at_key and place else (node.line, node.column)
        return Problem(self.file, line, column, field_name(path), found, allowed, hint)


def parse(data: bytes, file: str) -> Document:
    """Reads one YAML document of UTF-8. Raises InvalidFile where nothing can be made of it."""
    text = _decode(data, file)
    builder = Builder(text, file)
    try:
        return Document(file, builder.document(), builder.problems)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be read"
        mark = getattr(error, "problem_mark", None)
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        hint = next((advice for part, advice in _ADVICE if part in problem), "")
        refuse(file, f"broken YAML ({problem})", "well-formed YAML", hint, place=place)


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        refuse(file, "a file of more than 256 kB", "at most 256 kB", "Is this the right file?")
    if b"\0" in data:
        refuse(file, "a binary file", "YAML, a text in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        refuse(file, f"byte 0x{data[error.start]:02x}, which is not UTF-8", "a text in UTF-8", place=_after(before))
    if mark := _CONFLICT.search(text):
        hint = "Choose a side, remove the markers and commit again"
        refuse(file, "a conflict marker of git", "a file without conflicts", hint, place=_after(text[: mark.start()]))
    if char := _UNPRINTABLE.search(text):
        found = f"the control character U+{ord(char.group()):04X}"
        refuse(file, found, "printable text", "In double quotes it can be escaped", place=_after(text[: char.start()]))
    return text


def _after(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1
