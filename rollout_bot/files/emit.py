"""Plain values as YAML that readers of YAML 1.1 and 1.2 understand alike."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from rollout_bot.core.wording import UNSEEN

# Such signs reach YAML in quotes only; whoever reads a pull request must see them.
_UNSEEN = re.compile(rf"(?!\n)[{UNSEEN}]")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Words that one version of YAML or the other takes for something else.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class _Dumper(yaml.SafeDumper):
    # Lists stand out from their key, as people write them.
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)


class Block(str):
    """A text of several lines, to be written as such rather than in quotes."""

    __slots__ = ()


def _block(dumper: yaml.SafeDumper, text: Block) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), "|")


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    # UTF-8 has no lone surrogates; JSON from outside may bring some.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if plain else '"')


def _float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    if number.is_integer() and abs(number) < 1e15:
        return dumper.represent_int(int(number))
    return dumper.represent_float(number)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Block, _block)
_Dumper.add_representer(float, _float)


def emit(about: str, values: Mapping[str, object]) -> str:
    """A comment that says what the file is, and the values in their order. Floats must be finite."""
    comment = "".join(f"# {line}\n" for line in about.splitlines())
    text = yaml.dump(dict(values), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1 << 30, indent=2)
    return comment + _UNSEEN.sub(lambda found: f"\\U{ord(found.group()):08X}", str(text))
