"""JSON for programs that does no harm to people, terminals and runners which see it on its way."""

from __future__ import annotations

import json
import re

from rollout_bot.core.wording import UNSEEN

_UNSAFE = re.compile(rf"##\[|(?!\n)[{UNSEEN}]")
"""What nobody sees as what it is, and what a runner of GitHub Actions looks for in every line."""


def json_text(document: object) -> str:
    """A document with a newline at its end. In its texts, and nowhere else, unsafe signs stand as `\\uXXXX`."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _UNSAFE.sub(lambda found: _escaped(found.group()), text) + "\n"


def _escaped(text: str) -> str:
    """All of it as JSON writes what is not ASCII; of `##[` the last sign, which ASCII has."""
    return f"##\\u{ord('['):04x}" if text.startswith("#") else json.dumps(text)[1:-1].replace("\x7f", "\\u007f")
