"""What is wrong with a file: one line a problem, all of them at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

_FOUND, _ALLOWED, _SHOWN = 80, 400, 60
_TOLD = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault and the way out. `line` and `column` count from 1; `field` is empty where no field is to blame.

    `found` and `allowed` are phrases that complete "found …; allowed: …"; `hint` is a sentence without its full stop.
    """

    file: str
    line: int
    column: int
    field: str
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        field = f"{_printable(self.field, _FOUND)}: " if self.field else ""
        hint = f". {_printable(self.hint, _ALLOWED)}" if self.hint else ""
        place = f"{_printable(self.file, _ALLOWED)}:{self.line}:{self.column}"
        found, allowed = _printable(self.found, _FOUND), _printable(self.allowed, _ALLOWED)
        return f"{place}: {field}found {found}; allowed: {allowed}{hint}"


class InvalidFile(Exception):
    """A file that cannot be used. Carries its problems, in order of place; its text has one on each line.

    Of a great many it tells the first, and how many more there are.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        found = sorted(problems, key=lambda each: (each.line, each.column, each.field))
        if len(found) > _TOLD + 1:
            more = f"{len(found) - _TOLD:,} more problems"
            found[_TOLD:] = [replace(found[_TOLD], field="", found=more, allowed="none", hint="Begin with those above")]
        self.problems = tuple(found)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotThere(InvalidFile):
    """A folder, a rollout or one of its files is missing or cannot be read; an InvalidFile without a place in it."""

    def __init__(self, text: str) -> None:
        super().__init__(())
        self.args = (text,)


def show(value: object) -> str:
    """A value of a document as a phrase for `Problem.found`: texts in quotes, cut where long."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return str(value)


def kind(value: object) -> str:
    """As `show`, without the value: for what may be a secret."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text that is not shown here, as it may hold a secret" if value else "an empty text"
        case _:
            return show(value)


def field_name(path: tuple[str | int, ...]) -> str:
    """("stages", 2, "name") → "stages[2].name", as jq and yq write it."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def _printable(text: str, limit: int) -> str:
    # What is not printable includes the marks that reverse the direction of writing.
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class Unreadable(ValueError):
    """A value that does not fit its format: the phrases of a `Problem`."""

    def __init__(self, found: str, allowed: str, hint: str = "") -> None:
        super().__init__(found, allowed, hint)
        self.found = found
        self.allowed = allowed
        self.hint = hint
