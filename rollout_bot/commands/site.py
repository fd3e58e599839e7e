"""`rollout-bot site`: the published pages, written into a folder."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rollout_bot.commands.common import Subparsers, add_now, command, evaluator, now_of
from rollout_bot.commands.exits import DONE, UsageError
from rollout_bot.commands.where import add_forge, links_of, open_forge

_EXAMPLES = """\
examples:
  rollout-bot site --output public                   an overview, and a page for each rollout
  python3 -m http.server --directory public          looks at it, on http://localhost:8000

Static pages without anything from elsewhere, for GitHub Pages or any other server: also a status document for each
rollout at api/NAME/rollout/status, a badge at NAME/badge.svg, and an Atom feed of all changes.
A folder that an earlier run wrote is replaced as a whole.
"""

_MARK = "api/rollouts.json"
"""By this file a folder is known as a site."""


def add(commands: Subparsers) -> None:
    parser = command(commands, "site", run, "write the status pages of all rollouts", _EXAMPLES)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where to write the pages")
    add_forge(parser)
    add_now(parser)


def run(options: argparse.Namespace) -> int:
    from rollout_bot.report.site import site_files
    from rollout_bot.tick.reading import changes
    from rollout_bot.tick.tick import Tick

    output: Path = options.output
    if output.exists() and not (output.is_dir() and ((output / _MARK).is_file() or not any(output.iterdir()))):
        raise UsageError(f"{output} holds something else than a site; name an empty folder, or one that does not exist")
    now = now_of(options)
    drawing = replace(evaluator(options, now), draws=True)
    record = Tick(open_forge(options, now), drawing, dry_run=True).run()
    snapshot = record.snapshot
    history = {each.rollout: changes(snapshot, each.rollout) for each in record.rollouts if snapshot is not None}
    number = _replace(output, site_files(record, history, links_of(options)))
    print(f"wrote  {output} ({number} files)")
    return DONE


def _replace(output: Path, files: Iterable[tuple[str, str]]) -> int:
    """Writes all files beside the folder before they take its place: nobody is served half a site."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as place:
        made = Path(place) / "site"
        number = 0
        for path, text in files:
            target = made / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            number += 1
        if output.exists():
            output.rename(Path(place) / "before")
        made.rename(output)
    return number
