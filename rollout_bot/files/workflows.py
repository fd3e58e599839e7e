"""The workflows that `init --github` writes, and this repository uses itself."""

from __future__ import annotations

import pkgutil
import re

FOLDER = ".github/workflows"

WORKFLOWS = (
    "rollout.yml",
    "rollout-gate.yml",
    "rollout-status.yml",
    "rollout-site.yml",
    "rollout-backtest.yml",
    "deploy-example.yml",
)

OWN = "./"
"""The action of the checked-out repository itself."""

# The syntax `$/` would mean the commit of the event: for a pull request, code that nobody has reviewed yet.
_OWN_USES = f"{OWN} # zizmor: ignore[self-repository]"

_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+@[0-9a-f]{40}")

_CHECKOUT_MARK = re.compile(r"^      # @CHECKOUT@ ?(.*)\n", re.MULTILINE)
_CHECKOUT = """\
      - name: Check out
        uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2
        with:
          persist-credentials: false
"""


def is_pinned(action: str) -> bool:
    """Whether an action is named by its repository and a whole commit id, which nobody can move."""
    return _PINNED.fullmatch(action) is not None


def workflow(name: str, *, action: str, rollout: str) -> str:
    """One of `WORKFLOWS`. An action of the repository itself has to be checked out; state is read through the API."""
    data = pkgutil.get_data("rollout_bot.files", f"templates/github/{name}")
    text = (data or b"").decode("utf-8").replace('"@ACTION@"', _OWN_USES if action == OWN else action)
    text = text.replace("@ROLLOUT@", rollout)
    return _CHECKOUT_MARK.sub(lambda mark: _checkout(mark[1]) if action == OWN else "", text)


def _checkout(ref: str) -> str:
    return _CHECKOUT + (f"          ref: {ref}\n" if ref else "")
